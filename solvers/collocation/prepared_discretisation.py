"""Prepared solvers of discretised PDEs, which tell how well their grid resolves the solution."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.discretisation import Discretisation, FiniteDifferenceAxis, PDESolution
from ritz.progress import ResidualProgress
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver

from .coefficient_decay import next_coefficients
from .defect import defect
from .off_grid import OffGrid, data_misfit
from .resolution import LARGE, Resolution, compare_with_finer_grids, relative_difference, sentence
from .stack import stacklevel

__all__ = ["PreparedDiscretisation"]

SUSPECT = 3e-3  # estimated relative error from which finer grids are asked
UNSEEN = 1e-4  # relative misfit of data between the nodes from which finer grids are asked
LOOSE = 1e-2  # relative residual of the equation for the error
FINE = 1e-7  # relative residual of solutions on finer grids
FINER, FINER_COUPLED = 1.6, 1.25  # ratio of the shapes of successive grids
MOST = {1: 10_000, 2: 4.0, 3: 5.0}  # unknowns of finer grids: in one dimension, and in others relative to the own grid
MOST_DENSE = {1: 600, 2: 4.0, 3: 5.0}  # the same for collocation, whose matrices are dense
MOST_COUPLED = 2.0  # the same where a single dense matrix couples all axes


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedDiscretisation(PreparedSolver[PDESolution]):
    """Base of prepared solvers on a grid.

    The discretisation error of each solution is estimated. Finite differences solve for the residual of the equation
    at irregular points between the nodes, collocation looks at its last coefficients and at data between the nodes.
    Where these are not small, the solution is compared with those on finer grids. ``stats["discretisation_error"]``
    holds the error relative to the solution; if it exceeds 1e-2, a warning says how many unknowns would do.

    Parameters
    ----------
    solver : object
        Solver with a field `shape`.
    discretisation : Discretisation
    name : str
        Registered name of the solver.
    seconds : float
        Time spent on discretising and preparing.
    stats : mapping
        Statistics to add to every solution.
    warns : bool
        Whether to warn of a large discretisation error.
    """

    solver: Any
    discretisation: Discretisation
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)
    warns: bool = True

    @abstractmethod
    def discrete_solution(self, rhs: Any, x0: Any, controls: Controls) -> PDESolution:
        """Return the solution of the discrete equation."""

    @abstractmethod
    def correction(self, u: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Return the solution of the equation linearised around `u` for a weighted source, roughly; shape (n,)."""

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> PDESolution:
        solution = self.discrete_solution(rhs, x0, controls)
        if solution.status not in (Status.CONVERGED, Status.STAGNATED):
            return solution
        try:
            found = self._resolution(solution, rhs, controls)
        except KeyboardInterrupt:  # the solution is there; only its error is not known
            solution, found = replace(solution, status=Status.INTERRUPTED), Resolution(float("nan"))
        stats = {**solution.stats, "discretisation_error": found.error}
        if found.error > LARGE:
            stats["unresolved"], stats["needed"] = sentence(self.discretisation.shape, found), found.needed
            if self.warns:
                warnings.warn(stats["unresolved"], UserWarning, stacklevel=stacklevel())
        return replace(solution, stats=stats)

    def _resolution(self, solution: PDESolution, rhs: Any, controls: Controls) -> Resolution:
        columns = to_numpy(solution.x).reshape(self.discretisation.grid.size, -1).T
        given = [None] * len(columns)
        if rhs is not None:
            given = list(to_numpy(rhs).reshape(self.discretisation.grid.size, -1).T)
        estimates = [self._estimate(*pair) for pair in zip(columns, given, strict=True)]
        estimate, unseen = (max(parts) for parts in zip(*estimates, strict=True))
        if rhs is not None or (estimate <= SUSPECT and unseen <= UNSEEN):
            return Resolution(estimate)
        compared = self._compare(solution, controls)
        return Resolution(estimate) if compared is None else compared

    def _estimate(self, u: np.ndarray, rhs: np.ndarray | None) -> tuple[float, float]:
        """Return the relative error of a solution, as the solution itself tells it, and the misfit of unseen data."""
        discretisation = self.discretisation
        if not self._order:
            return next_coefficients(discretisation.axes, discretisation.interpolant(u).nodal), self._misfit
        if not self._has_room:
            return float("inf"), 1.0
        weights = 1.0 if discretisation.weights is None else discretisation.weights
        source = None
        if rhs is not None:
            source = ((rhs - discretisation.boundary_part) / weights).reshape(discretisation.shape)
        grid = discretisation.shape
        left, unseen = defect(discretisation, u.reshape(grid), source, self._off_grid)
        rest = weights * left.ravel()
        if discretisation.singular:
            rest = rest - weights * (rest.sum() / np.sum(weights))
        unseen = max(unseen, self._misfit)
        if not rest.any():
            return 0.0, unseen
        error = self.correction(u, rest)
        if discretisation.singular:
            error = error - error.mean()
        return relative_difference(u, u + error) if np.isfinite(error).all() else float("inf"), unseen

    def _compare(self, solution: PDESolution, controls: Controls) -> Resolution | None:
        discretisation, latest = self.discretisation, solution
        quiet = replace(
            controls,
            rtol=max(controls.rtol, FINE),
            maxiter=None,
            callback=None,
            progress=ResidualProgress(False, self.name, FINE),
        )

        def finer(shape: tuple[int, ...]) -> np.ndarray | None:
            nonlocal latest
            try:
                prepared = replace(self.solver, shape=shape).prepare(discretisation.pde)
                start = None
                if discretisation.pde.reaction is not None:
                    start = latest.on_grid(*prepared.discretisation.grid.axes).ravel()
                found = prepared.discrete_solution(None, start, quiet)
            except InvalidProblem:  # too many unknowns for the method
                return None
            if found.status not in (Status.CONVERGED, Status.STAGNATED):
                return None
            latest = found
            values = found.on_grid(*discretisation.grid.axes).ravel()
            return values - values.mean() if discretisation.singular else values

        dimension, size = len(discretisation.axes), discretisation.grid.size
        limit = (MOST if self._order else MOST_DENSE)[dimension]
        coupled = self._order is None and dimension > 1 and discretisation.factors is None  # one large dense matrix
        most = int(limit if dimension == 1 else (MOST_COUPLED if coupled else limit) * size)
        return compare_with_finer_grids(
            to_numpy(solution.x),
            discretisation.shape,
            finer,
            order=self._order,
            ratio=FINER_COUPLED if coupled else FINER,
            fewest=2 if dimension == 1 else 1,
            most=most,
        )

    @cached_property
    def _off_grid(self) -> OffGrid:
        return OffGrid.between(self.discretisation.axes)

    @cached_property
    def _misfit(self) -> float:
        """Misfit of the boundary data between the nodes and, for collocation, of source and coefficients too."""
        return data_misfit(self.discretisation, self._off_grid, interior=self._order is None)

    @cached_property
    def _order(self) -> int | None:
        """Order of accuracy; None for collocation."""
        [axis, *_] = self.discretisation.axes
        return axis.order if isinstance(axis, FiniteDifferenceAxis) else None

    @cached_property
    def _has_room(self) -> bool:
        """Whether the grid has enough nodes for formulas two orders higher."""
        return all(len(axis.nodes) >= 2 * (self._order or 0) + 5 for axis in self.discretisation.axes)
