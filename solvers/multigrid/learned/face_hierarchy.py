"""Grid hierarchies whose coarse cells are unions of fine cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from ..grid.coarsest import CoarsestSolve
from ..grid.cycle import GridCycle
from ..grid.off_grid_unknowns import OffGridUnknowns
from .face_grid import FaceGrid, MergedCouplings, merge_cells
from .face_level import FaceLevel, LevelFields

__all__ = ["FaceHierarchy", "HierarchyParameters"]

COARSEST = 150  # cells of a grid that is not coarsened further
TRIALS = 6  # iterations that test whether the cycle fits
SETTLED = 1e-4  # reduction of the residual beyond which rounding errors dominate


class HierarchyParameters(Protocol):
    """Parameters that define a hierarchy."""

    @property
    def visits(self) -> int:
        """Visits per cycle to the second and third grid: 1 (V-cycle) or 2 (W-cycle)."""
        ...

    @property
    def wall_distance(self) -> float:
        """Additional distance of walls from the centre of a coarse cell, in fine cells."""
        ...

    def fields(self, grid: FaceGrid, merged: MergedCouplings, number: int) -> LevelFields:
        """Return the parameters of a level, 0 being the finest."""
        ...


class FaceHierarchy(GridCycle):
    """Grids, and a cycle on them that is a symmetric positive definite linear function of the right-hand side.

    This holds for a V-cycle with any parameters, as long as the smoother reduces every error: restriction is the
    transpose of interpolation, smoothing after the correction is the adjoint of smoothing before it, and the coarse
    operators are positive (semi-)definite. A W-cycle scales the result of the first of two visits by 1/b. The two
    visits then reduce errors by ``(1 - t)(1 - t/b)``, where t is an eigenvalue of the cycle times the operator on
    that level; the product is below 1 up to ``t = 1 + b``, and zero at the largest t if b equals it. `calibrate`
    determines b. O(n) time and memory.

    Parameters
    ----------
    finest : FaceGrid
    parameters : HierarchyParameters
    singular : bool
        Whether the operator has a nullspace.

    Attributes
    ----------
    levels : list of FaceLevel
        All grids but the coarsest.
    """

    twice: ClassVar[tuple[int, ...]] = (1, 2)

    def __init__(self, finest: FaceGrid, parameters: HierarchyParameters, *, singular: bool = True):
        super().__init__(finest.layout, finest.diagonal, finest.diagonal.dtype)
        self.levels: list[FaceLevel] = []
        self.visits = parameters.visits
        self._shares: dict[int, float] = dict.fromkeys(self.twice, 1.0)
        grid = finest
        while np.prod(grid.layout.cells) > COARSEST:
            merged = merge_cells(grid, parameters.wall_distance)
            fields = parameters.fields(grid, merged, len(self.levels))
            self.levels.append(FaceLevel(grid, fields))
            grid = merged.grid(grid, fields.faces)
        self._coarsest = CoarsestSolve(grid.stencil(), OffGridUnknowns.none(), self.dtype, singular=singular)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Grids, kind of cycle, and precision."""
        grids = [level.grid.layout.cells for level in self.levels]
        return {"grids": grids, "cycle": "VW"[self.visits - 1], "precision": self.dtype.name}

    def _solve_coarsest(self, rhs: np.ndarray) -> np.ndarray:
        return self._coarsest.solve(rhs)

    def _descend(self, number: int, x: np.ndarray | None, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.levels[number].descend(x, rhs)

    def _ascend(self, number: int, x: np.ndarray, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        return self.levels[number].ascend(x, rhs, correction)

    def _before_second_visit(self, number: int, correction: np.ndarray) -> np.ndarray:
        correction *= self.dtype.type(self._shares[number])
        return correction

    def _restrict(self, number: int, vector: np.ndarray) -> np.ndarray:
        return self.levels[number].aggregate(vector)

    def _interpolate(self, number: int, correction: np.ndarray) -> np.ndarray:
        return self.levels[number].interpolate(correction)

    def calibrate(self) -> float:
        """Set the scaling of first visits, and return the factor by which an iteration reduces a residual.

        The factor is measured by a few iterations of conjugate gradients on the third grid, and for a W-cycle on the
        second grid too, which cost a fraction of one iteration on the finest grid. The larger factor is returned; it
        is 1 if the cycle was not positive definite.
        """
        twice = self.twice
        tested = [number for number in twice if number < len(self.levels)] if self.visits == 2 else [twice[-1]]
        slowest = 0.0
        for number in reversed(tested or [0]):
            factor, largest = self._measured(min(number, len(self.levels) - 1))
            slowest = max(slowest, factor)
            self._shares[number] = 1 / max(1.0, largest)
        return slowest

    def _measured(self, number: int) -> tuple[float, float]:
        """Return that factor on a level, and a lower bound on the spectral radius of the cycle times the operator."""
        if number < 0:
            return 0.0, 1.0
        level = self.levels[number]
        p = np.random.default_rng(0).standard_normal(level.grid.layout.size, self.dtype.type)
        p *= level.grid.diagonal > 0
        r = level.product(p)
        start = _norm(r)
        if start == 0.0:
            return 0.0, 1.0
        r /= self.dtype.type(start)
        steps, ratios = list[float](), list[float]()
        before = np.inf
        for _ in range(TRIALS):
            z = self.cycle(r, None, number)
            rho = float(np.vdot(r, z))
            ratios.append(rho / before)
            p = z + self.dtype.type(ratios[-1]) * p
            q = level.product(p)
            curvature = float(np.vdot(p, q))
            if not (rho > 0 and curvature > 0):
                return 1.0, 1.0
            steps.append(rho / curvature)
            r -= self.dtype.type(steps[-1]) * q
            before = rho
            if _norm(r) < SETTLED:
                break
        inverse, ratio = 1 / np.array(steps), np.array(ratios)
        diagonal = inverse + np.append(0.0, ratio[1:] * inverse[:-1])
        beside = np.sqrt(ratio[1:]) * inverse[:-1]
        lanczos = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        return _norm(r) ** (1 / len(steps)), float(np.linalg.eigvalsh(lanczos)[-1])


def _norm(x: np.ndarray) -> float:
    return float(np.vdot(x, x)) ** 0.5
