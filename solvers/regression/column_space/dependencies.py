"""Linear dependencies between columns of very different lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import qr, solve_triangular

__all__ = ["dependencies", "remove_span"]

EPSILON = float(np.finfo(np.float64).eps)
FEW = 10  # columns that a dependent one is tried to be expressed by


def dependencies(matrix: np.ndarray, rank: int, condition: float, scale: np.ndarray) -> np.ndarray:
    """Return orthonormal vectors, one per column, that ``A = matrix / scale`` maps to zero.

    Each dependent column is expressed by `rank` independent ones that pivoting selects, or by a few of them if the
    other coefficients are rounding: times `scale`, those of short columns would exceed the true ones of long columns.

    Parameters
    ----------
    matrix : ndarray, shape (m, n)
        Columns of similar length, or of zeros.
    rank : int
    condition : float
        Condition number of `matrix` without its nullspace.
    scale : ndarray, shape (n,)

    Returns
    -------
    ndarray, shape (n, n - rank)

    Examples
    --------
    >>> null = dependencies(np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), 2, 1.0, np.array([1.0, 1e9, 1.0]))
    >>> abs(null).round(2).tolist()
    [[0.71], [0.0], [0.71]]
    """
    columns = matrix.shape[1]
    factors: Any = qr(matrix, mode="r", pivoting=True)
    R, order = factors
    coefficients = solve_triangular(R[:rank, :rank], R[:rank, rank:])
    rounding = 10 * max(columns, 10) * EPSILON
    kept = np.abs(coefficients) > rounding * condition
    for j in np.flatnonzero(kept.sum(axis=0) <= FEW):
        used, column = R[:rank, :rank][:, kept[:, j]], R[:rank, rank + j]
        fewer = np.linalg.lstsq(used, column)[0]
        if np.linalg.norm(used @ fewer - column) <= rounding * abs(R[0, 0]):
            coefficients[:, j] = 0.0
            coefficients[kept[:, j], j] = fewer
    null = np.zeros((columns, columns - rank))
    null[order[:rank]] = -coefficients
    null[order[rank:], np.arange(columns - rank)] = 1.0
    null *= scale[:, None]
    null /= np.abs(null).max(axis=0)
    for j in range(columns - rank):
        for _ in range(2):  # Gram-Schmidt, which keeps zeros, unlike reflections
            null[:, j] = remove_span(null[:, :j], null[:, j])
            null[:, j] /= np.linalg.norm(null[:, j])
    return null


def remove_span(basis: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return `x` without its part in the span of the orthonormal columns of `basis`."""
    return x - basis @ (basis.T @ x)
