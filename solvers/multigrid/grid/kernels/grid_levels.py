"""Products, Chebyshev steps and residuals of stencils on padded grids.

Vectors are flat. Each axis of more than one cell has a layer of halo cells at both ends: a neighbour is always a fixed
distance away, and no kernel depends on the boundary condition. Off-diagonal entries are stored once for each pair of
neighbours: ``couplings[h, m]`` belongs to cells m and ``m + strides[h]``. With a single column, the entry is the same
for all pairs, and cells whose `inverse` diagonal is zero (halo, obstacles) are skipped. Kernels work on chunks `first`
to `last` (exclusive) of the cells from `origin` to `end` (exclusive).
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "CHUNK",
    "chebyshev_step",
    "link_products",
    "neighbour_sums",
    "residual",
    "scaled_step",
    "update_norm",
]

CHUNK = 2048  # cells per chunk, whose sums fit in the first-level cache

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})
summing = njit(cache=True, nogil=True, fastmath={"contract", "nsz", "reassoc"})


@compiled
def neighbour_sums(sums: np.ndarray, x: np.ndarray, couplings: np.ndarray, strides: np.ndarray, start: int) -> None:
    """Write the products with the off-diagonal entries for the ``sums.size`` cells from `start` on."""
    cells, offsets = sums.size, strides.size
    if couplings.shape[1] == 1:
        _constant_neighbours(sums, x, couplings, strides, start)
        return
    h = 0
    if offsets >= 3:  # in one loop, because every loop reads and writes the sums
        _first_three(sums, x, couplings, strides, start)
        h = 3
    while h < offsets:
        s = strides[h]
        above, below = x[start + s : start + s + cells], x[start - s : start - s + cells]
        up, down = couplings[h, start : start + cells], couplings[h, start - s : start - s + cells]
        if h + 1 < offsets:
            t = strides[h + 1]
            above2, below2 = x[start + t : start + t + cells], x[start - t : start - t + cells]
            up2, down2 = couplings[h + 1, start : start + cells], couplings[h + 1, start - t : start - t + cells]
            if h == 0:
                for k in range(cells):
                    sums[k] = up[k] * above[k] + down[k] * below[k] + up2[k] * above2[k] + down2[k] * below2[k]
            else:
                for k in range(cells):
                    sums[k] += up[k] * above[k] + down[k] * below[k] + up2[k] * above2[k] + down2[k] * below2[k]
            h += 2
        else:
            if h == 0:
                for k in range(cells):
                    sums[k] = up[k] * above[k] + down[k] * below[k]
            else:
                for k in range(cells):
                    sums[k] += up[k] * above[k] + down[k] * below[k]
            h += 1


@compiled
def _first_three(sums: np.ndarray, x: np.ndarray, couplings: np.ndarray, strides: np.ndarray, start: int) -> None:
    r, s, t = strides[0], strides[1], strides[2]
    stop = start + sums.size
    above, above2, above3 = x[start + r : stop + r], x[start + s : stop + s], x[start + t : stop + t]
    below, below2, below3 = x[start - r : stop - r], x[start - s : stop - s], x[start - t : stop - t]
    up, up2, up3 = couplings[0, start:stop], couplings[1, start:stop], couplings[2, start:stop]
    down, down2 = couplings[0, start - r : stop - r], couplings[1, start - s : stop - s]
    down3 = couplings[2, start - t : stop - t]
    for k in range(sums.size):
        sums[k] = (
            (up[k] * above[k] + down[k] * below[k])
            + (up2[k] * above2[k] + down2[k] * below2[k])
            + (up3[k] * above3[k] + down3[k] * below3[k])
        )


@compiled
def _constant_neighbours(
    sums: np.ndarray, x: np.ndarray, couplings: np.ndarray, strides: np.ndarray, start: int
) -> None:
    cells, offsets = sums.size, strides.size
    h = 0
    if offsets >= 2:
        r, s, c, c2 = strides[0], strides[1], couplings[0, 0], couplings[1, 0]
        above, below = x[start + r : start + r + cells], x[start - r : start - r + cells]
        above2, below2 = x[start + s : start + s + cells], x[start - s : start - s + cells]
        for k in range(cells):
            sums[k] = c * (above[k] + below[k]) + c2 * (above2[k] + below2[k])
        h = 2
    while h < offsets:
        s, c = strides[h], couplings[h, 0]
        above, below = x[start + s : start + s + cells], x[start - s : start - s + cells]
        if h == 0:
            for k in range(cells):
                sums[k] = c * (above[k] + below[k])
        else:
            for k in range(cells):
                sums[k] += c * (above[k] + below[k])
        h += 1


@compiled
def chebyshev_step(
    first: int,
    last: int,
    origin: int,
    end: int,
    out: np.ndarray,
    x: np.ndarray,
    previous: np.ndarray,
    rhs: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    momentum: float,
    memory: float,
    rate: float,
) -> None:
    """Write ``x + momentum x - memory previous + rate D^-1 (rhs - A x)`` to `out`, which may be `previous`."""
    buffer = np.empty(CHUNK, x.dtype)
    for chunk in range(first, last):
        start = origin + chunk * CHUNK
        cells = min(CHUNK, end - start)
        sums = buffer[:cells]
        neighbour_sums(sums, x, couplings, strides, start)
        o, u, p = out[start : start + cells], x[start : start + cells], previous[start : start + cells]
        b, d = rhs[start : start + cells], inverse[start : start + cells]
        keep = x.dtype.type(1) + momentum - rate
        for k in range(cells):
            o[k] = keep * u[k] - memory * p[k] + rate * d[k] * (b[k] - sums[k])


@compiled
def scaled_step(
    first: int, last: int, origin: int, end: int, out: np.ndarray, rhs: np.ndarray, inverse: np.ndarray, rate: float
) -> None:
    """Write ``rate D^-1 rhs``, the first step from zero, to `out`."""
    start, stop = origin + first * CHUNK, min(origin + last * CHUNK, end)
    o, b, d = out[start:stop], rhs[start:stop], inverse[start:stop]
    for k in range(o.size):
        o[k] = rate * d[k] * b[k]


@compiled
def residual(
    first: int,
    last: int,
    origin: int,
    end: int,
    out: np.ndarray,
    x: np.ndarray,
    rhs: np.ndarray,
    diagonal: np.ndarray,
    inverse: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
) -> None:
    """Write ``rhs - A x`` to `out`, with zeros in skipped cells."""
    buffer = np.empty(CHUNK, x.dtype)
    for chunk in range(first, last):
        start = origin + chunk * CHUNK
        cells = min(CHUNK, end - start)
        sums = buffer[:cells]
        neighbour_sums(sums, x, couplings, strides, start)
        o, u, b = out[start : start + cells], x[start : start + cells], rhs[start : start + cells]
        e, d = diagonal[start : start + cells], inverse[start : start + cells]
        for k in range(cells):
            o[k] = e[k] * (d[k] * (b[k] - sums[k]) - u[k])


@summing
def update_norm(
    first: int,
    last: int,
    origin: int,
    end: int,
    x: np.ndarray,
    r: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    alpha: float,
) -> float:
    """Add ``alpha p`` to `x`, subtract ``alpha q`` from `r`, and return the squared norm of `r`."""
    total = 0.0
    for chunk in range(first, last):
        start = origin + chunk * CHUNK
        stop = min(start + CHUNK, end)
        u, s, d, e = x[start:stop], r[start:stop], p[start:stop], q[start:stop]
        partial = x.dtype.type(0)
        for k in range(u.size):
            u[k] += alpha * d[k]
            s[k] -= alpha * e[k]
            partial += s[k] * s[k]
        total += partial
    return total


@compiled
def link_products(
    out: np.ndarray, x: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, factors: np.ndarray
) -> None:
    """Subtract from `out` the products with symmetric pairs of entries, times the factor of each row."""
    for k in range(rows.size):
        i, j = rows[k], columns[k]
        out[i] -= factors[i] * values[k] * x[j]
        out[j] -= factors[j] * values[k] * x[i]
