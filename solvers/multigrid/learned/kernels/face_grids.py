"""Kernels on operators that couple cells across faces: loading, merging of cells, and transfers.

Arrays are flat and padded as in `grid.kernels.grid_levels`. A coarse cell is the union of two fine cells along each
axis; the last one along an axis of an odd number of cells is a single cell thick.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

from ...grid.kernels.padded_rows import PaddedRows

__all__ = ["UnionGeometry", "add_faces", "add_walls", "aggregate", "expand", "load"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})


class UnionGeometry(NamedTuple):
    """Positions of the fine cells and of the coarse cells that are their unions, in flat arrays.

    Kernels receive it as an array of its numbers, as they do `AxisGeometry`.

    Parameters
    ----------
    planes, rows, cells : int
        Fine cells along each axis.
    fine_origin, fine_plane, fine_row : int
        Index of the first fine cell, and distances between planes and rows.
    coarse_origin, coarse_plane, coarse_row : int
        The same for coarse cells.
    """

    planes: int
    rows: int
    cells: int
    fine_origin: int
    fine_plane: int
    fine_row: int
    coarse_origin: int
    coarse_plane: int
    coarse_row: int


@compiled
def _union_geometry(positions: np.ndarray) -> UnionGeometry:
    return UnionGeometry(*to_fixed_tuple(positions, 9))  # pyright: ignore[reportCallIssue] (Numba passes its context itself)


@compiled
def load(
    diagonal: np.ndarray,
    inverse: np.ndarray,
    faces: np.ndarray,
    walls: np.ndarray,
    entries: np.ndarray,
    couplings: tuple[np.ndarray, ...],
    fluid: np.ndarray,
    planes: int,
    padded: PaddedRows,
    steps: tuple[int, ...],
) -> float:
    """Copy the entries of a stencil, in C order, to padded arrays, and return its most negative row sum or 0.

    Row sums, which are the couplings to walls, become zero if they are zero up to rounding. There is one array of
    `couplings`, one row of `faces`, and one of the `steps` between neighbours in C order per axis. `fluid` is empty if
    all cells are unknowns.
    """
    rows, cells = padded.rows, padded.cells
    lowest = 0.0
    rest = np.empty(cells)
    for i in range(planes):
        for j in range(rows):
            f, c = padded.origin + i * padded.plane_stride + j * padded.row_stride, (i * rows + j) * cells
            total = entries[c : c + cells]
            rest[:] = total
            for h in range(len(couplings)):
                step = steps[h]
                along = couplings[h]
                up, out = along[c : c + cells], faces[h, f : f + cells]
                for k in range(cells):
                    out[k] = up[k]
                    rest[k] -= up[k]
                skipped = max(0, step - c)  # no cell lies before these
                before = along[c - step + skipped : c - step + cells] if skipped < cells else along[:0]
                for k in range(before.size):
                    rest[skipped + k] -= before[k]
            d, e, w = diagonal[f : f + cells], inverse[f : f + cells], walls[f : f + cells]
            for k in range(cells):
                used = total[k] > 0.0
                d[k] = total[k] if used else 0.0
                e[k] = 1.0 / total[k] if used else 0.0
                w[k] = rest[k] if rest[k] > 1e-12 * total[k] else 0.0
            if fluid.size:
                open_cells = fluid[c : c + cells]
                for k in range(cells):
                    if not open_cells[k]:
                        d[k] = e[k] = w[k] = rest[k] = 0.0
            for k in range(cells):
                lowest = min(lowest, rest[k] + 1e-12 * total[k])
    return lowest


@compiled
def add_faces(series: np.ndarray, parallel: np.ndarray, along: np.ndarray, axis: int, positions: np.ndarray) -> None:
    """Add the couplings between coarse cells along an axis, over the fine paths between their centres.

    A path crosses one fine face, and half of the coarse cells before and behind it. `series` receives the sum of the
    couplings of the paths, each from adding up the resistances along it; `parallel` receives half the sum of the
    couplings of the faces crossed. The two agree for a constant coefficient; an empty `series` is skipped.
    """
    geometry = _union_geometry(positions)
    planes, rows, length = geometry.planes, geometry.rows, geometry.cells
    step = geometry.fine_plane if axis == 0 else (geometry.fine_row if axis == 1 else 1)
    for i in range((planes + 1) // 2):
        for j in range((rows + 1) // 2):
            target = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            for child in range(8):
                a, b, c = child & 1, (child >> 1) & 1, child >> 2
                first = 2 * i + a, 2 * j + b, c
                if (axis == 0 and not a) or (axis == 1 and not b) or (axis == 2 and not c):
                    continue
                if first[0] + (axis == 0) >= planes or first[1] + (axis == 1) >= rows:
                    continue
                cells = (length - c - (axis == 2) + 1) // 2
                start = geometry.fine_origin + first[0] * geometry.fine_plane + first[1] * geometry.fine_row + c
                before, across, behind = along[start - step :], along[start:], along[start + step :]
                half = along.dtype.type(0.5)
                p = parallel[target : target + cells]
                for k in range(cells):
                    p[k] += half * across[2 * k]
                if series.size:
                    s = series[target : target + cells]
                    for k in range(cells):
                        m = 2 * k
                        crossed = across[m]
                        low = before[m] if before[m] > 0 else crossed
                        high = behind[m] if behind[m] > 0 else crossed
                        path = 1 / (half / low + 1 / crossed + half / high) if crossed > 0 else along.dtype.type(0)
                        s[k] += path


@compiled
def add_walls(
    coarse: np.ndarray,
    smallest: np.ndarray,
    largest: np.ndarray,
    walls: np.ndarray,
    diagonal: np.ndarray,
    couplings: np.ndarray,
    strides: np.ndarray,
    distance: float,
    positions: np.ndarray,
) -> None:
    """Add the couplings to walls, which are `distance` fine cells farther away from the centre of a coarse cell.

    Also write the smallest and largest diagonal entries of the unknowns in each coarse cell.
    """
    geometry = _union_geometry(positions)
    planes, rows, length = geometry.planes, geometry.rows, geometry.cells
    for i in range((planes + 1) // 2):
        for j in range((rows + 1) // 2):
            target = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            for child in range(8):
                first = 2 * i + (child & 1), 2 * j + ((child >> 1) & 1)
                c = child >> 2
                if first[0] >= planes or first[1] >= rows:
                    continue
                cells = (length - c + 1) // 2
                start = geometry.fine_origin + first[0] * geometry.fine_plane + first[1] * geometry.fine_row + c
                w, low, high = coarse[target:], smallest[target:], largest[target:]
                for k in range(cells):
                    m = start + 2 * k
                    d = diagonal[m]
                    if d > 0:
                        low[k] = min(low[k], d) if low[k] > 0 else d
                        high[k] = max(high[k], d)
                        if walls[m] > 0:
                            strongest = walls.dtype.type(0)
                            for h in range(strides.size):
                                strongest = max(strongest, max(couplings[h, m], couplings[h, m - strides[h]]))
                            if strongest > 0:
                                w[k] += walls[m] * strongest / (strongest + distance * walls[m])
                            else:
                                w[k] += walls[m]


@compiled
def aggregate(coarse: np.ndarray, fine: np.ndarray, positions: np.ndarray) -> None:
    """Write the sums over the fine cells of each coarse cell."""
    geometry = _union_geometry(positions)
    planes, rows, cells = geometry.planes, geometry.rows, geometry.cells
    pairs, whole = cells // 2, (cells + 1) // 2
    for i in range((planes + 1) // 2):
        for j in range((rows + 1) // 2):
            target = geometry.coarse_origin + i * geometry.coarse_plane + j * geometry.coarse_row
            out = coarse[target : target + whole]
            out[:] = 0
            for a in range(2):
                for b in range(2):
                    first = 2 * i + a, 2 * j + b
                    if first[0] >= planes or first[1] >= rows:
                        continue
                    start = geometry.fine_origin + first[0] * geometry.fine_plane + first[1] * geometry.fine_row
                    values = fine[start : start + cells]
                    for k in range(pairs):
                        out[k] += values[2 * k] + values[2 * k + 1]
                    if pairs < whole:
                        out[pairs] += values[2 * pairs]


@compiled
def expand(fine: np.ndarray, coarse: np.ndarray, inverse: np.ndarray, positions: np.ndarray) -> None:
    """Write to each unknown the value of the coarse cell that contains it, and zero elsewhere."""
    geometry = _union_geometry(positions)
    cells = geometry.cells
    pairs, whole = cells // 2, (cells + 1) // 2
    for i in range(geometry.planes):
        for j in range(geometry.rows):
            source = geometry.coarse_origin + (i // 2) * geometry.coarse_plane + (j // 2) * geometry.coarse_row
            start = geometry.fine_origin + i * geometry.fine_plane + j * geometry.fine_row
            values, out = coarse[source : source + whole], fine[start : start + cells]
            used = inverse[start : start + cells]
            for k in range(pairs):
                out[2 * k] = values[k]
                out[2 * k + 1] = values[k]
            if pairs < whole:
                out[2 * pairs] = values[pairs]
            for k in range(cells):
                out[k] = out[k] if used[k] > 0 else 0
