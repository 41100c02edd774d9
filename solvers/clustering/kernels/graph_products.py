"""Products of a scaled adjacency matrix with a block of vectors, one row per vertex."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

__all__ = ["TILE", "scaled_product", "scaled_product_in_turn"]

TILE = 16 << 20  # bytes of the rows read together: small enough for the cache, and few passes over `out`


def _scaled_product(
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    scale: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
    coefficients: np.ndarray,
    tile: int,
    parts: int,
) -> None:
    """Replace `out` by ``a S W S x + b x + c out``, where S is the diagonal matrix of `scale`.

    Parameters
    ----------
    indptr, indices, weights : ndarray
        The matrix W in CSR format, with sorted indices in each row; `weights` is empty if all are 1.
    scale : ndarray, shape (n,)
    x, out : ndarray, shape (n, columns)
        C-ordered, so that the columns share the cost of random access to a row.
    coefficients : ndarray, shape (3,)
        a, b and c.
    tile : int
        Number of rows of x to process before the next ones; as many as fit into the cache.
    parts : int
        Number of parts into which the rows of `out` are divided among threads.
    """
    n, width = x.shape
    unit = weights.size == 0
    a, b, c = coefficients
    for part in prange(parts):
        first, last = part * n // parts, (part + 1) * n // parts
        position = indptr[first:last].copy()
        total = np.empty(width, dtype=x.dtype)
        for i in range(first, last):
            for column in range(width):
                out[i, column] = b * x[i, column] + c * out[i, column]
        end = 0
        while end < n:
            end = min(n, end + tile)
            for i in range(first, last):
                entry, stop = position[i - first], indptr[i + 1]
                if entry == stop or indices[entry] >= end:
                    continue
                total[:] = 0
                while entry < stop and indices[entry] < end:
                    j = indices[entry]
                    factor = scale[j] if unit else scale[j] * weights[entry]
                    for column in range(width):
                        total[column] += factor * x[j, column]
                    entry += 1
                position[i - first] = entry
                for column in range(width):
                    out[i, column] += a * scale[i] * total[column]


scaled_product = njit(cache=True, nogil=True, parallel=True, fastmath={"contract", "reassoc"})(_scaled_product)
scaled_product_in_turn = njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})(_scaled_product)
"""The same on one thread, for blocks too small for threads to pay off."""
