"""Grid hierarchies whose coarse operators are Galerkin products."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .coarse_grids import MultigridGrid
from .coarsest import CoarsestSolve
from .cycle import GridCycle
from .grid_level import GridLevel
from .transfer import GridTransfer

__all__ = ["GridHierarchy"]

SLOW = 0.3  # convergence factor of a V-cycle on the coarser grids above which a W-cycle is used
TRIALS = 4  # V-cycles from which that factor is estimated


class GridHierarchy(GridCycle):
    """Grids with their smoothers and the interpolation between them, in one precision.

    Vectors are those of `GridLevel`. A cycle is a symmetric positive definite linear function of the right-hand side.
    O(n) time and memory: a cycle takes about 15 products, and the hierarchy about 12 vectors if the coefficient is
    constant.

    Parameters
    ----------
    grids : list of MultigridGrid
        From finest to coarsest.
    dtype : dtype
    degree, ratio
        See `GridLevel`.
    visits : int
        Visits per cycle to the third and fourth grid: 1 (V-cycle) or 2 (W-cycle). With 0, a few V-cycles on the
        coarser grids, which cost little, decide.
    singular : bool
        Whether the operator has a nullspace.

    Attributes
    ----------
    levels : list of GridLevel
        All grids but the coarsest.
    transfers : list of GridTransfer
        Transfer from each level to the next grid.
    """

    twice: ClassVar[tuple[int, ...]] = (2, 3)  # cheap enough to visit twice where a V-cycle converges slowly

    def __init__(
        self,
        grids: list[MultigridGrid],
        dtype: Any,
        *,
        degree: int = 2,
        ratio: float = 4.0,
        visits: int = 0,
        singular: bool = True,
    ):
        super().__init__(grids[0].stencil.layout, grids[0].stencil.diagonal, dtype)
        self._off_grid_count = grids[-1].off_grid.count
        self.levels = [GridLevel(grid.stencil, grid.off_grid, dtype, degree, ratio) for grid in grids[:-1]]
        self.transfers = [GridTransfer(grid, self.dtype) for grid in grids[:-1]]
        self._coarsest = CoarsestSolve(grids[-1].stencil, grids[-1].off_grid, self.dtype, singular=singular)
        self.visits = visits or (2 if self._coarse_factor() > SLOW else 1)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Grids, kind of cycle, precision, and number of unknowns off the grid."""
        return {
            "grids": [level.layout.cells for level in self.levels],
            "cycle": "VW"[self.visits - 1],
            "precision": self.dtype.name,
            "off_grid": self._off_grid_count,
        }

    def _coarse_factor(self) -> float:
        """Return the factor by which a V-cycle on the coarser grids reduces an error, after a few of them."""
        number = min(self.twice)
        if number >= len(self.levels):
            return 0.0
        self.visits = 1
        level = self.levels[number]
        x, zero, before = level.random(), level.vector(), 1.0
        factor = 0.0
        for _ in range(TRIALS):
            x = self.cycle(zero, x, number)
            size = level.norm(x)
            factor, before = size / before, size or 1.0
        return factor

    def _solve_coarsest(self, rhs: np.ndarray) -> np.ndarray:
        return self._coarsest.solve(rhs)

    def _descend(self, number: int, x: np.ndarray | None, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        level = self.levels[number]
        smoothed = level.smooth(x, rhs)
        return smoothed, self.transfers[number].restrict(level.residual(smoothed, rhs))

    def _ascend(self, number: int, x: np.ndarray, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        self.transfers[number].add_prolongation(x, correction)
        return self.levels[number].smooth(x, rhs)

    def _restrict(self, number: int, vector: np.ndarray) -> np.ndarray:
        return self.transfers[number].restrict(vector)

    def _interpolate(self, number: int, correction: np.ndarray) -> np.ndarray:
        x = self.levels[number].start()
        self.transfers[number].add_prolongation(x, correction)
        return x
