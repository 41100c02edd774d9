"""Products of stencils whose couplings vary from cell to cell with vectors and blocks of columns."""

from __future__ import annotations

import numpy as np

from ritz.operators.stencils.kernels.rows import CHUNK, around, compiled, part, whole_or_inner

__all__ = ["variable", "variable_block"]


@compiled
def variable_2d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int],
    periodic: bool,
    diagonal: np.ndarray,
    c0: np.ndarray,
    c1: np.ndarray,
) -> None:
    """Multiply a stencil with variable couplings by a flat array; `periodic` refers to the last axis."""
    n0, n1 = grid
    rows = max(1, CHUNK // n1)
    start = first
    while start < last:
        inside = 0 < start < n0 - 1
        stop = min(start + rows, last, n0 - 1) if inside else start + 1
        before, after = around(start, n0)
        above, below = (before - start) * n1, (after - start) * n1
        at, count = whole_or_inner(start * n1, (stop - start) * n1, inside)
        o, d, c = part(y, at, count), part(diagonal, at, count), part(x, at, count)
        west, to_left = part(x, at - 1, count), part(c1, at - 1, count)
        east, to_right = part(x, at + 1, count), part(c1, at, count)
        u, up = part(x, at + above, count), part(c0, at + above, count)
        v, down = part(x, at + below, count), part(c0, at, count)
        for m in range(count):
            o[m] = d[m] * c[m] - to_left[m] * west[m] - to_right[m] * east[m] - up[m] * u[m] - down[m] * v[m]
        if periodic or not inside:
            for j in range(0, n1, max(1, n1 - 1)):
                left, right = around(j, n1)
                for m in range(start * n1 + j, stop * n1 + j, n1):
                    y[m] = (
                        diagonal[m] * x[m]
                        - c1[m + left - j] * x[m + left - j]
                        - c1[m] * x[m + right - j]
                        - c0[m + above] * x[m + above]
                        - c0[m] * x[m + below]
                    )
        start = stop


@compiled
def variable_3d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int, int],
    periodic: bool,
    diagonal: np.ndarray,
    c0: np.ndarray,
    c1: np.ndarray,
    c2: np.ndarray,
) -> None:
    """Multiply a stencil with variable couplings by a flat array; `periodic` refers to the last axis."""
    n0, n1, n2 = grid
    plane, rows = n1 * n2, max(1, CHUNK // n2)
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
            o, d, c = part(y, at, count), part(diagonal, at, count), part(x, at, count)
            west, to_left = part(x, at - 1, count), part(c2, at - 1, count)
            east, to_right = part(x, at + 1, count), part(c2, at, count)
            south, to_front = part(x, at + nearer, count), part(c1, at + nearer, count)
            north, to_back = part(x, at + farther, count), part(c1, at, count)
            u, up = part(x, at + above, count), part(c0, at + above, count)
            v, down = part(x, at + below, count), part(c0, at, count)
            for m in range(count):
                o[m] = (
                    d[m] * c[m]
                    - to_left[m] * west[m]
                    - to_right[m] * east[m]
                    - to_front[m] * south[m]
                    - to_back[m] * north[m]
                    - up[m] * u[m]
                    - down[m] * v[m]
                )
            if periodic or not inside:
                for k in range(0, n2, max(1, n2 - 1)):
                    left, right = around(k, n2)
                    for m in range(i * plane + start * n2 + k, i * plane + stop * n2 + k, n2):
                        y[m] = (
                            diagonal[m] * x[m]
                            - c2[m + left - k] * x[m + left - k]
                            - c2[m] * x[m + right - k]
                            - c1[m + nearer] * x[m + nearer]
                            - c1[m] * x[m + farther]
                            - c0[m + above] * x[m + above]
                            - c0[m] * x[m + below]
                        )
            start = stop


@compiled
def variable_2d_block(
    first: int, last: int, y: np.ndarray, x: np.ndarray, diagonal: np.ndarray, c0: np.ndarray, c1: np.ndarray
) -> None:
    """Multiply a stencil with variable couplings by the columns of an ``(n0, n1, columns)`` array."""
    n0, n1, columns = x.shape
    for i in range(first, last):
        before, after = around(i, n0)
        for j in range(n1):
            left, right = around(j, n1)
            d = diagonal[i, j]
            to_left, to_right, up, down = c1[i, left], c1[i, j], c0[before, j], c0[i, j]
            for column in range(columns):
                y[i, j, column] = (
                    d * x[i, j, column]
                    - to_left * x[i, left, column]
                    - to_right * x[i, right, column]
                    - up * x[before, j, column]
                    - down * x[after, j, column]
                )


@compiled
def variable_3d_block(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    diagonal: np.ndarray,
    c0: np.ndarray,
    c1: np.ndarray,
    c2: np.ndarray,
) -> None:
    """Multiply a stencil with variable couplings by the columns of an ``(n0, n1, n2, columns)`` array."""
    n0, n1, n2, columns = x.shape
    for i in range(first, last):
        before, after = around(i, n0)
        for j in range(n1):
            front, back = around(j, n1)
            for k in range(n2):
                left, right = around(k, n2)
                d, up, down = diagonal[i, j, k], c0[before, j, k], c0[i, j, k]
                to_left, to_right, to_front, to_back = c2[i, j, left], c2[i, j, k], c1[i, front, k], c1[i, j, k]
                for column in range(columns):
                    y[i, j, k, column] = (
                        d * x[i, j, k, column]
                        - to_left * x[i, j, left, column]
                        - to_right * x[i, j, right, column]
                        - to_front * x[i, front, k, column]
                        - to_back * x[i, back, k, column]
                        - up * x[before, j, k, column]
                        - down * x[after, j, k, column]
                    )


# Kernels by the dimension of the grid.
variable = {2: variable_2d, 3: variable_3d}
variable_block = {2: variable_2d_block, 3: variable_3d_block}
