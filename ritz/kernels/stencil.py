"""Products of 5- and 7-point stencils with vectors and blocks of columns.

Every kernel writes ``y = A x`` on a grid. The coupling of a cell is the one to its next neighbour along an axis; that
of the last cell leads back to the first and is zero unless the axis is periodic. Reading around the end of an axis
is therefore always allowed, and no kernel asks which boundary condition holds.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["constant", "variable", "variable_block"]

# Fused multiply-add is the one liberty taken with the order of rounding.
compiled = njit(cache=True, fastmath={"contract"})
inlined = njit(inline="always")


@inlined
def _around(i: int, n: int) -> tuple[int, int]:
    return (i - 1 if i > 0 else n - 1), (i + 1 if i < n - 1 else 0)


@inlined
def _couplings_around(weights: np.ndarray, axis: int, i: int, n: int) -> tuple[float, float]:
    inner, wrap = weights[axis, 0], weights[axis, 1]
    return (inner if i > 0 else wrap), (inner if i < n - 1 else wrap)


@inlined
def _ends(edge: int, width: int, step: int, inner: float, wrap: float) -> tuple[int, int, float, int, float]:
    """Return where the first or last cell of a row starts, and its neighbours in the row with their couplings."""
    if edge == 0:
        single = width == step
        return 0, width - step, wrap, (0 if single else step), (wrap if single else inner)
    return width - step, width - 2 * step, inner, 0, wrap


@compiled
def constant_2d(
    y: np.ndarray, x: np.ndarray, diagonal0: np.ndarray, diagonal1: np.ndarray, weights: np.ndarray, step: int
) -> None:
    """Multiply a stencil with one coupling an axis by ``(n0, n1 * step)`` arrays, `step` columns interleaved.

    The diagonal of cell (i, j) is ``diagonal0[i] + diagonal1[j]``; both differ from their second value at the ends
    only. Row a of `weights` holds the coupling inside axis a and the one around its end.
    """
    n0, width = x.shape
    if step < 1:
        return  # never so; the compiler, knowing it, finds that no index is negative and vectorises
    n1 = width // step
    inner, wrap = weights[1, 0], weights[1, 1]
    for i in range(n0):
        before, after = _around(i, n0)
        up, down = _couplings_around(weights, 0, i, n0)
        centre = diagonal0[i] + diagonal1[min(1, n1 - 1)]
        for j in range(width - 2 * step):
            y[i, j + step] = (
                centre * x[i, j + step]
                - inner * (x[i, j] + x[i, j + 2 * step])
                - up * x[before, j + step]
                - down * x[after, j + step]
            )
    for i in range(n0):  # apart from the loop above, which it would keep from being vectorised
        before, after = _around(i, n0)
        up, down = _couplings_around(weights, 0, i, n0)
        for edge in range(min(2, n1)):
            start, left, to_left, right, to_right = _ends(edge, width, step, inner, wrap)
            centre = diagonal0[i] + diagonal1[start // step]
            for j in range(step):
                y[i, start + j] = (
                    centre * x[i, start + j]
                    - to_left * x[i, left + j]
                    - to_right * x[i, right + j]
                    - up * x[before, start + j]
                    - down * x[after, start + j]
                )


@compiled
def constant_3d(
    y: np.ndarray,
    x: np.ndarray,
    diagonal0: np.ndarray,
    diagonal1: np.ndarray,
    diagonal2: np.ndarray,
    weights: np.ndarray,
    step: int,
) -> None:
    """Multiply a stencil with one coupling an axis by ``(n0, n1, n2 * step)`` arrays; see `constant_2d`.

    The inside of a plane is one long loop, wrong at the ends of its rows, which are then written again: rows are too
    short to be vectorised well.
    """
    n0, n1, width = x.shape
    margin = width - step
    if step < 1 or margin < 0 or width < 1:
        return  # never so; see above
    n2 = width // step
    inner, wrap = weights[2, 0], weights[2, 1]
    inner1 = weights[1, 0]
    planes, results = x.reshape(n0, n1 * width), y.reshape(n0, n1 * width)
    for i in range(n0):
        before, after = _around(i, n0)
        up, down = _couplings_around(weights, 0, i, n0)
        centre = diagonal0[i] + diagonal1[min(1, n1 - 1)] + diagonal2[min(1, n2 - 1)]
        for m in range((n1 - 2) * width):
            results[i, m + width] = (
                centre * planes[i, m + width]
                - inner * (planes[i, m + margin] + planes[i, m + width + step])
                - inner1 * (planes[i, m] + planes[i, m + 2 * width])
                - up * planes[before, m + width]
                - down * planes[after, m + width]
            )
        for j in range(n1):
            front, back = _around(j, n1)
            to_front, to_back = _couplings_around(weights, 1, j, n1)
            d = diagonal0[i] + diagonal1[j]
            if j == 0 or j == n1 - 1:
                centre = d + diagonal2[min(1, n2 - 1)]
                for k in range(width - 2 * step):
                    y[i, j, k + step] = (
                        centre * x[i, j, k + step]
                        - inner * (x[i, j, k] + x[i, j, k + 2 * step])
                        - to_front * x[i, front, k + step]
                        - to_back * x[i, back, k + step]
                        - up * x[before, j, k + step]
                        - down * x[after, j, k + step]
                    )
            for edge in range(min(2, n2)):
                start, left, to_left, right, to_right = _ends(edge, width, step, inner, wrap)
                centre = d + diagonal2[start // step]
                for k in range(step):
                    y[i, j, start + k] = (
                        centre * x[i, j, start + k]
                        - to_left * x[i, j, left + k]
                        - to_right * x[i, j, right + k]
                        - to_front * x[i, front, start + k]
                        - to_back * x[i, back, start + k]
                        - up * x[before, j, start + k]
                        - down * x[after, j, start + k]
                    )


@compiled
def variable_2d(y: np.ndarray, x: np.ndarray, diagonal: np.ndarray, c0: np.ndarray, c1: np.ndarray) -> None:
    """Multiply a stencil with its own couplings at every cell by an ``(n0, n1)`` array."""
    n0, n1 = x.shape
    for i in range(n0):
        before, after = _around(i, n0)
        for j in range(n1 - 2):
            y[i, j + 1] = (
                diagonal[i, j + 1] * x[i, j + 1]
                - c1[i, j] * x[i, j]
                - c1[i, j + 1] * x[i, j + 2]
                - c0[before, j + 1] * x[before, j + 1]
                - c0[i, j + 1] * x[after, j + 1]
            )
        for j in (0, n1 - 1):
            left, right = _around(j, n1)
            y[i, j] = (
                diagonal[i, j] * x[i, j]
                - c1[i, left] * x[i, left]
                - c1[i, j] * x[i, right]
                - c0[before, j] * x[before, j]
                - c0[i, j] * x[after, j]
            )


@compiled
def variable_3d(
    y: np.ndarray, x: np.ndarray, diagonal: np.ndarray, c0: np.ndarray, c1: np.ndarray, c2: np.ndarray
) -> None:
    """Multiply a stencil with its own couplings at every cell by an ``(n0, n1, n2)`` array."""
    n0, n1, n2 = x.shape
    for i in range(n0):
        before, after = _around(i, n0)
        for j in range(n1):
            front, back = _around(j, n1)
            for k in range(n2 - 2):
                y[i, j, k + 1] = (
                    diagonal[i, j, k + 1] * x[i, j, k + 1]
                    - c2[i, j, k] * x[i, j, k]
                    - c2[i, j, k + 1] * x[i, j, k + 2]
                    - c1[i, front, k + 1] * x[i, front, k + 1]
                    - c1[i, j, k + 1] * x[i, back, k + 1]
                    - c0[before, j, k + 1] * x[before, j, k + 1]
                    - c0[i, j, k + 1] * x[after, j, k + 1]
                )
            for k in (0, n2 - 1):
                left, right = _around(k, n2)
                y[i, j, k] = (
                    diagonal[i, j, k] * x[i, j, k]
                    - c2[i, j, left] * x[i, j, left]
                    - c2[i, j, k] * x[i, j, right]
                    - c1[i, front, k] * x[i, front, k]
                    - c1[i, j, k] * x[i, back, k]
                    - c0[before, j, k] * x[before, j, k]
                    - c0[i, j, k] * x[after, j, k]
                )


@compiled
def variable_2d_block(y: np.ndarray, x: np.ndarray, diagonal: np.ndarray, c0: np.ndarray, c1: np.ndarray) -> None:
    """Multiply a stencil with its own couplings at every cell by the columns of an ``(n0, n1, columns)`` array."""
    n0, n1, columns = x.shape
    for i in range(n0):
        before, after = _around(i, n0)
        for j in range(n1):
            left, right = _around(j, n1)
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
    y: np.ndarray, x: np.ndarray, diagonal: np.ndarray, c0: np.ndarray, c1: np.ndarray, c2: np.ndarray
) -> None:
    """Multiply a stencil with its own couplings at every cell by the columns of an ``(n0, n1, n2, columns)`` array."""
    n0, n1, n2, columns = x.shape
    for i in range(n0):
        before, after = _around(i, n0)
        for j in range(n1):
            front, back = _around(j, n1)
            for k in range(n2):
                left, right = _around(k, n2)
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


# By dimension of the grid.
constant = {2: constant_2d, 3: constant_3d}
variable = {2: variable_2d, 3: variable_3d}
variable_block = {2: variable_2d_block, 3: variable_3d_block}
