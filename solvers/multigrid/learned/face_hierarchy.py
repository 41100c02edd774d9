"""The multigrid cycle on grids whose coarse cells are unions of fine ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..grid.coarsest import CoarsestSolve
from ..grid.off_grid_unknowns import Detached
from ..grid.padded_vectors import PaddedVectors
from .face_grid import FaceGrid, Merged, merge_cells

__all__ = ["FaceHierarchy", "LevelFields", "Parameters"]

COARSEST = 150  # cells of a grid that is not coarsened further
TWICE = (1, 2)  # levels, 0 being the finest, that a W-cycle comes to twice
TRIALS = 6  # iterations that tell whether the cycle fits
SETTLED = 1e-4  # reduction of the residual after which rounding would tell


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
        Of the Jacobi step that smooths what is interpolated.
    faces : ndarray, shape (axes, coarse size)
        Couplings of the next grid, none negative.
    """

    rates: tuple[float, float]
    damping: np.ndarray
    spread: np.ndarray
    faces: np.ndarray


class Parameters(Protocol):
    """What decides on a hierarchy."""

    @property
    def visits(self) -> int:
        """How often a cycle comes to the second and third grid: 1 (V-cycle) or 2 (W-cycle)."""
        ...

    @property
    def wall_distance(self) -> float:
        """How much farther away walls are from a coarse cell's centre, in fine cells."""
        ...

    def fields(self, grid: FaceGrid, merged: Merged, number: int) -> LevelFields:
        """Return what is done on a level, 0 being the finest."""
        ...


class FaceHierarchy(PaddedVectors):
    """Grids, and a cycle on them that is a symmetric positive definite linear function of the right-hand side.

    A V-cycle is so whatever the parameters are, as long as smoothing by itself reduces every error: restriction is
    the transpose of interpolation, smoothing after the correction is the adjoint of that before, and the coarse
    operators are positive (semi-)definite. A W-cycle takes from the first of two visits the share 1/b: the two reduce
    errors by ``(1 - t)(1 - t/b)``, t being an eigenvalue of the cycle times the operator there. That is below 1 up to
    ``t = 1 + b``, and zero at the largest t if b is that; `calibrate` finds b. O(n) time and memory.

    Parameters
    ----------
    finest : FaceGrid
    parameters : Parameters

    Attributes
    ----------
    levels : list
        All but the coarsest.
    """

    def __init__(self, finest: FaceGrid, parameters: Parameters):
        super().__init__(finest.layout, finest.diagonal, finest.diagonal.dtype)
        self.levels: list[_Level] = []
        self.visits = parameters.visits
        self._shares: dict[int, float] = dict.fromkeys(TWICE, 1.0)
        grid = finest
        while np.prod(grid.layout.cells) > COARSEST:
            merged = merge_cells(grid, parameters.wall_distance)
            fields = parameters.fields(grid, merged, len(self.levels))
            self.levels.append(_Level(grid, fields))
            grid = merged.grid(grid, fields.faces)
        self._coarsest = CoarsestSolve(grid.stencil(), Detached.none(), self.dtype)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Grids and precision."""
        grids = [level.grid.layout.cells for level in self.levels]
        return {"grids": grids, "cycle": "VW"[self.visits - 1], "precision": self.dtype.name}

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
        level = self.levels[number]
        coarse = level.descend(x, rhs)
        correction = self.cycle(coarse, None, number + 1)
        if self.visits == 2 and number + 1 in TWICE and number + 1 < len(self.levels):
            correction *= self.dtype.type(self._shares[number + 1])
            correction = self.cycle(coarse, correction, number + 1)
        return level.ascend(rhs, correction)

    def full_cycle(self, rhs: np.ndarray, number: int = 0) -> np.ndarray:
        """Return the approximate solution of full multigrid: from the coarsest grid up, one cycle on each."""
        if number == len(self.levels):
            return self._coarsest.solve(rhs)
        level = self.levels[number]
        start = level.interpolate(self.full_cycle(level.aggregate(rhs), number + 1))
        return self.cycle(rhs, start, number)

    def calibrate(self) -> float:
        """Set the shares of first visits; return the factor by which an iteration reduces a residual, if done alone.

        A few iterations of conjugate gradients on the third grid, and for a W-cycle on the second, tell: at a fraction
        of the cost of one on the finest. The larger factor counts; it is 1 where the cycle was not positive.
        """
        tested = [number for number in TWICE if number < len(self.levels)] if self.visits == 2 else [TWICE[-1]]
        slowest = 0.0
        for number in reversed(tested or [0]):
            factor, largest = self._measured(min(number, len(self.levels) - 1))
            slowest = max(slowest, factor)
            self._shares[number] = 1 / max(1.0, largest)
        return slowest

    def _measured(self, number: int) -> tuple[float, float]:
        """Return that factor on a level, and the largest eigenvalue of the cycle times the operator, from below."""
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


class _Level:
    """One grid with its vectors."""

    def __init__(self, grid: FaceGrid, fields: LevelFields):
        self.grid = grid
        number = grid.diagonal.dtype.type
        first, second = (number(rate) for rate in fields.rates)
        faces = grid.faces if grid.uniform is None else grid.uniform
        self._entries = grid.diagonal, grid.inverse, faces, grid.strides
        self._smoothing = fields.damping, fields.spread, first, second
        self._x, self._work, self._residual, self._spread = (np.zeros_like(grid.diagonal) for _ in range(4))
        self._coarse = np.zeros(grid.coarse_layout.size, dtype=grid.diagonal.dtype)
        from .kernels import face_cycle, face_grids

        self._sweeps, self._grids = face_cycle, face_grids

    def product(self, x: np.ndarray) -> np.ndarray:
        """Return the product with the operator, in an array of its own."""
        out = np.zeros_like(x)
        self._sweeps.product(*self.grid.layout.span, out, x, *self._entries)
        return out

    def descend(self, x: np.ndarray | None, rhs: np.ndarray) -> np.ndarray:
        """Smooth and return the right-hand side of the coarse grid; `x` is None, or this level's own."""
        vectors = self._x, rhs, self._work, self._residual, self._spread
        self._sweeps.smooth_and_restrict(*self.grid.layout.span, x is None, *vectors, *self._entries, *self._smoothing)
        return self.aggregate(self._work)

    def ascend(self, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        """Correct and smooth."""
        self._grids.expand(self._spread, correction, self.grid.inverse, self.grid.places)
        vectors = self._x, self._spread, rhs, self._work
        self._sweeps.correct_and_smooth(*self.grid.layout.span, *vectors, *self._entries, *self._smoothing)
        return self._x

    def aggregate(self, vector: np.ndarray) -> np.ndarray:
        """Return sums over the cells that coarse ones are made of, in an array of this level's own."""
        self._grids.aggregate(self._coarse, vector, self.grid.places)
        return self._coarse

    def interpolate(self, correction: np.ndarray) -> np.ndarray:
        """Return the interpolation of a coarse vector, in an array of this level's own."""
        self._grids.expand(self._spread, correction, self.grid.inverse, self.grid.places)
        self._sweeps.smoothed(*self.grid.layout.span, self._x, self._spread, *self._entries, self._smoothing[1])
        return self._x


def _norm(x: np.ndarray) -> float:
    return float(np.vdot(x, x)) ** 0.5
