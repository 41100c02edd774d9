"""Incomplete factorisation of a symmetric matrix on its own pattern."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["incomplete_factors"]


@njit(cache=True)
def incomplete_factors(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    relaxation: float,
    diagonal: np.ndarray,
    smallest: np.ndarray,
) -> int:
    """Overwrite the entries of a symmetric CSR matrix with those of ``(D + L) D^-1 (D + L^T)``.

    Columns must be sorted in each row, and every row must contain its diagonal entry. Fill outside the pattern is
    dropped, and `relaxation` times its sum over the row is added to the diagonal.

    Parameters
    ----------
    diagonal : ndarray, shape (n,)
        Overwritten with D.
    smallest : ndarray, shape (n,)
        Threshold for the pivot of each row.

    Returns
    -------
    int
        First row whose pivot is not above its threshold, or -1 if there is none.
    """
    n = start.shape[0] - 1
    position = np.full(n, -1, dtype=np.int64)  # position of the entry of each column in the current row
    first_upper = np.empty(n, dtype=np.int64)
    for i in range(n):
        for entry in range(start[i], start[i + 1]):
            position[columns[entry]] = entry
        dropped = values[start[i]] * 0
        pivot_entry = position[i]
        for entry in range(start[i], pivot_entry):
            k = columns[entry]
            factor = values[entry] / diagonal[k]
            for other in range(first_upper[k], start[k + 1]):
                target = position[columns[other]]
                if target >= 0:
                    values[target] -= factor * values[other]
                else:
                    dropped += factor * values[other]
        diagonal[i] = values[pivot_entry] - relaxation * dropped
        if not diagonal[i] > smallest[i]:
            return i
        values[pivot_entry] = diagonal[i]
        first_upper[i] = pivot_entry + 1
        for entry in range(start[i], start[i + 1]):
            position[columns[entry]] = -1
    return -1
