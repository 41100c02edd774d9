"""The multigrid cycle, the same for every hierarchy of grids."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from .padded_vectors import PaddedVectors

__all__ = ["GridCycle"]

INVERSE_STEPS = 5  # the smallest eigenvalue of a nearly singular operator is far from the others


class GridCycle(PaddedVectors):
    """V- and W-cycles over the levels of a hierarchy, of which subclasses define the steps.

    Vectors include the halo of their grid. Levels are numbered from the finest, 0; the number after the last level
    is that of the coarsest grid, which is solved directly.

    Attributes
    ----------
    levels : list
        All levels but the coarsest.
    visits : int
        Visits per cycle to the levels `twice`: 1 (V-cycle) or 2 (W-cycle).
    twice : tuple of int
        Levels that a W-cycle visits twice.
    """

    levels: list[Any]
    visits: int
    twice: ClassVar[tuple[int, ...]]

    @property
    @abstractmethod
    def stats(self) -> Mapping[str, Any]:
        """Facts about the hierarchy for the statistics of a solution."""

    @abstractmethod
    def _solve_coarsest(self, rhs: np.ndarray) -> np.ndarray:
        """Return the solution on the coarsest grid."""

    @abstractmethod
    def _descend(self, number: int, x: np.ndarray | None, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `x` after smoothing and the right-hand side of the next grid; `x` None is zero."""

    @abstractmethod
    def _ascend(self, number: int, x: np.ndarray, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        """Return `x` after adding the correction from the next grid and smoothing."""

    @abstractmethod
    def _restrict(self, number: int, vector: np.ndarray) -> np.ndarray:
        """Return the restriction of a vector to the next grid."""

    @abstractmethod
    def _interpolate(self, number: int, correction: np.ndarray) -> np.ndarray:
        """Return the interpolation of a vector of the next grid."""

    def _before_second_visit(self, number: int, correction: np.ndarray) -> np.ndarray:
        """Return the start of the second visit to a level, given the result of the first."""
        return correction

    def cycle(self, rhs: np.ndarray, x: np.ndarray | None = None, number: int = 0) -> np.ndarray:
        """Return the approximate solution after one cycle, in an array that the thread's next cycle overwrites.

        Parameters
        ----------
        rhs : ndarray
        x : ndarray or None
            Starting vector: the result of a cycle on this level, or None for zero.
        number : int
            Level of both.
        """
        if number == len(self.levels):
            return self._solve_coarsest(rhs)
        x, coarse = self._descend(number, x, rhs)
        correction = self.cycle(coarse, None, number + 1)
        if self.visits == 2 and number + 1 in self.twice and number + 1 < len(self.levels):
            correction = self.cycle(coarse, self._before_second_visit(number + 1, correction), number + 1)
        return self._ascend(number, x, rhs, correction)

    def smallest_eigenvalue(self) -> float:
        """Return an estimate of the smallest positive eigenvalue of the operator, whose unit is its diagonal.

        By inverse iteration on the coarsest grid, with the diagonal restricted to it as mass.
        """
        mass = self._used.copy()
        self.layout.refresh(mass)
        for number in range(len(self.levels)):
            mass = self._restrict(number, mass)
        mass = mass.astype(np.float64)
        x = np.random.default_rng(0).standard_normal(mass.size)
        smallest = 1.0
        for _ in range(INVERSE_STEPS):
            size = float(np.vdot(x, mass * x)) ** 0.5
            if not size > 0.0:  # nothing but null vectors
                return 1.0
            rhs = (mass * (x / size)).astype(self.dtype)
            following = self._solve_coarsest(rhs).astype(np.float64)
            grown = float(np.vdot(following, mass * following)) ** 0.5
            smallest, x = 1.0 / grown if grown > 0.0 else 1.0, following
        return smallest

    def full_cycle(self, rhs: np.ndarray, number: int = 0) -> np.ndarray:
        """Return the approximate solution of full multigrid: from the coarsest grid up, one cycle on each grid."""
        if number == len(self.levels):
            return self._solve_coarsest(rhs)
        coarse = self.full_cycle(self._restrict(number, rhs), number + 1)
        return self.cycle(rhs, self._interpolate(number, coarse), number)
