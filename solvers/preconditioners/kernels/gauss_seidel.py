"""Triangular sweeps over the rows of a sparse matrix."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["block_symmetric_sweep", "symmetric_sweep"]


@njit(cache=True)
def symmetric_sweep(
    lower_start: np.ndarray,
    lower_columns: np.ndarray,
    lower: np.ndarray,
    upper_start: np.ndarray,
    upper_columns: np.ndarray,
    upper: np.ndarray,
    inverse_diagonal: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
) -> None:
    """Write the solution of ``(D + L) D^-1 (D + U) x = rhs`` to `x`, for strict triangles L and U in CSR format."""
    n = rhs.shape[0]
    for i in range(n):
        total = rhs[i]
        for entry in range(lower_start[i], lower_start[i + 1]):
            total -= lower[entry] * x[lower_columns[entry]]
        x[i] = total * inverse_diagonal[i]
    for i in range(n - 1, -1, -1):
        total = x[i] * 0
        for entry in range(upper_start[i], upper_start[i + 1]):
            total += upper[entry] * x[upper_columns[entry]]
        x[i] -= total * inverse_diagonal[i]


@njit(cache=True)
def block_symmetric_sweep(
    lower_start: np.ndarray,
    lower_columns: np.ndarray,
    lower: np.ndarray,
    upper_start: np.ndarray,
    upper_columns: np.ndarray,
    upper: np.ndarray,
    inverse_diagonal: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
) -> None:
    """Do the same as `symmetric_sweep` for the columns of an ``(n, k)`` block."""
    n, k = rhs.shape
    for i in range(n):
        for c in range(k):
            x[i, c] = rhs[i, c]
        for entry in range(lower_start[i], lower_start[i + 1]):
            value, j = lower[entry], lower_columns[entry]
            for c in range(k):
                x[i, c] -= value * x[j, c]
        for c in range(k):
            x[i, c] *= inverse_diagonal[i]
    for i in range(n - 1, -1, -1):
        for entry in range(upper_start[i], upper_start[i + 1]):
            value, j = upper[entry] * inverse_diagonal[i], upper_columns[entry]
            for c in range(k):
                x[i, c] -= value * x[j, c]
