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
        outer, inner = [self.outer], [self.inner]
        for ahead in _offsets(fine.halo):
            neighbours = fine.flat(fine.places(lost + fine.distance(ahead)))
            values = stencil.row_entries(lost, ahead)
            both = np.isin(neighbours, lost)
            used = (values != 0.0) & ~(both & (neighbours <= lost))  # pairs of lost cells once
            outer.append((neighbours[used], self.count + np.flatnonzero(used), values[used]))
        cells, unknowns, values = (np.concatenate(parts) for parts in zip(*outer, strict=True))
        own = np.searchsorted(lost, cells)
        gone = np.isin(cells, lost)
        inner.append((self.count + own[gone], unknowns[gone], values[gone]))
        cells, unknowns, values = cells[~gone], unknowns[~gone], values[~gone]
        targets, weights = coarsening.targets(cells)
        return Detached(
            np.concatenate([self.diagonal, stencil.diagonal[lost]]),
            _summed(targets.ravel(), np.tile(unknowns, 2), (weights * values).ravel()),
            _summed(*(np.concatenate(parts) for parts in zip(*inner, strict=True))),
        )


def _offsets(halo: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    ranges = [(-1, 0, 1) if pad else (0,) for pad in halo]
    return [(a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2] if (a, b, c) != (0, 0, 0)]


def _summed(rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> Links:
    """Return each pair once, with the sum of its entries."""
    used = values != 0.0
    rows, columns, values = rows[used], columns[used], values[used]
    width = int(columns.max(initial=0)) + 1
    pairs, places = np.unique(rows * width + columns, return_inverse=True)
    return pairs // width, pairs % width, np.bincount(places, values, pairs.size)
