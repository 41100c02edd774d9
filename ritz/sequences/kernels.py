"""Compiled loops for combinations of the last vectors of a sequence."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["errors", "solve_definite"]

compiled = njit(cache=True, fastmath={"contract", "reassoc", "nsz"})


@compiled
def errors(rows: np.ndarray, order: np.ndarray, weights: np.ndarray, x: np.ndarray, every: int) -> np.ndarray:
    """Return the squared distance of each combination from `x`, summed over every `every`-th entry."""
    distances = np.zeros(weights.shape[0])
    for m in range(0, x.shape[0], every):
        for kind in range(weights.shape[0]):
            difference = -np.float64(x[m])
            for i in range(order.shape[0]):
                difference += weights[kind, i] * rows[order[i], m]
            distances[kind] += difference * difference
    return distances


@compiled
def solve_definite(matrix: np.ndarray, rhs: np.ndarray, independent: float) -> np.ndarray:
    """Return the solution of a small positive definite system; `matrix` and `rhs` are overwritten.

    An unknown is set to zero if elimination leaves no more than the fraction `independent` of its pivot, which means
    that it depends on the unknowns before it.
    """
    count = rhs.shape[0]
    x, pivots, kept = np.zeros(count), np.diag(matrix).copy(), np.zeros(count, dtype=np.bool_)
    for j in range(count):
        if not matrix[j, j] > independent * pivots[j]:
            continue
        kept[j] = True
        for i in range(j + 1, count):
            factor = matrix[i, j] / matrix[j, j]
            rhs[i] -= factor * rhs[j]
            for k in range(j + 1, count):
                matrix[i, k] -= factor * matrix[j, k]
    for j in range(count - 1, -1, -1):
        if kept[j]:
            for k in range(j + 1, count):
                rhs[j] -= matrix[j, k] * x[k]
            x[j] = rhs[j] / matrix[j, j]
    return x
