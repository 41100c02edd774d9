"""The multigrid cycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .coarsest import CoarsestSolve
from .grid_level import Level
from .hierarchy import Grid
from .padded_vectors import PaddedVectors

__all__ = ["Hierarchy", "Transfer"]

TWICE = (2, 3)  # levels, 0 being the finest, that are worth two visits where a V-cycle is slow: they are cheap there
SLOW = 0.3  # factor of a V-cycle from there on above which it is slow
TRIALS = 4


class Hierarchy(PaddedVectors):
    """Grids with their smoothers and the interpolation between them, in one precision.

    Vectors are those of `Level`: of the finest grid with its halo. A cycle is a symmetric positive definite linear
    function of the right-hand side. O(n) time and memory: about 15 products, and about 12 vectors where the
    coefficient is constant.

    Parameters
    ----------
    grids : list of Grid
        From finest to coarsest.
    dtype : dtype
    degree, ratio
        See `Level`.
    visits : int
        How often a cycle comes to each of the levels `TWICE`: 1 (V-cycle) or 2; if 0, what a few V-cycles from there
        on suggest, which cost little.

    Attributes
    ----------
    levels : list of Level
        All but the coarsest.
    transfers : list of Transfer
        From each of them to the next.
    """

    def __init__(self, grids: list[Grid], dtype: Any, *, degree: int = 2, ratio: float = 4.0, visits: int = 0):
        super().__init__(grids[0].stencil.layout, grids[0].stencil.diagonal, dtype)
        self._off_grid = grids[-1].detached.count
        self.levels = [Level(grid.stencil, grid.detached, dtype, degree, ratio) for grid in grids[:-1]]
        self.transfers = [Transfer(grid, self.dtype) for grid in grids[:-1]]
        self._coarsest = CoarsestSolve(grids[-1].stencil, grids[-1].detached, self.dtype)
        self.visits = visits or (2 if self._coarse_factor() > SLOW else 1)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Grids, visits, precision, and unknowns that are off the grid."""
        return {
            "grids": [level.layout.cells for level in self.levels],
            "cycle": "VW"[self.visits - 1],
            "precision": self.dtype.name,
            "off_grid": self._off_grid,
        }

    def _coarse_factor(self) -> float:
        """Return by what a V-cycle on a coarser level reduces an error, after a few of them."""
        number = min(TWICE)
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

    def cycle(self, rhs: np.ndarray, x: np.ndarray | None = None, number: int = 0) -> np.ndarray:
        """Return the approximate solution after one cycle, in an array that the next one overwrites.

        Parameters
        ----------
        rhs : ndarray
        x : ndarray or None
            Where to start: what a cycle on this level has returned, or None, which is zero.
        number : int
            Level of both, 0 being the finest.
        """
        if number == len(self.levels):
            return self._coarsest.solve(rhs)
        level, transfer = self.levels[number], self.transfers[number]
        x = level.smooth(x, rhs)
        coarse = transfer.restrict(level.residual(x, rhs))
        correction = self.cycle(coarse, None, number + 1)
        if self.visits == 2 and number + 1 in TWICE and number + 1 < len(self.levels):
            correction = self.cycle(coarse, correction, number + 1)
        transfer.add_prolongation(x, correction)
        return level.smooth(x, rhs)

    def full_cycle(self, rhs: np.ndarray, number: int = 0) -> np.ndarray:
        """Return the approximate solution of full multigrid: from the coarsest grid up, one V-cycle on each."""
        if number == len(self.levels):
            return self._coarsest.solve(rhs)
        transfer = self.transfers[number]
        start = self.levels[number].start()
        transfer.add_prolongation(start, self.full_cycle(transfer.restrict(rhs), number + 1))
        return self.cycle(rhs, start, number)


class Transfer:
    """Restriction and prolongation between two levels, one axis after the other."""

    def __init__(self, grid: Grid, dtype: np.dtype[Any]):
        self._steps = [step.astype(dtype) for step in grid.coarsenings]
        counts = np.cumsum([grid.detached.count, *(step.lost.size for step in self._steps)])
        self._vectors = [
            np.zeros(step.coarse.size + count, dtype=dtype) for step, count in zip(self._steps, counts[1:], strict=True)
        ]

    def restrict(self, residual: np.ndarray) -> np.ndarray:
        """Return the transposed prolongation of `residual`, in an array of this object's own."""
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        from .kernels.grid_transfer import restrict

        for step, out in zip(self._steps, self._vectors, strict=True):
            weights = step.low, step.high, step.places
            in_parallel_chunks(restrict, step.planes, 3 * residual.nbytes, out, residual, *weights)
            if out.size > step.coarse.size:
                kept = step.coarse.size + residual.size - step.fine.size
                out[step.coarse.size : kept] = residual[step.fine.size :]
                out[kept:] = residual[step.lost]
            step.coarse.refresh(out)
            residual = out
        return residual

    def add_prolongation(self, x: np.ndarray, correction: np.ndarray) -> None:
        """Add the prolongation of `correction` to `x`."""
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        from .kernels.grid_transfer import prolong

        targets = [x, *self._vectors[:-1]]
        for step, out in zip(reversed(self._steps), reversed(targets), strict=True):
            keep = out.dtype.type(out is x)
            weights = step.low, step.high, step.places, step.fine.cells[step.axis], keep
            in_parallel_chunks(prolong, step.planes, 3 * out.nbytes, out, correction, *weights)
            if correction.size > step.coarse.size:
                kept = step.coarse.size + out.size - step.fine.size
                out[step.fine.size :] = keep * out[step.fine.size :] + correction[step.coarse.size : kept]
                out[step.lost] = keep * out[step.lost] + correction[kept:]
            step.fine.refresh(out)
            correction = out
