"""Interpolation along one axis to a grid with twice as many cells, its transpose, and Galerkin products.

Cells 2I of the fine grid become the coarse cells; cell 2I + 1 between two of them takes ``low`` times the lower and
``high`` times the upper one. Matrix entries are passed as a flat array with a multiplier and a shift: the entry of
cell m is at ``multiplier * m + shift``. A multiplier of 0 is for entries that are all zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

__all__ = ["AxisGeometry", "along", "between", "collapse", "prolong", "restrict", "weigh"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})


class AxisGeometry(NamedTuple):
    """Positions of the coarse cells, fine cells and weights of a coarsening along one axis, in flat arrays.

    Kernels receive it as an array of its numbers, because Numba takes microseconds to unpack a tuple of many fields: as
    long as a kernel spends on a coarse grid. Planes and rows are those of the coarse grid. Along the first axis, the
    rows of a plane are joined to one long row, halo included.

    Parameters
    ----------
    along_planes, along_cells : bool
        Whether the axis is the first one, or the last one.
    rows, cells : int
        Coarse rows per plane and coarse cells per row.
    coarse_origin, coarse_plane, coarse_row, coarse_step : int
        Index of the first coarse cell, and distances between planes, rows and neighbours along the axis.
    fine_origin, fine_plane, fine_row, fine_step : int
        Index of fine cell 0; distances between the fine cells of successive coarse planes and rows; and distance
        between fine neighbours along the axis.
    weight_origin, weight_plane, weight_row, weight_step : int
        The same for the weights of fine cell 2I + 1, stored at coarse cell I.
    """

    along_planes: bool
    along_cells: bool
    rows: int
    cells: int
    coarse_origin: int
    coarse_plane: int
    coarse_row: int
    coarse_step: int
    fine_origin: int
    fine_plane: int
    fine_row: int
    fine_step: int
    weight_origin: int
    weight_plane: int
    weight_row: int
    weight_step: int


@compiled
def _axis_geometry(positions: np.ndarray) -> AxisGeometry:
    return AxisGeometry(*to_fixed_tuple(positions, 16))  # pyright: ignore[reportCallIssue] (Numba passes its context itself)


@compiled
def restrict(
    first: int,
    last: int,
    out: np.ndarray,
    r: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    positions: np.ndarray,
) -> None:
    """Write the transpose of `prolong` applied to `r` to `out`, for coarse planes `first` to `last` (exclusive)."""
    geometry = _axis_geometry(positions)
    rows, cells, step, jump = geometry.rows, geometry.cells, geometry.fine_step, geometry.weight_step
    for i in range(first, last):
        for j in range(rows):
            o = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            f = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row
            u = geometry.weight_origin + i * geometry.weight_plane + j * geometry.weight_row
            coarse, lower, upper = out[o : o + cells], low[u : u + cells], high[u - jump : u - jump + cells]
            if geometry.along_cells:
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
    positions: np.ndarray,
    count: int,
    keep: float,
) -> None:
    """Write `keep` (0 or 1) times `out` plus the interpolation of `x`; `count` fine cells lie along the axis."""
    geometry = _axis_geometry(positions)
    rows, cells, step = geometry.rows, geometry.cells, geometry.fine_step
    for i in range(first, last):
        for j in range(rows):
            o = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            f = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row
            u = geometry.weight_origin + i * geometry.weight_plane + j * geometry.weight_row
            coarse, lower, upper = x[o : o + cells], low[u : u + cells], high[u : u + cells]
            if geometry.along_cells:
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
                if 2 * (i if geometry.along_planes else j) + 1 < count:
                    following = x[o + geometry.coarse_step : o + geometry.coarse_step + cells]
                    inserted = out[f + step : f + step + cells]
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
    positions: np.ndarray,
    planes: int,
) -> None:
    """Collapse the entries of one offset, at every cell 2I + 1, onto the line through the cell along the axis.

    The neighbour at the offset is represented by a cell on the line. If the two are coupled by more than `share` of
    the entry, the entry is subtracted from `target`; otherwise it is added to `centre`.
    """
    geometry = _axis_geometry(positions)
    rows, cells = geometry.rows, geometry.cells
    pace = 2 if geometry.along_cells else 1
    for i in range(planes):
        for j in range(rows):
            f = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row + geometry.fine_step
            u = geometry.weight_origin + i * geometry.weight_plane + j * geometry.weight_row
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
    """Turn collapsed entries into weights, in place, and return the number of lost cells.

    A cell is lost if its couplings along the line are less than `weakest` times its largest entry; `centre` becomes -1
    there and 0 elsewhere. With a `weakest` of zero no cell is lost.
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
    positions: np.ndarray,
    planes: int,
) -> None:
    """Write the coarse entries of a transverse offset between cells with the same coordinate along the axis.

    `level`, `up` and `down` are the fine entries with that transverse offset and offset 0, 1 and -1 along the axis.
    """
    geometry = _axis_geometry(positions)
    rows, cells, step = geometry.rows, geometry.cells, geometry.fine_step
    pace = 2 if geometry.along_cells else 1
    for i in range(planes):
        for j in range(rows):
            o = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            f = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row
            u = geometry.weight_origin + i * geometry.weight_plane + j * geometry.weight_row
            v = u - geometry.weight_step
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
    positions: np.ndarray,
    planes: int,
) -> None:
    """Write the coarse entries of a transverse offset between a cell and the next one along the axis."""
    geometry = _axis_geometry(positions)
    rows, cells, step = geometry.rows, geometry.cells, geometry.fine_step
    pace = 2 if geometry.along_cells else 1
    for i in range(planes):
        for j in range(rows):
            o = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            f = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row
            u = geometry.weight_origin + i * geometry.weight_plane + j * geometry.weight_row
            result = out[o : o + cells]
            low_here, high_there = low[u : u + cells], high[u + weight_shift : u + weight_shift + cells]
            s, t = level_multiplier * f + level_shift, up_multiplier * f + up_shift
            after, rising, rising_after = level[s + level_multiplier * step :], up[t:], up[t + up_multiplier * step :]
            for k in range(cells):
                m = pace * k
                result[k] = rising[m] * high_there[k] + low_here[k] * (after[m] * high_there[k] + rising_after[m])
