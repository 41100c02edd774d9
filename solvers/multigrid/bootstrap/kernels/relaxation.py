"""Gauss-Seidel sweeps and residuals of sparse matrices, for vectors and blocks of columns."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "backward_sweep",
    "block_backward_sweep",
    "block_first_sweep",
    "block_residual",
    "first_sweep",
    "residual",
    "row_parts",
]


@njit(cache=True, nogil=True)
def row_parts(start: np.ndarray, columns: np.ndarray, upper: np.ndarray) -> None:
    """Write the position of the first entry after the diagonal in each row."""
    for i in range(upper.size):
        upper[i] = start[i + 1]
        for entry in range(start[i], start[i + 1]):
            if columns[entry] > i:
                upper[i] = entry
                break


@njit(cache=True, nogil=True)
def first_sweep(
    start: np.ndarray,
    upper: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    inverse: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
    residual: np.ndarray,
) -> None:
    """Write the result of a forward sweep from zero, and its residual.

    The residual is the product with the strict upper triangle. By symmetry, its entries are those of the lower
    triangle, which are used while they are in cache. Rows whose `inverse` diagonal is zero keep x = 0 and their whole
    residual.
    """
    for i in range(rhs.size):
        total = rhs[i]
        x[i] = 0  # makes a test for the diagonal unnecessary
        for entry in range(start[i], upper[i]):
            total -= values[entry] * x[columns[entry]]
        own = total * inverse[i]
        for entry in range(start[i], upper[i]):
            residual[columns[entry]] -= values[entry] * own
        x[i] = own
        residual[i] = total if inverse[i] == 0 else 0


@njit(cache=True, nogil=True)
def backward_sweep(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    inverse: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
) -> None:
    """Sweep from the last row to the first."""
    for i in range(rhs.size - 1, -1, -1):
        total = rhs[i]
        x[i] = 0  # makes a test for the diagonal unnecessary
        for entry in range(start[i], start[i + 1]):
            total -= values[entry] * x[columns[entry]]
        x[i] = total * inverse[i]


@njit(cache=True, nogil=True)
def block_first_sweep(
    start: np.ndarray,
    upper: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    inverse: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
    residual: np.ndarray,
) -> None:
    """Do the same as `first_sweep` for the columns of an ``(n, k)`` block."""
    n, k = rhs.shape
    for i in range(n):
        for c in range(k):
            x[i, c] = rhs[i, c]
        for entry in range(start[i], upper[i]):
            j, value = columns[entry], values[entry]
            if j != i:
                for c in range(k):
                    x[i, c] -= value * x[j, c]
        for c in range(k):
            residual[i, c] = x[i, c] if inverse[i] == 0 else 0
            x[i, c] *= inverse[i]
    for i in range(n):
        for entry in range(upper[i], start[i + 1]):
            j, value = columns[entry], values[entry]
            for c in range(k):
                residual[i, c] -= value * x[j, c]


@njit(cache=True, nogil=True)
def block_backward_sweep(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    inverse: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
) -> None:
    """Do the same as `backward_sweep` for the columns of an ``(n, k)`` block."""
    n, k = rhs.shape
    for i in range(n - 1, -1, -1):
        for c in range(k):
            x[i, c] = rhs[i, c]
        for entry in range(start[i], start[i + 1]):
            j, value = columns[entry], values[entry]
            if j != i:
                for c in range(k):
                    x[i, c] -= value * x[j, c]
        for c in range(k):
            x[i, c] *= inverse[i]


@njit(cache=True, nogil=True)
def residual(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write ``rhs - A x``."""
    for i in range(first, last):
        total = rhs[i]
        for entry in range(start[i], start[i + 1]):
            total -= values[entry] * x[columns[entry]]
        out[i] = total


@njit(cache=True, nogil=True)
def block_residual(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    rhs: np.ndarray,
    x: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write ``rhs - A x`` for the columns of ``(n, k)`` blocks."""
    for i in range(first, last):
        for c in range(rhs.shape[1]):
            out[i, c] = rhs[i, c]
        for entry in range(start[i], start[i + 1]):
            value, j = values[entry], columns[entry]
            for c in range(rhs.shape[1]):
                out[i, c] -= value * x[j, c]
