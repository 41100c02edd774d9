"""Coarse unknowns that are off the grid.

Between walls that are close to each other, a cell may have no neighbour on the coarser grid that it is coupled to.
Such a cell stays an unknown of its own on every coarser level, with entries to the cells (and other such unknowns)
around it. There are few, so their entries are kept as lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coarsening import Coarsening
from .grid_stencil import GridStencil

__all__ = ["Detached"]

Links = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Detached:
    """Unknowns that are off the grid, and their entries.

    Parameters
    ----------
    diagonal : ndarray, shape (count,)
    outer : tuple of ndarray
        Cells (flat places), unknowns, and the entries between the two; each pair once.
    inner : tuple of ndarray
        Pairs of unknowns, and their entries; each pair once.
    """

    diagonal: np.ndarray
    outer: Links
    inner: Links

    @classmethod
    def none(cls) -> Detached:
        """Return what a level has where the grid says it all."""
        empty = np.empty(0, dtype=np.int64)
        return cls(np.empty(0), (empty, empty, np.empty(0)), (empty, empty, np.empty(0)))

    @property
    def count(self) -> int:
        """How many there are."""
        return self.diagonal.size

    def links(self, size: int) -> Links:
        """Return all entries off the diagonal, the unknowns being numbered from `size` on."""
        (cells, unknowns, values), (first, second, others) = self.outer, self.inner
        return (
            np.concatenate([cells, size + first]),
            np.concatenate([size + unknowns, size + second]),
            np.concatenate([values, others]),
        )

    def coarsen(self, stencil: GridStencil, coarsening: Coarsening) -> Detached:
        """Return the unknowns of the next grid: these, and the cells that `coarsening` has lost. O(count)."""
        lost, fine = coarsening.lost, stencil.layout
        if not self.count and not lost.size:
            return self
        offsets = fine.offsets
        around = fine.flat(fine.places((lost + np.array([[fine.distance(o)] for o in offsets])).ravel()))
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
        once = first > second  # what two lost cells have in common has been found at either
        inner = [self.inner, (first[once], second[once], values[gone][once])]
        cells, unknowns, values = cells[~gone], unknowns[~gone], values[~gone]
        targets, weights = coarsening.targets(cells)
        return Detached(
            np.concatenate([self.diagonal, stencil.diagonal[lost]]),
            _summed(targets.ravel(), np.tile(unknowns, 2), (weights * values).ravel()),
            _summed(*(np.concatenate(parts) for parts in zip(*inner, strict=True))),
        )


def _summed(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Links:
    """Return each pair once, with the sum of its entries."""
    used = values != 0.0
    rows, columns, values = rows[used], columns[used], values[used]
    width = int(columns.max(initial=0)) + 1
    pairs, places = np.unique(rows * width + columns, return_inverse=True)
    return pairs // width, pairs % width, np.bincount(places, values, pairs.size)
