"""From an operator on a grid to ever coarser ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coarsening import Coarsening, coarsen_axis, weigh_axis
from .grid_stencil import GridStencil
from .off_grid_unknowns import Detached

__all__ = ["Grid", "build_grids"]

COARSEST = 200  # unknowns on a grid that is not coarsened further
WEAK_AXIS = 0.3  # couplings along an axis, relative to the largest, below which it is not worth coarsening
WEAK_CELL = 0.1  # the same for one cell in between, below which it becomes an unknown of its own
SAMPLE = 32  # cells along each axis from which the strength of couplings is told
MOST_DETACHED = 0.02  # share of the unknowns that may become so


@dataclass(frozen=True, eq=False)
class Grid:
    """The operator on one grid, and the way to the next.

    Parameters
    ----------
    stencil : GridStencil
    detached : Detached
    coarsenings : tuple of Coarsening
        One for each axis that is halved, in order; empty for the last grid.
    """

    stencil: GridStencil
    detached: Detached
    coarsenings: tuple[Coarsening, ...]


def build_grids(stencil: GridStencil, *, walls: bool = True) -> list[Grid]:
    """Return the operator on finer to coarser grids.

    Axes along which the operator is much weaker than along others are left as they are until they no longer are
    (semi-coarsening). O(n) time; the memory of the coarser grids is about that of 4 n numbers.

    Parameters
    ----------
    stencil : GridStencil
    walls : bool
        Whether cells that are cut off from the coarser grid stay as unknowns, and interpolation does not reach around
        the ends of walls. Without, what is left is plain interpolation along the axes, to compare with.
    """
    detached, grids = Detached.none(), list[Grid]()
    budget = max(1000.0, MOST_DETACHED * np.count_nonzero(stencil.diagonal))
    while True:
        here, steps = (stencil, detached), list[Coarsening]()
        if np.count_nonzero(stencil.diagonal) > COARSEST:
            for axis in _strong_axes(stencil, detached):
                step = _weigh(stencil, axis, detached, budget, walls)
                detached = detached.coarsen(stencil, step)
                stencil = coarsen_axis(stencil, step)
                steps.append(step)
        grids.append(Grid(*here, tuple(steps)))
        if not steps:
            return grids


def _weigh(stencil: GridStencil, axis: int, detached: Detached, budget: float, walls: bool) -> Coarsening:
    cells, _, values = detached.outer
    if not walls:
        return weigh_axis(stencil, axis, 0.0, (cells, values), same_side=-1.0)
    step = weigh_axis(stencil, axis, WEAK_CELL, (cells, values))
    if detached.count + step.lost.size <= budget:
        return step
    return weigh_axis(stencil, axis, 0.0, (cells, values))


def _strong_axes(stencil: GridStencil, detached: Detached) -> list[int]:
    """Return the axes worth coarsening."""
    axes = [axis for axis in range(3) if stencil.layout.cells[axis] > 2]
    strength = [_strength(stencil, axis) for axis in axes]
    return [axis for axis, value in zip(axes, strength, strict=True) if value >= WEAK_AXIS * max(strength)]


def _strength(stencil: GridStencil, axis: int) -> float:
    """Return the median coupling along an axis, relative to the diagonal, over a sample of the cells."""
    layout = stencil.layout
    pace = tuple(slice(None, None, max(1, cells // SAMPLE)) for cells in layout.cells)
    diagonal = layout.inside(stencil.diagonal)[pace]
    total = np.zeros_like(diagonal)
    for offset, values in stencil.couplings.items():
        if offset[axis]:
            total -= layout.inside(values)[pace]
    used = diagonal > 0
    return float(np.median(total[used] / diagonal[used])) if used.any() else 0.0
