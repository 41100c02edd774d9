"""Products of stencils that have one coupling per axis, but some closed faces, with vectors."""

from __future__ import annotations

import numpy as np

from ritz.operators.stencils.kernels.rows import CHUNK, around, compiled, part, where, whole_or_inner

__all__ = ["masked"]


@compiled
def masked_2d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int],
    periodic: bool,
    diagonal: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Multiply a stencil with one coupling per axis, or none across closed faces, by a flat array.

    The bits of `faces`, from the lowest, say whether the cell is coupled to the previous and to the next cell along the
    last axis, then along the axis before it.
    """
    n0, n1 = grid
    rows = max(1, CHUNK // n1)
    w0, w1 = weights[0], weights[1]
    start = first
    while start < last:
        inside = 0 < start < n0 - 1
        stop = min(start + rows, last, n0 - 1) if inside else start + 1
        before, after = around(start, n0)
        above, below = (before - start) * n1, (after - start) * n1
        at, count = whole_or_inner(start * n1, (stop - start) * n1, inside)
        o, d, c, open = part(y, at, count), part(diagonal, at, count), part(x, at, count), part(faces, at, count)
        west, east = part(x, at - 1, count), part(x, at + 1, count)
        u, v = part(x, at + above, count), part(x, at + below, count)
        for m in range(count):
            o[m] = (
                d[m] * c[m]
                - w1 * (where(open[m] & 1, west[m]) + where(open[m] & 2, east[m]))
                - w0 * (where(open[m] & 4, u[m]) + where(open[m] & 8, v[m]))
            )
        if periodic or not inside:
            for j in range(0, n1, max(1, n1 - 1)):
                left, right = around(j, n1)
                for m in range(start * n1 + j, stop * n1 + j, n1):
                    y[m] = (
                        diagonal[m] * x[m]
                        - w1 * (where(faces[m] & 1, x[m + left - j]) + where(faces[m] & 2, x[m + right - j]))
                        - w0 * (where(faces[m] & 4, x[m + above]) + where(faces[m] & 8, x[m + below]))
                    )
        start = stop


@compiled
def masked_3d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int, int],
    periodic: bool,
    diagonal: np.ndarray,
    faces: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Multiply a stencil with one coupling per axis, or none across closed faces, by a flat array; see `masked_2d`."""
    n0, n1, n2 = grid
    plane, rows = n1 * n2, max(1, CHUNK // n2)
    w0, w1, w2 = weights[0], weights[1], weights[2]
    for i in range(first, last):
        before, after = around(i, n0)
        above, below = (before - i) * plane, (after - i) * plane
        start = 0
        while start < n1:
            inside = 0 < start < n1 - 1
            stop = min(start + rows, n1 - 1) if inside else start + 1
            front, back = around(start, n1)
            nearer, farther = (front - start) * n2, (back - start) * n2
            at, count = whole_or_inner(i * plane + start * n2, (stop - start) * n2, inside)
            o, d, c, open = (
                part(y, at, count),
                part(diagonal, at, count),
                part(x, at, count),
                part(faces, at, count),
            )
            west, east = part(x, at - 1, count), part(x, at + 1, count)
            south, north = part(x, at + nearer, count), part(x, at + farther, count)
            u, v = part(x, at + above, count), part(x, at + below, count)
            for m in range(count):
                o[m] = (
                    d[m] * c[m]
                    - w2 * (where(open[m] & 1, west[m]) + where(open[m] & 2, east[m]))
                    - w1 * (where(open[m] & 4, south[m]) + where(open[m] & 8, north[m]))
                    - w0 * (where(open[m] & 16, u[m]) + where(open[m] & 32, v[m]))
                )
            if periodic or not inside:
                for k in range(0, n2, max(1, n2 - 1)):
                    left, right = around(k, n2)
                    for m in range(i * plane + start * n2 + k, i * plane + stop * n2 + k, n2):
                        y[m] = (
                            diagonal[m] * x[m]
                            - w2 * (where(faces[m] & 1, x[m + left - k]) + where(faces[m] & 2, x[m + right - k]))
                            - w1 * (where(faces[m] & 4, x[m + nearer]) + where(faces[m] & 8, x[m + farther]))
                            - w0 * (where(faces[m] & 16, x[m + above]) + where(faces[m] & 32, x[m + below]))
                        )
            start = stop


# Kernels by the dimension of the grid.
masked = {2: masked_2d, 3: masked_3d}
