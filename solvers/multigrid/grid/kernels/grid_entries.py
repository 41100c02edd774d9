"""Conversion of a sparse matrix on a grid to one padded array per offset."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["scatter_entries"]


@njit(cache=True, nogil=True)
def scatter_entries(
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    cells: np.ndarray,
    diagonal: np.ndarray,
    fields: np.ndarray,
    numbers: np.ndarray,
    origin: int,
    strides: np.ndarray,
) -> tuple[int, np.ndarray]:
    """Copy the entries of CSR rows to `diagonal` and `fields`, one of each pair of opposite entries.

    Parameters
    ----------
    numbers : ndarray, shape (3, 3, 3)
        Row of `fields` for each offset, shifted by one; -1 for the opposite half.

    Returns
    -------
    int
        First row that couples cells that do not touch, or -1 if there is none.
    ndarray, shape (3,)
        Whether entries wrap around the ends of each axis.
    """
    around = np.zeros(3, dtype=np.bool_)
    plane, row = cells[1] * cells[2], cells[2]
    for i in range(start.size - 1):
        i0, i1, i2 = i // plane, (i // row) % cells[1], i % row
        place = origin + i0 * strides[0] + i1 * strides[1] + i2 * strides[2]
        for entry in range(start[i], start[i + 1]):
            value, j = values[entry], columns[entry]
            if value == 0.0:
                continue
            if i == j:
                diagonal[place] += value
                continue
            d0, d1, d2 = j // plane - i0, (j // row) % cells[1] - i1, j % row - i2
            wrapped0, wrapped1, wrapped2 = abs(d0) > 1, abs(d1) > 1, abs(d2) > 1
            if wrapped0:
                d0 = -1 if d0 == cells[0] - 1 else (1 if d0 == 1 - cells[0] else 2)
            if wrapped1:
                d1 = -1 if d1 == cells[1] - 1 else (1 if d1 == 1 - cells[1] else 2)
            if wrapped2:
                d2 = -1 if d2 == cells[2] - 1 else (1 if d2 == 1 - cells[2] else 2)
            if d0 > 1 or d1 > 1 or d2 > 1:
                return i, around
            around[0] |= wrapped0
            around[1] |= wrapped1
            around[2] |= wrapped2
            number = numbers[d0 + 1, d1 + 1, d2 + 1]
            if number >= 0:
                fields[number, place] = value
    return -1, around
