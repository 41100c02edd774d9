"""Products of stencils that have one coupling per axis with vectors and blocks of columns."""

from __future__ import annotations

import numpy as np

from ritz.operators.stencils.kernels.rows import CHUNK, around, compiled, inlined, part

__all__ = ["constant"]


@inlined
def _couplings_around(weights: np.ndarray, axis: int, i: int, n: int) -> tuple[float, float]:
    inner, wrap = weights[axis, 0], weights[axis, 1]
    return (inner if i > 0 else wrap), (inner if i < n - 1 else wrap)


@inlined
def _run_2d(
    y: np.ndarray, x: np.ndarray, at: int, count: int, centre: float,
    left: int, to_left: float, right: int, to_right: float, before: int, up: float, after: int, down: float,
) -> None:  # fmt: skip
    """Write `count` entries from `at` on; `left`, `right`, ... are the positions of the first entry's neighbours."""
    o, c = part(y, at, count), part(x, at, count)
    west, east, u, d = part(x, left, count), part(x, right, count), part(x, before, count), part(x, after, count)
    for k in range(count):
        o[k] = centre * c[k] - to_left * west[k] - to_right * east[k] - up * u[k] - down * d[k]


@compiled
def constant_2d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int],
    diagonal0: np.ndarray,
    diagonal1: np.ndarray,
    weights: np.ndarray,
    step: int = 1,
) -> None:
    """Multiply a stencil with one coupling per axis by flat arrays of `step` interleaved columns.

    The diagonal of cell (i, j) is ``diagonal0[i] + diagonal1[j]``, and each of the two is constant except at its ends.
    Row a of `weights` holds the coupling along axis a and the coupling around its end.
    """
    n0, n1 = grid
    width = n1 * step
    rows = max(1, CHUNK // width)
    start = first
    while start < last:
        inside = 0 < start < n0 - 1
        stop = min(start + rows, last, n0 - 1) if inside else start + 1
        before, after = around(start, n0)
        up, down = _couplings_around(weights, 0, start, n0)
        diagonal = diagonal0[start]
        at, above, below = start * width, before * width, after * width
        inner = weights[1, 0]
        _run_2d(
            y, x, at + step, (stop - start) * width - 2 * step, diagonal + diagonal1[min(1, n1 - 1)],
            at, inner, at + 2 * step, inner, above + step, up, below + step, down,
        )  # fmt: skip
        for j in range(0, n1, max(1, n1 - 1)):
            left, right = around(j, n1)
            to_left, to_right = _couplings_around(weights, 1, j, n1)
            leftward, rightward = (left - j) * step, (right - j) * step
            centre = diagonal + diagonal1[j]
            at = start * width + j * step
            for _ in range(start, stop):
                for m in range(at, at + step):
                    y[m] = (
                        centre * x[m]
                        - to_left * x[m + leftward]
                        - to_right * x[m + rightward]
                        - up * x[m + (before - start) * width]
                        - down * x[m + (after - start) * width]
                    )
                at += width
        start = stop


@inlined
def _run_3d(
    y: np.ndarray, x: np.ndarray, at: int, count: int, centre: float,
    left: int, to_left: float, right: int, to_right: float, front: int, to_front: float, back: int, to_back: float,
    before: int, up: float, after: int, down: float,
) -> None:  # fmt: skip
    """Write `count` entries from `at` on; `left`, `right`, ... are the positions of the first entry's neighbours."""
    o, c = part(y, at, count), part(x, at, count)
    west, east, south, north = part(x, left, count), part(x, right, count), part(x, front, count), part(x, back, count)
    u, d = part(x, before, count), part(x, after, count)
    for k in range(count):
        o[k] = (
            centre * c[k]
            - to_left * west[k]
            - to_right * east[k]
            - to_front * south[k]
            - to_back * north[k]
            - up * u[k]
            - down * d[k]
        )


@compiled
def constant_3d(
    first: int,
    last: int,
    y: np.ndarray,
    x: np.ndarray,
    grid: tuple[int, int, int],
    diagonal0: np.ndarray,
    diagonal1: np.ndarray,
    diagonal2: np.ndarray,
    weights: np.ndarray,
    step: int = 1,
) -> None:
    """Multiply a stencil with one coupling per axis by flat arrays; see `constant_2d`."""
    n0, n1, n2 = grid
    width = n2 * step
    plane, rows = n1 * width, max(1, CHUNK // width)
    inner = weights[2, 0]
    for i in range(first, last):
        before, after = around(i, n0)
        up, down = _couplings_around(weights, 0, i, n0)
        above, below = (before - i) * plane, (after - i) * plane
        start = 0
        while start < n1:
            inside = 0 < start < n1 - 1
            stop = min(start + rows, n1 - 1) if inside else start + 1
            front, back = around(start, n1)
            to_front, to_back = _couplings_around(weights, 1, start, n1)
            nearer, farther = (front - start) * width, (back - start) * width
            diagonal = diagonal0[i] + diagonal1[start]
            at = i * plane + start * width + step
            _run_3d(
                y, x, at, (stop - start) * width - 2 * step, diagonal + diagonal2[min(1, n2 - 1)], at - step, inner,
                at + step, inner, at + nearer, to_front, at + farther, to_back, at + above, up, at + below, down,
            )  # fmt: skip
            for k in range(0, n2, max(1, n2 - 1)):
                left, right = around(k, n2)
                to_left, to_right = _couplings_around(weights, 2, k, n2)
                leftward, rightward = (left - k) * step, (right - k) * step
                centre = diagonal + diagonal2[k]
                at = i * plane + start * width + k * step
                for _ in range(start, stop):
                    for m in range(at, at + step):
                        y[m] = (
                            centre * x[m]
                            - to_left * x[m + leftward]
                            - to_right * x[m + rightward]
                            - to_front * x[m + nearer]
                            - to_back * x[m + farther]
                            - up * x[m + above]
                            - down * x[m + below]
                        )
                    at += width
            start = stop


# Kernels by the dimension of the grid.
constant = {2: constant_2d, 3: constant_3d}
