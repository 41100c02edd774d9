"""Factorisation of matrices whose rows differ in size by many orders of magnitude.

The rank of such a matrix does not depend on the sizes of its rows, but normwise stable methods take small rows next to
large ones for rounding. Here the rank is that of the matrix with rows and columns of similar size, and rows are sorted
before they are factored, which keeps errors small relative to each row :cite:`CoxHigham1998`.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.sparse import issparse

from .dependencies import dependencies

__all__ = ["LongestRows", "factor_sorted_rows", "independent_columns", "largest_entries", "powers_of_two"]

ROWS = 4096  # rows made dense at a time


@dataclass(frozen=True, eq=False)
class LongestRows:
    """As many rows as A has rank, the longest independent ones, by which vectors are made orthogonal to all columns.

    The entries of a vector at long rows are tiny if it is orthogonal to the columns. An orthogonal projection has
    errors that are small compared with its largest entry; these rows give the tiny ones to full relative accuracy.

    Parameters
    ----------
    matrix : ndarray or CSR array, shape (n, rank)
        Independent columns of A, in units in which their largest entries are about 1.
    rows : ndarray of int, shape (rank,)
    orthogonal, triangle : ndarray, shape (rank, rank)
        QR factors of the transpose of these rows.
    """

    matrix: Any
    rows: np.ndarray
    orthogonal: np.ndarray
    triangle: np.ndarray

    def complement(self, y: np.ndarray) -> np.ndarray:
        """Return `y`, which is nearly orthogonal to all columns, with the entries that make it so."""
        y = y.copy()
        for _ in range(2):
            excess = self.orthogonal.T @ (self.matrix.T @ y)
            y[self.rows] -= solve_triangular(self.triangle, excess)
        return y


def largest_entries(A: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the magnitudes of the largest entries of each row and of each column of an array or CSR array."""
    if issparse(A):
        magnitudes = abs(A)
        return magnitudes.max(axis=1).toarray().ravel(), magnitudes.max(axis=0).toarray().ravel()
    rows, columns = np.empty(A.shape[0]), np.zeros(A.shape[1])
    step = max(1, 2**16 // A.shape[1])
    for start in range(0, A.shape[0], step):
        block = np.abs(A[start : start + step])
        rows[start : start + step] = block.max(axis=1)
        np.maximum(columns, block.max(axis=0), out=columns)
    return rows, columns


def powers_of_two(largest: np.ndarray) -> np.ndarray:
    """Return the powers of two u for which ``largest / u`` lies in [1, 2), or 1 where `largest` is zero.

    Examples
    --------
    >>> powers_of_two(np.array([0.0, 3.0, 0.4])).tolist()
    [1.0, 2.0, 0.25]
    """
    exponents = np.clip(np.frexp(largest)[1] - 1, -1022, 1022)
    return np.where(largest > 0.0, np.ldexp(1.0, exponents), 1.0)


def independent_columns(A: Any, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of as many columns as A has rank, and orthonormal vectors that A maps to zero.

    Parameters
    ----------
    A : ndarray or CSR array, shape (n, d)
    sizes : ndarray, shape (n,)
        Largest entries of the rows.
    """
    columns = A.shape[1]
    rows = powers_of_two(sizes)
    units = np.zeros(columns)
    for chosen, block in _blocks(A, np.arange(A.shape[0])):
        np.maximum(units, np.abs(block / rows[chosen, None]).max(axis=0), out=units)
    scale = 1.0 / powers_of_two(units)
    triangle: Any = np.zeros((0, columns))
    for chosen, block in _blocks(A, np.arange(A.shape[0])):
        triangle = np.linalg.qr(np.vstack((triangle, block / rows[chosen, None] * scale)), mode="r")
    values = np.linalg.svd(triangle, compute_uv=False)
    rank = int((values > np.finfo(float).eps * max(A.shape) * values[0]).sum())
    if rank == columns:
        return np.arange(columns), np.zeros((columns, 0))
    if rank == 0:
        return np.zeros(0, dtype=int), np.eye(columns)
    kept = np.sort(_pivoted(triangle)[2][:rank])
    return kept, dependencies(triangle, rank, float(values[0] / values[rank - 1]), scale)


def factor_sorted_rows(matrix: Any, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, LongestRows]:
    """Return a dense Q, the T with ``matrix @ T = Q``, and the longest rows.

    Parameters
    ----------
    matrix : ndarray or CSR array, shape (n, rank)
        Independent columns.
    sizes : ndarray, shape (n,)
        Largest entries of the rows.
    """
    rank = matrix.shape[1]
    by_size = np.argsort(-sizes, kind="stable")
    candidates, longest = np.zeros((0, rank)), np.zeros(0, dtype=int)
    for chosen, block in _blocks(matrix, by_size):
        together, names = np.vstack((candidates, block)), np.concatenate((longest, chosen))
        best = _pivoted(together.T)[2][:rank]
        candidates, longest = together[best], names[best]
    orthogonal, triangle, order = _pivoted(candidates.T)
    rows = LongestRows(matrix, longest[order], orthogonal, triangle)
    Q = np.empty(matrix.shape)
    dense = matrix.toarray() if issparse(matrix) else matrix
    Q[by_size], R, order = _pivoted(dense[by_size])
    transform = np.empty((rank, rank))
    transform[order] = solve_triangular(R, np.eye(rank))
    return Q, transform, rows


def _pivoted(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    factors: Any = qr(matrix, mode="economic", pivoting=True)
    return factors


def _blocks(A: Any, order: np.ndarray) -> Generator[tuple[np.ndarray, np.ndarray]]:
    """Yield the indices of some rows, in the given order, and these rows."""
    for start in range(0, order.size, ROWS):
        chosen = order[start : start + ROWS]
        yield chosen, A[chosen].toarray() if issparse(A) else A[chosen]
