"""Sweeps of a multigrid cycle for operators that couple cells across faces.

Vectors are flat and padded as in `grid.kernels.grid_levels`. ``couplings[h, m]`` couples cells m and
``m + strides[h]``; it is the matrix entry with opposite sign. Interpolation gives every cell the value of the coarse
cell that contains it, and smooths the result by one damped Jacobi step; restriction is its transpose.

Each sweep fuses several passes over the grid, block by block. A pass follows its predecessor at a distance of one
block, which is at least the distance to the farthest neighbour, so its input is still in the nearest cache. `damping`
and `spread` hold one number for the grid, or one per cell.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ...grid.kernels.grid_levels import neighbour_sums

__all__ = ["correct_and_smooth", "product", "smooth_and_restrict", "smoothed"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})
BLOCK = 4096  # least number of cells per block


@compiled
def _relax(
    start: int,
    stop: int,
    out: np.ndarray,
    x: np.ndarray,
    rhs: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    damping: np.ndarray,
    rate: float,
    buffer: np.ndarray,
) -> None:
    """Write ``x + rate damping D^-1 (rhs - A x)`` to a block of cells."""
    sums = buffer[: stop - start]
    neighbour_sums(sums, x, couplings, strides, start)
    o, u, b, d = out[start:stop], x[start:stop], rhs[start:stop], inverse[start:stop]
    if damping.size == 1:
        factor = rate * damping[0]
        for k in range(o.size):
            o[k] = u[k] + factor * (d[k] * (b[k] + sums[k]) - u[k])
    else:
        w = damping[start:stop]
        for k in range(o.size):
            o[k] = u[k] + rate * w[k] * (d[k] * (b[k] + sums[k]) - u[k])


@compiled
def _start(
    start: int,
    stop: int,
    out: np.ndarray,
    rhs: np.ndarray,
    inverse: np.ndarray,
    damping: np.ndarray,
    rate: float,
) -> None:
    """Write ``rate damping D^-1 rhs`` to a block of cells."""
    o, b, d = out[start:stop], rhs[start:stop], inverse[start:stop]
    if damping.size == 1:
        factor = rate * damping[0]
        for k in range(o.size):
            o[k] = factor * d[k] * b[k]
    else:
        w = damping[start:stop]
        for k in range(o.size):
            o[k] = rate * w[k] * d[k] * b[k]


@compiled
def _residual(
    start: int,
    stop: int,
    out: np.ndarray,
    spread_out: np.ndarray,
    x: np.ndarray,
    rhs: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    spread: np.ndarray,
    buffer: np.ndarray,
) -> None:
    """Write ``r = rhs - A x`` and ``spread D^-1 r`` to a block of cells."""
    sums = buffer[: stop - start]
    neighbour_sums(sums, x, couplings, strides, start)
    o, q, u, b = out[start:stop], spread_out[start:stop], x[start:stop], rhs[start:stop]
    e, d = diagonal[start:stop], inverse[start:stop]
    if spread.size == 1:
        for k in range(o.size):
            scaled = d[k] * (b[k] + sums[k]) - u[k]
            o[k] = e[k] * scaled
            q[k] = spread[0] * scaled
    else:
        s = spread[start:stop]
        for k in range(o.size):
            scaled = d[k] * (b[k] + sums[k]) - u[k]
            o[k] = e[k] * scaled
            q[k] = s[k] * scaled


@compiled
def _less_product(
    start: int,
    stop: int,
    out: np.ndarray,
    r: np.ndarray,
    x: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    buffer: np.ndarray,
) -> None:
    """Write ``r - A x`` to a block of cells, where `r` and `x` are zero in skipped cells."""
    sums = buffer[: stop - start]
    neighbour_sums(sums, x, couplings, strides, start)
    o, u, b, e, d = out[start:stop], x[start:stop], r[start:stop], diagonal[start:stop], inverse[start:stop]
    for k in range(o.size):
        o[k] = b[k] - e[k] * (u[k] - d[k] * sums[k])


@compiled
def _add_smoothed(
    start: int,
    stop: int,
    out: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    spread: np.ndarray,
    buffer: np.ndarray,
) -> None:
    """Write ``x + z - spread D^-1 A z`` to a block of cells."""
    sums = buffer[: stop - start]
    neighbour_sums(sums, z, couplings, strides, start)
    o, u, c, d = out[start:stop], x[start:stop], z[start:stop], inverse[start:stop]
    if spread.size == 1:
        for k in range(o.size):
            o[k] = u[k] + c[k] - spread[0] * (c[k] - d[k] * sums[k])
    else:
        s = spread[start:stop]
        for k in range(o.size):
            o[k] = u[k] + c[k] - s[k] * (c[k] - d[k] * sums[k])


@compiled
def smooth_and_restrict(
    origin: int,
    end: int,
    zero: bool,
    x: np.ndarray,
    rhs: np.ndarray,
    work: np.ndarray,
    r: np.ndarray,
    q: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    damping: np.ndarray,
    spread: np.ndarray,
    first: float,
    second: float,
) -> None:
    """Smooth `x` at the rates `first` and `second`, and write ``(I - A spread D^-1)(rhs - A x)`` to `work`.

    The coarse right-hand side is the aggregate of `work`. If `zero`, `x` counts as zero. `r` and `q` are overwritten.
    """
    length = max(BLOCK, strides.max())
    blocks = -(-(end - origin) // length)
    buffer = np.empty(length, x.dtype)
    for number in range(blocks + 3):
        a = origin + number * length
        if number < blocks:
            b = min(a + length, end)
            if zero:
                _start(a, b, work, rhs, inverse, damping, first)
            else:
                _relax(a, b, work, x, rhs, inverse, couplings, strides, damping, first, buffer)
        if 1 <= number <= blocks:
            a, b = a - length, min(a, end)
            _relax(a, b, x, work, rhs, inverse, couplings, strides, damping, second, buffer)
        a = origin + (number - 2) * length
        if 2 <= number <= blocks + 1:
            b = min(a + length, end)
            _residual(a, b, r, q, x, rhs, diagonal, inverse, couplings, strides, spread, buffer)
        if number >= 3:
            a, b = a - length, min(a, end)
            _less_product(a, b, work, r, q, diagonal, inverse, couplings, strides, buffer)


@compiled
def product(
    origin: int,
    end: int,
    out: np.ndarray,
    x: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
) -> None:
    """Write ``A x`` to `out`."""
    buffer = np.empty(BLOCK, x.dtype)
    zero = x.dtype.type(0)
    for start in range(origin, end, BLOCK):
        stop = min(start + BLOCK, end)
        sums = buffer[: stop - start]
        neighbour_sums(sums, x, couplings, strides, start)
        o, u, e, d = out[start:stop], x[start:stop], diagonal[start:stop], inverse[start:stop]
        for k in range(o.size):
            o[k] = e[k] * u[k] - sums[k] if d[k] > 0 else zero


@compiled
def smoothed(
    origin: int,
    end: int,
    out: np.ndarray,
    z: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    spread: np.ndarray,
) -> None:
    """Write `z` after one damped Jacobi step, ``z - spread D^-1 A z``, to `out`."""
    buffer = np.empty(BLOCK, z.dtype)
    out[origin:end] = 0
    for start in range(origin, end, BLOCK):
        _add_smoothed(start, min(start + BLOCK, end), out, out, z, inverse, couplings, strides, spread, buffer)


@compiled
def correct_and_smooth(
    origin: int,
    end: int,
    x: np.ndarray,
    z: np.ndarray,
    rhs: np.ndarray,
    work: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    damping: np.ndarray,
    spread: np.ndarray,
    first: float,
    second: float,
) -> None:
    """Add the smoothed `z` to `x` and smooth the sum at the rates `second` and `first`; `z` is overwritten."""
    length = max(BLOCK, strides.max())
    blocks = -(-(end - origin) // length)
    buffer = np.empty(length, x.dtype)
    for number in range(blocks + 2):
        a = origin + number * length
        if number < blocks:
            b = min(a + length, end)
            _add_smoothed(a, b, work, x, z, inverse, couplings, strides, spread, buffer)
        if 1 <= number <= blocks:
            a, b = a - length, min(a, end)
            _relax(a, b, z, work, rhs, inverse, couplings, strides, damping, second, buffer)
        if number >= 2:
            a = origin + (number - 2) * length
            _relax(a, min(a + length, end), x, z, rhs, inverse, couplings, strides, damping, first, buffer)
