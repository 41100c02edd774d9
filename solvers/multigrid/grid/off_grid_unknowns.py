"""Coarse unknowns that are off the grid.

Between walls that are close together, a cell may be coupled to none of its neighbours on the coarser grid. Such a cell
stays an unknown of its own on every coarser level, coupled to the cells and other off-grid unknowns around it. There
are few of them, so their entries are stored as lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coarsening import Coarsening
from .grid_stencil import GridStencil

__all__ = ["OffGridUnknowns"]

Links = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class OffGridUnknowns:
    """Unknowns that are off the grid, and their matrix entries.

    Parameters
    ----------
    diagonal : ndarray, shape (count,)
    outer : tuple of ndarray
        Cells (flat indices), off-grid unknowns, and the entries between them; each pair once.
    inner : tuple of ndarray
        Pairs of off-grid unknowns, and the entries between them; each pair once.
    """

    diagonal: np.ndarray
    outer: Links
    inner: Links

    @classmethod
    def none(cls) -> OffGridUnknowns:
        """Return an empty set of unknowns."""
        empty = np.empty(0, dtype=np.int64)
        return cls(np.empty(0), (empty, empty, np.empty(0)), (empty, empty, np.empty(0)))

    @property
    def count(self) -> int:
        """Number of unknowns."""
        return self.diagonal.size

    def links(self, size: int) -> Links:
        """Return all off-diagonal entries as rows, columns and values; unknowns are numbered from `size` on."""
        (cells, unknowns, values), (first, second, others) = self.outer, self.inner
        return (
            np.concatenate([cells, size + first]),
            np.concatenate([size + unknowns, size + second]),
            np.concatenate([values, others]),
        )

    def coarsen(self, stencil: GridStencil, coarsening: Coarsening) -> OffGridUnknowns:
        """Return the off-grid unknowns of the next grid: these, and the cells lost by `coarsening`. O(count)."""
        lost, fine = coarsening.lost, stencil.layout
        if not self.count and not lost.size:
            return self
        offsets = fine.offsets
        around = fine.flat(fine.coordinates((lost + np.array([[fine.distance(o)] for o in offsets])).ravel()))
        entries = np.concatenate([stencil.row_entries(lost, offset) for offset in offsets])
        own = np.tile(np.arange(lost.size), len(offsets))
        used = entries != 0.0
        around, entries, own = around[used], entries[used], own[used]
        cells, unknowns, values = self.outer
        cells, unknowns = np.concatenate([cells, around]), np.concatenate([unknowns, self.count + own])
        values = np.concatenate([values, entries])
        place = np.minimum(np.searchsorted(lost, cells), max(lost.size - 1, 0))
        gone = lost[place] == cells if lost.size else np.zeros(cells.size, dtype=bool)
        first, second = self.count + place[gone], unknowns[gone]
        once = first > second  # the entry between two lost cells was found from both
        inner = [self.inner, (first[once], second[once], values[gone][once])]
        cells, unknowns, values = cells[~gone], unknowns[~gone], values[~gone]
        targets, weights = coarsening.targets(cells)
        return OffGridUnknowns(
            np.concatenate([self.diagonal, stencil.diagonal[lost]]),
            _summed(targets.ravel(), np.tile(unknowns, 2), (weights * values).ravel()),
            _summed(*(np.concatenate(parts) for parts in zip(*inner, strict=True))),
        )


def _summed(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Links:
    """Return each pair once, with the sum of its entries."""
    used = values != 0.0
    rows, columns, values = rows[used], columns[used], values[used]
    width = int(columns.max(initial=0)) + 1
    pairs, number = np.unique(rows * width + columns, return_inverse=True)
    return pairs // width, pairs % width, np.bincount(number, values, pairs.size)
