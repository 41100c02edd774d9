"""Between a grid and one with half as many cells along one axis: interpolation, its transpose, and triple products.

Cells 2I of the fine grid become the coarse ones; cell 2I + 1 between two of them takes ``low`` times the lower and
``high`` times the upper one. Where the arrays of all three lie is told by `places`, an int64 array: coarse planes,
rows and cells of a row; whether the axis is the last one; then origin and the strides of plane, row and cell in the
coarse grid; the same in the fine grid, in steps of coarse cells, and one fine step along the axis; the same for the
weights of the cell 2I + 1 that belongs to coarse cell I. Entries of a matrix come as a flat array with a multiplier
and a shift: that of cell m is at ``multiplier * m + shift``; a multiplier of 0 serves entries that are all zero.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["along", "between", "collapse", "prolong", "restrict", "weigh"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})


@compiled
def restrict(
    first: int, last: int, out: np.ndarray, r: np.ndarray, low: np.ndarray, high: np.ndarray, places: np.ndarray
) -> None:
    """Write the transpose of `prolong` applied to `r`, for the coarse planes from `first` up to `last`."""
    rows, cells, ends_row = places[1], places[2], places[3]
    step, jump = places[12], places[17]
    for i in range(first, last):
        for j in range(rows):
            o = places[4] + i * places[5] + j * places[6]
            f = places[8] + i * places[9] + j * places[10]
            u = places[13] + i * places[14] + j * places[15]
            coarse, lower, upper = out[o : o + cells], low[u : u + cells], high[u - jump : u - jump + cells]
            if ends_row:
                fine = r[f - 1 : f + 2 * cells]
                for k in range(cells):
                    coarse[k] = fine[2 * k + 1] + lower[k] * fine[2 * k + 2] + upper[k] * fine[2 * k]
            else:
                centre, after = r[f : f + cells], r[f + step : f + step + cells]
                before = r[f - step : f - step + cells]
                for k in range(cells):
                    coarse[k] = centre[k] + lower[k] * after[k] + upper[k] * before[k]


@compiled
def prolong(
    first: int,
    last: int,
    out: np.ndarray,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    places: np.ndarray,
    count: int,
    keep: float,
) -> None:
    """Write `keep` (0 or 1) times `out` plus the interpolation of `x`, `count` being the fine cells along the axis."""
    rows, cells, ends_row = places[1], places[2], places[3]
    step = places[12]
    for i in range(first, last):
        for j in range(rows):
            o = places[4] + i * places[5] + j * places[6]
            f = places[8] + i * places[9] + j * places[10]
            u = places[13] + i * places[14] + j * places[15]
            coarse, lower, upper = x[o : o + cells], low[u : u + cells], high[u : u + cells]
            if ends_row:
                following, between = x[o + 1 : o + 1 + cells], count // 2
                fine = out[f : f + 2 * cells]
                for k in range(between):
                    fine[2 * k] = keep * fine[2 * k] + coarse[k]
                    fine[2 * k + 1] = keep * fine[2 * k + 1] + lower[k] * coarse[k] + upper[k] * following[k]
                if between < cells:
                    fine[2 * between] = keep * fine[2 * between] + coarse[between]
            else:
                fine = out[f : f + cells]
                for k in range(cells):
                    fine[k] = keep * fine[k] + coarse[k]
                if 2 * (i if places[0] else j) + 1 < count:
                    following, inserted = x[o + places[7] : o + places[7] + cells], out[f + step : f + step + cells]
                    for k in range(cells):
                        inserted[k] = keep * inserted[k] + lower[k] * coarse[k] + upper[k] * following[k]


@compiled
def collapse(
    target: np.ndarray,
    centre: np.ndarray,
    largest: np.ndarray,
    entries: np.ndarray,
    multiplier: int,
    shift: int,
    links: np.ndarray,
    link_multiplier: int,
    link_shift: int,
    share: float,
    places: np.ndarray,
    planes: int,
) -> None:
    """Collapse the entries of one offset, at every cell 2I + 1, onto the line through the cell.

    An entry is taken from `target` where the cell it leads to is coupled, by more than `share` of the entry, to the
    neighbour on the line that is to stand for it; elsewhere it is added to `centre`.
    """
    rows, cells = places[1], places[2]
    pace = 2 if places[3] else 1
    for i in range(planes):
        for j in range(rows):
            f = places[8] + i * places[9] + j * places[10] + places[12]
            u = places[13] + i * places[14] + j * places[15]
            e, q = multiplier * f + shift, link_multiplier * f + link_shift
            t, c, m = target[u : u + cells], centre[u : u + cells], largest[u : u + cells]
            values, linked = entries[e:], links[q:]
            for k in range(cells):
                value = values[pace * k]
                size = abs(value)
                m[k] = max(m[k], size)
                if abs(linked[pace * k]) > share * size:
                    t[k] -= value
                else:
                    c[k] += value


@compiled
def weigh(low: np.ndarray, high: np.ndarray, centre: np.ndarray, largest: np.ndarray, weakest: float) -> int:
    """Turn collapsed entries into weights, in place; return how many cells are lost.

    A cell is lost, and `centre` set to -1 there (to 0 elsewhere), where the couplings along the line are less than
    `weakest` times its largest entry; none is if that is zero.
    """
    lost = 0
    for m in range(low.size):
        below, above, itself = max(low[m], 0.0), max(high[m], 0.0), centre[m]
        total = below + above
        low[m] = high[m] = centre[m] = 0.0
        if largest[m] == 0.0:
            continue
        if total == 0.0 or total < weakest * largest[m]:
            if weakest > 0.0:
                centre[m] = -1.0
                lost += 1
            continue
        scale = 1.0 / max(itself, total)
        low[m], high[m] = below * scale, above * scale
    return lost


@compiled
def between(
    out: np.ndarray,
    level: np.ndarray,
    level_multiplier: int,
    level_shift: int,
    up: np.ndarray,
    up_multiplier: int,
    up_shift: int,
    down: np.ndarray,
    down_multiplier: int,
    down_shift: int,
    low: np.ndarray,
    high: np.ndarray,
    weight_shift: int,
    places: np.ndarray,
    planes: int,
) -> None:
    """Write the coarse entries of a transverse offset between cells with the same place along the axis.

    `level`, `up` and `down` are the fine entries with that offset and 0, 1 and -1 along the axis.
    """
    rows, cells, step = places[1], places[2], places[12]
    pace = 2 if places[3] else 1
    for i in range(planes):
        for j in range(rows):
            o = places[4] + i * places[5] + j * places[6]
            f = places[8] + i * places[9] + j * places[10]
            u = places[13] + i * places[14] + j * places[15]
            v = u - places[17]
            result = out[o : o + cells]
            low_here, low_there = low[u : u + cells], low[u + weight_shift : u + weight_shift + cells]
            high_here, high_there = high[v : v + cells], high[v + weight_shift : v + weight_shift + cells]
            s, t, w = level_multiplier * f + level_shift, up_multiplier * f + up_shift, down_multiplier * f + down_shift
            at, after = level[s:], level[s + level_multiplier * step :]
            before = level[s - level_multiplier * step :]
            rising, rising_before = up[t:], up[t - up_multiplier * step :]
            falling, falling_after = down[w:], down[w + down_multiplier * step :]
            for k in range(cells):
                m = pace * k
                result[k] = (
                    at[m]
                    + rising[m] * low_there[k]
                    + falling[m] * high_there[k]
                    + low_here[k] * (after[m] * low_there[k] + falling_after[m])
                    + high_here[k] * (before[m] * high_there[k] + rising_before[m])
                )


@compiled
def along(
    out: np.ndarray,
    level: np.ndarray,
    level_multiplier: int,
    level_shift: int,
    up: np.ndarray,
    up_multiplier: int,
    up_shift: int,
    low: np.ndarray,
    high: np.ndarray,
    weight_shift: int,
    places: np.ndarray,
    planes: int,
) -> None:
    """Write the coarse entries of a transverse offset between a cell and the next one along the axis."""
    rows, cells, step = places[1], places[2], places[12]
    pace = 2 if places[3] else 1
    for i in range(planes):
        for j in range(rows):
            o = places[4] + i * places[5] + j * places[6]
            f = places[8] + i * places[9] + j * places[10]
            u = places[13] + i * places[14] + j * places[15]
            result = out[o : o + cells]
            low_here, high_there = low[u : u + cells], high[u + weight_shift : u + weight_shift + cells]
            s, t = level_multiplier * f + level_shift, up_multiplier * f + up_shift
            after, rising, rising_after = level[s + level_multiplier * step :], up[t:], up[t + up_multiplier * step :]
            for k in range(cells):
                m = pace * k
                result[k] = rising[m] * high_there[k] + low_here[k] * (after[m] * high_there[k] + rising_after[m])
