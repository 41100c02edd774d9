"""Vector operations between the values of all cells, in C order, and padded arrays.

Kernels work on planes `first` to `last` (exclusive).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

__all__ = ["PaddedRows", "pad", "padded_inner", "update_direction"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})
summing = njit(cache=True, nogil=True, fastmath={"contract", "nsz", "reassoc"})


class PaddedRows(NamedTuple):
    """Positions of the rows of a grid in a padded array.

    Parameters
    ----------
    rows, cells : int
        Rows per plane and cells per row.
    origin : int
        Index of the first cell.
    plane_stride, row_stride : int
        Distance between planes and between rows.
    """

    rows: int
    cells: int
    origin: int
    plane_stride: int
    row_stride: int


@compiled
def pad(
    first: int,
    last: int,
    out: np.ndarray,
    x: np.ndarray,
    used: np.ndarray,
    geometry: PaddedRows,
    scale: float,
) -> None:
    """Write `scale` times the values of the cells to a padded array; zero where `used` is zero."""
    rows, cells = geometry.rows, geometry.cells
    for i in range(first, last):
        for j in range(rows):
            f, c = geometry.origin + i * geometry.plane_stride + j * geometry.row_stride, (i * rows + j) * cells
            o, u, d = out[f : f + cells], x[c : c + cells], used[f : f + cells]
            for k in range(cells):
                o[k] = scale * u[k] if d[k] > 0 else 0.0


@summing
def padded_inner(
    first: int,
    last: int,
    x: np.ndarray,
    padded: np.ndarray,
    geometry: PaddedRows,
) -> float:
    """Return the inner product of the values of the cells with those in a padded array."""
    rows, cells = geometry.rows, geometry.cells
    total = 0.0
    for i in range(first, last):
        for j in range(rows):
            f, c = geometry.origin + i * geometry.plane_stride + j * geometry.row_stride, (i * rows + j) * cells
            p, u = padded[f : f + cells], x[c : c + cells]
            partial = 0.0
            for k in range(cells):
                partial += u[k] * p[k]
            total += partial
    return total


@compiled
def update_direction(
    first: int,
    last: int,
    p: np.ndarray,
    padded: np.ndarray,
    geometry: PaddedRows,
    scale: float,
    beta: float,
) -> None:
    """Overwrite `p` with `beta` times itself plus `scale` times the values in a padded array."""
    rows, cells = geometry.rows, geometry.cells
    for i in range(first, last):
        for j in range(rows):
            f, c = geometry.origin + i * geometry.plane_stride + j * geometry.row_stride, (i * rows + j) * cells
            v, u = padded[f : f + cells], p[c : c + cells]
            for k in range(cells):
                u[k] = scale * v[k] + beta * u[k]
