"""The cycle on grids whose coarse cells are unions of fine ones, with parameters that were learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .coarsest import CoarsestSolve
from .face_grid import FaceGrid, merge_cells
from .padded_vectors import PaddedVectors

__all__ = ["FaceHierarchy", "LevelFields"]

COARSEST = 150  # cells of a grid that is not coarsened further


@dataclass(frozen=True, eq=False)
class LevelFields:
    """What is done on one level: numbers, or arrays with one for each cell.

    Parameters
    ----------
    rates : (float, float)
        Of the two smoothing steps.
    damping : ndarray
        Factor of both, at most 1.
    spread : ndarray
        Of the Jacobi step that smooths the prolongation.
    faces : ndarray, shape (axes, coarse size)
        Couplings of the next grid.
    """

    rates: tuple[float, float]
    damping: np.ndarray
    spread: np.ndarray
    faces: np.ndarray


class FaceHierarchy(PaddedVectors):
    """Grids, and a symmetric positive definite cycle on them."""

    def __init__(self, finest: FaceGrid, parameters: Any):
        super().__init__(finest.layout, finest.diagonal, finest.diagonal.dtype)
        self.levels: list[Level] = []
        grid = finest
        while np.prod(grid.layout.cells) > COARSEST:
            merged = merge_cells(grid, parameters.wall_distance)
            fields = parameters.fields(grid, merged, len(self.levels))
            self.levels.append(Level(grid, fields))
            grid = merged.grid(grid, fields.faces)
        from .detached import Detached

        self._coarsest = CoarsestSolve(grid.stencil(), Detached.none(), self.dtype)

    @property
    def stats(self) -> Mapping[str, Any]:
        return {"grids": [level.grid.layout.cells for level in self.levels], "precision": self.dtype.name}

    def cycle(self, rhs: np.ndarray, x: np.ndarray | None = None, number: int = 0) -> np.ndarray:
        if number == len(self.levels):
            return self._coarsest.solve(rhs)
        level = self.levels[number]
        correction = self.cycle(level.descend(x, rhs), None, number + 1)
        return level.ascend(rhs, correction)

    def full_cycle(self, rhs: np.ndarray, number: int = 0) -> np.ndarray:
        if number == len(self.levels):
            return self._coarsest.solve(rhs)
        level = self.levels[number]
        start = level.prolong(self.full_cycle(level.aggregate(rhs), number + 1))
        return self.cycle(rhs, start, number)


class Level:
    def __init__(self, grid: FaceGrid, fields: LevelFields):
        self.grid = grid
        number = grid.diagonal.dtype.type
        self._rates = number(fields.rates[0]), number(fields.rates[1])
        self._damping, self._spread = fields.damping, fields.spread
        self._couplings = -(grid.faces if grid.uniform is None else grid.uniform)
        self._x, self._work, self._r, self._q = (np.zeros_like(grid.diagonal) for _ in range(4))
        self._coarse = np.zeros(grid.coarse_layout.size, dtype=grid.diagonal.dtype)
        self._span = grid.layout.span

    def descend(self, x, rhs):
        from ritz.kernels.face_cycle import smooth_and_restrict

        grid = self.grid
        smooth_and_restrict(
            *self._span, x is None, self._x, rhs, self._work, self._r, self._q, grid.diagonal, grid.inverse,
            self._couplings, grid.strides, self._damping, self._spread, *self._rates,
        )  # fmt: skip
        return self.aggregate(self._work)

    def aggregate(self, vector):
        from ritz.kernels.face_cycle import aggregate

        aggregate(self._coarse, vector, self.grid.places)
        return self._coarse

    def prolong(self, correction):
        from ritz.kernels.face_cycle import correct, expand

        self._x[:] = 0
        expand(self._q, correction, self.grid.inverse, self.grid.places)
        correct(
            *self._span, self._x, self._q, self._work, self.grid.inverse, self._couplings, self.grid.strides, self._spread
        )
        return self._x

    def ascend(self, rhs, correction):
        from ritz.kernels.face_cycle import correct_and_smooth, expand

        expand(self._q, correction, self.grid.inverse, self.grid.places)
        correct_and_smooth(
            *self._span, self._x, self._q, rhs, self._work, self.grid.inverse, self._couplings, self.grid.strides,
            self._damping, self._spread, *self._rates,
        )  # fmt: skip
        return self._x
