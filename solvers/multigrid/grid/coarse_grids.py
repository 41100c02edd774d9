"""Coarsening of an operator on a grid to ever coarser grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .coarsening import Coarsening, coarsen_axis, weigh_axis
from .grid_stencil import GridStencil
from .off_grid_unknowns import OffGridUnknowns

__all__ = ["MultigridGrid", "coarse_grids"]

COARSEST = 200  # unknowns of a grid that is not coarsened further
WEAK_AXIS = 0.3  # couplings along an axis, relative to the strongest axis, below which the axis is not coarsened
WEAK_CELL = 0.1  # couplings of a single cell along the axis below which it becomes an off-grid unknown
SAMPLE = 32  # cells along each axis from which the strength of couplings is estimated
MOST_OFF_GRID = 0.02  # largest share of the unknowns that may leave the grid


@dataclass(frozen=True, eq=False)
class MultigridGrid:
    """Operator on one grid of a hierarchy, and its coarsening to the next.

    Parameters
    ----------
    stencil : GridStencil
    off_grid : OffGridUnknowns
    coarsenings : tuple of Coarsening
        One for each axis that is halved, in order; empty for the last grid.
    """

    stencil: GridStencil
    off_grid: OffGridUnknowns
    coarsenings: tuple[Coarsening, ...]


def coarse_grids(stencil: GridStencil, *, walls: bool = True) -> list[MultigridGrid]:
    """Return the operator on a sequence of grids, from the finest to the coarsest.

    An axis along which the operator is much weaker than along the others is not coarsened until it no longer is
    (semi-coarsening). O(n) time; the coarser grids take about as much memory as 4 n numbers.

    Parameters
    ----------
    stencil : GridStencil
    walls : bool
        Whether to treat thin walls specially: cells that a wall cuts off from the coarser grid stay as unknowns, and
        interpolation does not reach around the ends of walls. If False, cells are interpolated along the axes only,
        for comparison.
    """
    off_grid, grids = OffGridUnknowns.none(), list[MultigridGrid]()
    budget = max(1000.0, MOST_OFF_GRID * np.count_nonzero(stencil.diagonal))
    while True:
        here, steps = (stencil, off_grid), list[Coarsening]()
        if np.count_nonzero(stencil.diagonal) > COARSEST:
            for axis in _strong_axes(stencil):
                step = _weigh(stencil, axis, off_grid, budget, walls)
                off_grid = off_grid.coarsen(stencil, step)
                stencil = coarsen_axis(stencil, step)
                steps.append(step)
        grids.append(MultigridGrid(*here, tuple(steps)))
        if not steps:
            return grids


def _weigh(stencil: GridStencil, axis: int, off_grid: OffGridUnknowns, budget: float, walls: bool) -> Coarsening:
    """Return the interpolation along an axis, without lost cells if they would exceed the budget."""
    cells, _, values = off_grid.outer
    if not walls:
        return weigh_axis(stencil, axis, 0.0, (cells, values), same_side=-1.0)
    step = weigh_axis(stencil, axis, WEAK_CELL, (cells, values))
    if off_grid.count + step.lost.size <= budget:
        return step
    return weigh_axis(stencil, axis, 0.0, (cells, values))


def _strong_axes(stencil: GridStencil) -> list[int]:
    """Return the axes worth coarsening."""
    axes = [axis for axis in range(3) if stencil.layout.cells[axis] > 2]
    strength = [_strength(stencil, axis) for axis in axes]
    return [axis for axis, value in zip(axes, strength, strict=True) if value >= WEAK_AXIS * max(strength)]


def _strength(stencil: GridStencil, axis: int) -> float:
    """Return the median coupling along an axis, relative to the diagonal, over a sample of the cells."""
    layout = stencil.layout
    sample = tuple(slice(None, None, max(1, cells // SAMPLE)) for cells in layout.cells)
    diagonal = layout.inside(stencil.diagonal)[sample]
    total = np.zeros_like(diagonal)
    for offset, values in stencil.couplings.items():
        if offset[axis]:
            total -= layout.inside(values)[sample]
    used = diagonal > 0
    return float(np.median(total[used] / diagonal[used])) if used.any() else 0.0
