"""Stencils of neighbours across faces on padded grids, and between them and grids of coarse cells.

Arrays are flat and padded as in `grid.kernels.grid_levels`. A coarse cell is the union of two cells along each axis,
of one where their number is odd. Where both grids lie is told by `places`, an int64 array: fine cells along each axis,
the fine grid's origin and strides, the coarse grid's origin and its strides of planes and rows.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["add_faces", "add_walls", "aggregate", "expand", "load"]

compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"})


@compiled
def load(
    diagonal: np.ndarray,
    inverse: np.ndarray,
    faces: np.ndarray,
    walls: np.ndarray,
    entries: np.ndarray,
    couplings: tuple[np.ndarray, ...],
    fluid: np.ndarray,
    places: np.ndarray,
) -> float:
    """Write a stencil's entries, in C order, to padded arrays; return its most negative row sum over the diagonal.

    Row sums (the couplings to walls) within rounding of zero become zero. `couplings` has an array an axis, `faces` a
    row; `fluid` is empty where all cells are unknowns; `places` holds rows a plane, cells a row, the first cell's
    place and the strides of planes and rows in a padded array, the planes, and the axes' strides in C order.
    """
    rows, cells, planes = places[0], places[1], places[5]
    lowest = 0.0
    rest = np.empty(cells)
    for i in range(planes):
        for j in range(rows):
            f, c = places[2] + i * places[3] + j * places[4], (i * rows + j) * cells
            total = entries[c : c + cells]
            rest[:] = total
            for h in range(len(couplings)):
                step = places[6 + h]
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
def add_faces(series: np.ndarray, parallel: np.ndarray, along: np.ndarray, axis: int, places: np.ndarray) -> None:
    """Add up what couples coarse cells across a face of theirs: the fine paths between their centres.

    A path crosses one fine face, and half of each coarse cell before and behind it. `series` gets the sum of the
    paths' couplings, resistances added up along each; `parallel` half the sum of those of the faces crossed. Both
    agree for a constant coefficient; an empty `series` is left out.
    """
    step = places[4 + axis]
    count = (places[0] + 1) // 2, (places[1] + 1) // 2, (places[2] + 1) // 2
    pace = 2 * places[6]
    for i in range(count[0]):
        for j in range(count[1]):
            target = places[7] + i * places[8] + j * places[9]
            for child in range(8):
                a, b, c = child & 1, (child >> 1) & 1, child >> 2
                first = 2 * i + a, 2 * j + b, c
                if (axis == 0 and not a) or (axis == 1 and not b) or (axis == 2 and not c):
                    continue
                if first[0] + (axis == 0) >= places[0] or first[1] + (axis == 1) >= places[1]:
                    continue
                cells = (places[2] - c - (axis == 2) + 1) // 2
                start = places[3] + first[0] * places[4] + first[1] * places[5] + c * places[6]
                before, across, behind = along[start - step :], along[start:], along[start + step :]
                half = along.dtype.type(0.5)
                p = parallel[target : target + cells]
                for k in range(cells):
                    p[k] += half * across[pace * k]
                if series.size:
                    s = series[target : target + cells]
                    for k in range(cells):
                        m = pace * k
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
    places: np.ndarray,
) -> None:
    """Add up the couplings to walls, `distance` fine cells farther away from a coarse centre.

    Also writes the smallest and largest diagonal entries of the unknowns that a coarse cell is made of.
    """
    count = (places[0] + 1) // 2, (places[1] + 1) // 2
    pace = 2 * places[6]
    for i in range(count[0]):
        for j in range(count[1]):
            target = places[7] + i * places[8] + j * places[9]
            for child in range(8):
                first = 2 * i + (child & 1), 2 * j + ((child >> 1) & 1)
                c = child >> 2
                if first[0] >= places[0] or first[1] >= places[1]:
                    continue
                cells = (places[2] - c + 1) // 2
                start = places[3] + first[0] * places[4] + first[1] * places[5] + c * places[6]
                w, low, high = coarse[target:], smallest[target:], largest[target:]
                for k in range(cells):
                    m = start + pace * k
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
def aggregate(coarse: np.ndarray, fine: np.ndarray, places: np.ndarray) -> None:
    """Write the sums over the cells that each coarse one is made of."""
    count = (places[0] + 1) // 2, (places[1] + 1) // 2
    pairs, whole = places[2] // 2, (places[2] + 1) // 2
    for i in range(count[0]):
        for j in range(count[1]):
            target = places[7] + i * places[8] + j * places[9]
            out = coarse[target : target + whole]
            out[:] = 0
            for a in range(2):
                for b in range(2):
                    first = 2 * i + a, 2 * j + b
                    if first[0] >= places[0] or first[1] >= places[1]:
                        continue
                    start = places[3] + first[0] * places[4] + first[1] * places[5]
                    values = fine[start : start + places[2]]
                    for k in range(pairs):
                        out[k] += values[2 * k] + values[2 * k + 1]
                    if pairs < whole:
                        out[pairs] += values[2 * pairs]


@compiled
def expand(fine: np.ndarray, coarse: np.ndarray, inverse: np.ndarray, places: np.ndarray) -> None:
    """Write to each unknown the value of the coarse cell it is part of."""
    pairs, whole = places[2] // 2, (places[2] + 1) // 2
    for i in range(places[0]):
        for j in range(places[1]):
            source = places[7] + (i // 2) * places[8] + (j // 2) * places[9]
            start = places[3] + i * places[4] + j * places[5]
            values, out = coarse[source : source + whole], fine[start : start + places[2]]
            used = inverse[start : start + places[2]]
            for k in range(pairs):
                out[2 * k] = values[k]
                out[2 * k + 1] = values[k]
            if pairs < whole:
                out[2 * pairs] = values[pairs]
            for k in range(places[2]):
                out[k] = out[k] if used[k] > 0 else 0
