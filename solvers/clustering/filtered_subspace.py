"""Leading eigenvectors by Chebyshev-filtered subspace iteration, for graphs with a spectral gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Eigenvectors", "filtered_subspace"]

FIRST = 12  # degree of the first filter, for random vectors and a guess of the spectrum
SHORTEST, LONGEST = 2, 12  # degrees of later filters; longer ones would suffer from rounding errors
CHUNK = 1 << 13  # rows of a block processed at a time, to stay in the cache


@dataclass(frozen=True, eq=False)
class Eigenvectors:
    """Eigenpairs in order of descending eigenvalues.

    Parameters
    ----------
    values : ndarray, shape (k,)
    vectors : ndarray, shape (n, k)
        Orthonormal columns.
    residuals : ndarray, shape (k,)
        ``||M v - lambda v||``, relative to the largest eigenvalue.
    products : int
        Number of products with blocks of vectors.
    method : str
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    products: int
    method: str


def filtered_subspace(
    M: Any,
    count: int,
    *,
    tolerance: float,
    start: np.ndarray | None = None,
    max_products: int = 1000,
    dtype: Any = np.float32,
    seed: int = 0,
) -> Eigenvectors:
    """Return the eigenvectors of the largest eigenvalues of a symmetric non-negative matrix.

    A block of vectors is filtered by a Chebyshev polynomial of M and then replaced by its Ritz vectors
    :cite:`ZhouSaadTiagoChelikowsky2006`. The polynomial is small from minus the largest eigenvalue, a lower bound of
    the spectrum since M is non-negative, to the smallest Ritz value of the block. Multiple eigenvalues, which occur for
    clusters of equal size, cost nothing extra.

    Parameters
    ----------
    M : Similarity
        Provides ``size``, ``advance``, ``bulk`` and ``bound``.
    count : int
        Number of eigenvectors, at most n.
    tolerance : float
        Accepted relative residual; see `Eigenvectors`.
    start : ndarray, shape (n, any), optional
        Initial vectors; random vectors fill up the block.
    max_products : int
    dtype : dtype
        float32 halves the cost of a product and suffices for tolerances from 1e-5 on.
    seed : int
    """
    n = M.size
    width = min(n, 8 * -(-(count + 3) // 8))  # whole cache lines, with some spare vectors
    x = np.random.default_rng(seed).standard_normal((n, width), dtype=np.float32).astype(dtype, copy=False)
    if start is not None:
        kept = min(start.shape[1], width)
        x[:, kept:] *= float(np.linalg.norm(start[:, 0])) / n
        x[:, :kept] = start[:, :kept]
    y = np.zeros_like(x)
    _orthonormalise(x)
    M.advance(x, y, 1.0, 0.0, 0.0)
    products, floor, top = 1, M.bulk, M.bound
    while True:
        values, residuals = _rayleigh_ritz(x, y)
        if products > 1 or start is not None:
            # The Ritz values of the spare vectors are too low at first, the largest one the least so.
            spare = min(count, width - 1) if products <= FIRST + 1 else width - 1
            top, floor = max(float(values[0]), floor), float(values[spare])
        worst = float(residuals[:count].max()) / max(float(values[0]), 1e-300)
        if worst <= tolerance or products >= max_products or width == n:
            break
        centre, half = 0.5 * (floor - top), max(0.5 * (floor + top), 1e-3 * top)
        growth = (top - centre) / half
        degree = FIRST
        if products > 1:
            reach = max((float(values[count - 1]) - centre) / half, 1.0)
            needed = np.log(2.0 * worst / tolerance) / max(float(np.arccosh(reach)), 1e-3)
            degree = int(np.clip(np.ceil(needed), SHORTEST, LONGEST))
        # y = M x is available, which saves the first step. The filter is scaled to 1 at the top of the spectrum.
        sigma = 1.0 / growth
        for first in range(0, n, CHUNK):
            y[first : first + CHUNK] -= centre * x[first : first + CHUNK]
            y[first : first + CHUNK] *= sigma / half
        for _ in range(degree - 1):
            following = 1.0 / (2.0 * growth - sigma)
            M.advance(y, x, 2.0 * following / half, -2.0 * following * centre / half, -sigma * following)
            x, y, sigma = y, x, following
        x, y = y, x
        _orthonormalise(x)
        M.advance(x, y, 1.0, 0.0, 0.0)
        products += degree
    return Eigenvectors(values[:count], x[:, :count], residuals[:count] / values[0], products, "chebyshev")


def _rotate(x: np.ndarray, rotation: np.ndarray) -> None:
    """Replace x by ``x @ rotation`` in place, for a square rotation."""
    rotation = rotation.astype(x.dtype)
    for first in range(0, x.shape[0], CHUNK):
        x[first : first + CHUNK] = x[first : first + CHUNK] @ rotation


def _gram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``x^T y``, summed in float64."""
    total = np.zeros((x.shape[1], y.shape[1]))
    for first in range(0, x.shape[0], CHUNK):
        total += x[first : first + CHUNK].T @ y[first : first + CHUNK]
    return total


def _orthonormalise(x: np.ndarray) -> None:
    """Orthonormalise the columns in place, in two passes, since rounding spoils one if they are ill-conditioned."""
    for _ in range(2):
        gram = _gram(x, x)
        inverse = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
        values, vectors = np.linalg.eigh(inverse[:, None] * gram * inverse)
        _rotate(x, inverse[:, None] * vectors / np.sqrt(np.maximum(values, 1e-10)))


def _rayleigh_ritz(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate x, and y = M x, to the Ritz vectors in descending order; return Ritz values and residual norms."""
    projected = _gram(x, y)
    values, vectors = np.linalg.eigh(0.5 * (projected + projected.T))
    values, vectors = values[::-1], vectors[:, ::-1]
    _rotate(x, vectors)
    _rotate(y, vectors)
    squares = np.zeros(values.size)
    for first in range(0, x.shape[0], CHUNK):
        part = y[first : first + CHUNK] - x[first : first + CHUNK] * values.astype(x.dtype)
        squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
    return values, np.sqrt(squares)
