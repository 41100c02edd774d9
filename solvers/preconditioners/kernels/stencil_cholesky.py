"""Incomplete factors of 5- and 7-point stencils, and the sweeps that solve with them.

Scaled to a unit diagonal, the factorised matrix is ``(I - F)(I - F^T)``. F is stored as the link of each cell to the
next cell along each axis. The links of the last layer lead to the first, and are zero unless the axis is periodic.
Fields have shape (planes, rows, width); a two-dimensional grid is a single plane.

A sweep is limited by latency, because each value depends on the previous one. Four rows are swept at once, each one
cell behind the row before it, which keeps four recurrences in flight.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["backward", "forward", "invert_pivots"]

# Reassociation allows sums over a row to be vectorised.
compiled = njit(cache=True, fastmath={"contract", "reassoc", "nsz"})
inlined = njit(inline="always")

GROUP = 4  # rows swept at once
CELLS = 2048  # approximate number of cells per chunk of rows, which stays in the nearest cache


@compiled
def invert_pivots(
    diagonal: np.ndarray,
    links: tuple[np.ndarray, ...],
    later: np.ndarray,
    relaxation: float,
    shift: float,
    smallest: float,
    inverse: np.ndarray,
) -> int:
    """Write the inverse pivots of the (modified) incomplete factorisation to `inverse`.

    The diagonal of the factorised matrix is `diagonal` times ``1 + shift``. Fill is dropped, and `relaxation` times its
    sum is added to the pivot. `later` holds the sum of the links of each cell to later cells.

    Returns
    -------
    int
        First cell whose pivot is not above `smallest` times its diagonal, or -1 if there is none.
    """
    links0, links1, links2 = links
    planes, rows, width = diagonal.shape
    for i in range(planes):
        for j in range(rows):
            for k in range(width):
                pivot = diagonal[i, j, k] * (1 + shift)
                if i > 0:
                    pivot -= _share(links0[i - 1, j, k], later[i - 1, j, k], inverse[i - 1, j, k], relaxation)
                    if i == planes - 1:
                        pivot -= _share(links0[i, j, k], later[0, j, k], inverse[0, j, k], relaxation)
                if j > 0:
                    pivot -= _share(links1[i, j - 1, k], later[i, j - 1, k], inverse[i, j - 1, k], relaxation)
                    if j == rows - 1:
                        pivot -= _share(links1[i, j, k], later[i, 0, k], inverse[i, 0, k], relaxation)
                if k > 0:
                    pivot -= _share(links2[i, j, k - 1], later[i, j, k - 1], inverse[i, j, k - 1], relaxation)
                    if k == width - 1:
                        pivot -= _share(links2[i, j, k], later[i, j, 0], inverse[i, j, 0], relaxation)
                if not pivot > smallest * diagonal[i, j, k]:
                    return (i * rows + j) * width + k
                inverse[i, j, k] = 1 / pivot
    return -1


@inlined
def _share(link, later, inverse, relaxation):  # pyright: ignore
    return link * (link + relaxation * (later - link)) * inverse


@inlined
def _cell(y, links1, links2, j, k, above, left):  # pyright: ignore
    value = y[j, k] + links2[j, k - 1] * left + links1[j - 1, k] * above
    y[j, k] = value
    return value


@inlined
def _row(y, links1, links2, j, begin, end):  # pyright: ignore
    for k in range(begin, end):
        y[j, k] += links2[j, k - 1] * y[j, k - 1] + links1[j - 1, k] * y[j - 1, k]


@compiled
def _substitute(
    y: np.ndarray,
    links1: np.ndarray,
    links2: np.ndarray,
    around1: np.ndarray,
    around2: np.ndarray,
    first: int,
    last: int,
) -> None:
    """Overwrite rows `first` to `last` (exclusive) of a plane `y` with ``(I - F)^-1 y``; earlier rows must be done.

    `around1` links the last row to the first, and `around2` the last cell of each row to its first.
    """
    rows, width = y.shape
    j = first
    if j == 0:
        if width > 1:
            y[0, width - 1] += around2[0] * y[0, 0]
        for k in range(1, width):
            y[0, k] += links2[0, k - 1] * y[0, k - 1]
        j = 1
    if 0 < j < last == rows:
        for k in range(width):
            y[rows - 1, k] += around1[k] * y[0, k]
    for row in range(j, last):
        y[row, 0] += links1[row - 1, 0] * y[row - 1, 0]
        if width > 1:
            y[row, width - 1] += around2[row] * y[row, 0]
    while width > GROUP and j + GROUP <= last:
        _row(y, links1, links2, j, 1, 4)
        _row(y, links1, links2, j + 1, 1, 3)
        _row(y, links1, links2, j + 2, 1, 2)
        a, b, c, d = y[j, 3], y[j + 1, 2], y[j + 2, 1], y[j + 3, 0]
        for k in range(1, width - 3):
            d = _cell(y, links1, links2, j + 3, k, c, d)
            c = _cell(y, links1, links2, j + 2, k + 1, b, c)
            b = _cell(y, links1, links2, j + 1, k + 2, a, b)
            a = _cell(y, links1, links2, j, k + 3, y[j - 1, k + 3], a)
        _row(y, links1, links2, j + 1, width - 1, width)
        _row(y, links1, links2, j + 2, width - 2, width)
        _row(y, links1, links2, j + 3, width - 3, width)
        j += GROUP
    for row in range(j, last):
        _row(y, links1, links2, row, 1, width)


@compiled
def forward(
    r: np.ndarray,
    factor: tuple[np.ndarray, ...],
    y: np.ndarray,
    x: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    step: float,
) -> tuple[float, float]:
    """Add ``step * p`` to `x` and ``-step * q`` to `r`, then write ``(I - F)^-1 (scale * r)`` to `y`.

    If `step` is zero, only the sweep is done. Fusing the two reads `r` only once.

    Returns
    -------
    float, float
        Squared norms of `r` and of `y`; the latter is the inner product of r and the preconditioned r.
    """
    scale, links0, links1, links2 = factor
    planes, rows, width = r.shape
    residual, inner = step * 0, step * 0
    chunk = GROUP * (1 + CELLS // (GROUP * width))
    for i in range(planes):
        j = 0
        while j < rows:
            last = min(j + chunk + (j == 0), rows)
            for row in range(j, last):
                if step != 0:
                    for k in range(width):
                        x[i, row, k] += step * p[i, row, k]
                        r[i, row, k] -= step * q[i, row, k]
                for k in range(width):
                    residual += r[i, row, k] * r[i, row, k]
                    y[i, row, k] = scale[i, row, k] * r[i, row, k]
                if i > 0:
                    for k in range(width):
                        y[i, row, k] += links0[i - 1, row, k] * y[i - 1, row, k]
                    if i == planes - 1:
                        for k in range(width):
                            y[i, row, k] += links0[i, row, k] * y[0, row, k]
            _substitute(y[i], links1[i], links2[i], links1[i, rows - 1], links2[i, :, width - 1], j, last)
            for row in range(j, last):
                for k in range(width):
                    inner += y[i, row, k] * y[i, row, k]
            j = last
    return residual, inner


@compiled
def backward(
    y: np.ndarray,
    factor: tuple[np.ndarray, ...],
    p: np.ndarray,
    keep: float,
) -> None:
    """Overwrite `p` with ``scale * z + keep * p``, and `y` with ``z = (I - F^T)^-1 y``."""
    scale, links0, links1, links2 = factor
    planes, rows, width = y.shape
    chunk = GROUP * (1 + CELLS // (GROUP * width))
    for i in range(planes - 1, -1, -1):
        # A backward sweep is a forward sweep on the plane with both axes reversed.
        turned, turned1 = y[i, ::-1, ::-1], links1[i, : rows - 1][::-1, ::-1]
        turned2 = links2[i, :, : width - 1][::-1, ::-1]
        around1, around2 = links1[i, rows - 1, ::-1], links2[i, ::-1, width - 1]
        j = 0
        while j < rows:
            last = min(j + chunk + (j == 0), rows)
            if i < planes - 1:
                for row in range(rows - last, rows - j):
                    for k in range(width):
                        y[i, row, k] += links0[i, row, k] * y[i + 1, row, k]
                    if i == 0:
                        for k in range(width):
                            y[0, row, k] += links0[planes - 1, row, k] * y[planes - 1, row, k]
            _substitute(turned, turned1, turned2, around1, around2, j, last)
            for row in range(rows - last, rows - j):
                if keep == 0:
                    for k in range(width):
                        p[i, row, k] = scale[i, row, k] * y[i, row, k]
                else:
                    for k in range(width):
                        p[i, row, k] = scale[i, row, k] * y[i, row, k] + keep * p[i, row, k]
            j = last
