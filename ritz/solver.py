"""Solvers: the interface that all of them share, and which problems each of them takes."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from ritz.arguments import Callback, check_seed, check_tolerances, iteration_limit
from ritz.backend import Array
from ritz.errors import InvalidProblem, UnknownOption
from ritz.operators import MatrixFree, Operator, Tag
from ritz.operators.checks import asymmetry
from ritz.pickling import Picklable
from ritz.problem_types.linear_system import LinearSystem
from ritz.progress import ResidualProgress
from ritz.registry import solvers
from ritz.solution import Solution

__all__ = ["Controls", "Prepared", "PreparedSolver", "Solver", "check_pairing", "make_solver", "registered_name"]

Answer = TypeVar("Answer", bound=Solution)


@runtime_checkable
class Prepared(Protocol):
    """A solver that has done the work needed only once per operator: a factorisation, a hierarchy, a basis."""

    def solve(
        self,
        rhs: Array | None = None,
        /,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for `rhs` (the problem's own if None) until ``||b - A x|| <= max(rtol ||b||, atol)``.

        For problems with parameters, `rhs` holds the parameters instead of a right-hand side.
        """
        ...


@runtime_checkable
class Solver(Protocol):
    """A frozen dataclass whose fields are the solver's options.

    Attributes
    ----------
    solves : type
        The kind of problem that the solver takes.
    requires : frozenset of Tag
        Properties that the operator must have.
    """

    solves: ClassVar[type]
    requires: ClassVar[frozenset[Tag]]

    def prepare(self, problem: Any) -> Prepared:
        """Do the work that is needed only once per operator."""
        ...


@dataclass(frozen=True)
class Controls:
    """Checked settings of one solve: when it stops, and what it reports on the way.

    Parameters
    ----------
    rtol, atol : float
        Relative and absolute tolerance of the residual.
    maxiter : int or None
        Iteration limit, or None for the method's own; see `limit`.
    callback : Callback or None
    progress : ResidualProgress
        An open progress line.
    """

    rtol: float
    atol: float
    maxiter: int | None
    callback: Callback | None
    progress: ResidualProgress

    def limit(self, default: int) -> int:
        """Return the iteration limit, or `default` if none was given."""
        return default if self.maxiter is None else self.maxiter

    def asks_to_stop(self, iteration: int, x: Any, residual: float) -> bool:
        """Call the callback, if there is one, with an iterate; return whether it asks to stop."""
        return self.callback is not None and bool(self.callback(iteration, x, residual))


class PreparedSolver(Picklable, ABC, Generic[Answer]):
    """Base of prepared solvers, which implements `Prepared`.

    A subclass provides the attributes below, as fields of a dataclass or otherwise, and defines ``_solve``.

    Attributes
    ----------
    name : str
        Registered name of the solver.
    seconds : float
        Time spent on preparation.
    stats : mapping
        Statistics of the preparation, which are merged into those of each solution.
    dtype : dtype
        Precision that limits how small tolerances may be; float64 unless a subclass says otherwise.
    """

    name: str
    seconds: float
    stats: Mapping[str, Any]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the residual."""
        return np.dtype(np.float64)

    def solve(
        self,
        rhs: Any = None,
        /,
        *,
        x0: Any = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Answer:
        """Solve for `rhs`, or for the problem's own right-hand side if None; see `ritz.solver.Prepared.solve`.

        Raises
        ------
        InvalidProblem
            If the tolerances, the iteration limit, the right-hand side or the starting vector are invalid; raised
            before any long computation.
        """
        began = time.perf_counter()
        check_tolerances(rtol, atol, self.dtype)
        if maxiter is not None:
            maxiter = iteration_limit(maxiter, 0)
        with ResidualProgress(progress, self.name, rtol) as line:
            answer = self._solve(rhs, x0, Controls(rtol, atol, maxiter, callback, line))
        # Time spent on bookkeeping, which a solve reports as "recording", is not charged to its method.
        seconds = time.perf_counter() - began - answer.timings.get("recording", 0.0)
        timings = {"prepare": self.seconds, "solve": seconds, **answer.timings}
        return replace(answer, timings=timings, stats={**self.stats, **answer.stats}, solver=self.name)

    @abstractmethod
    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> Answer:
        """Return the solution; `solve` adds the solver's name, the timings and the statistics of the preparation."""


def make_solver(solver: str | Solver, options: dict[str, Any]) -> Solver:
    """Return the solver of a registered name with the given options, or `solver` itself if it is a solver object.

    Raises
    ------
    UnknownName, UnknownOption
        If there is no such solver or option; the message suggests close matches.
    InvalidProblem
        If `solver` is neither a name nor a solver object.
    """
    if not isinstance(solver, str):
        if options:
            raise UnknownOption(type(solver).__name__, next(iter(options)), [])
        if not isinstance(solver, Solver):
            raise InvalidProblem(f"solver is a {type(solver).__name__}; give a registered name or a solver object")
        return solver
    return solvers.make(solver, options)


def registered_name(solver: Any) -> str:
    """Return the name under which `solver` is registered, or the name of its class."""
    return solvers.name_of(solver) or type(solver).__name__


def check_pairing(solver: Solver, problem: Any) -> None:
    """Raise `InvalidProblem` if `solver` cannot take `problem`.

    Symmetry is tested with two products, unless the operator is symmetric by construction. Definiteness is not
    tested: a solver reports its absence as a status.
    """
    name = registered_name(solver)
    check_seed(getattr(solver, "seed", 0))
    if not isinstance(problem, solver.solves):
        raise InvalidProblem(f"solver {name!r} solves {solver.solves.__name__}, not {type(problem).__name__}")
    if Tag.SYMMETRIC in solver.requires and isinstance(problem, LinearSystem):
        require_symmetric(problem.operator, name)


def require_symmetric(operator: Operator, solver_name: str) -> None:
    """Raise `InvalidProblem` if products with random vectors show that `operator` is not symmetric."""
    unsure = isinstance(operator, MatrixFree) or Tag.SYMMETRIC not in operator.tags
    difference = asymmetry(operator) if unsure else 0.0
    if not math.isfinite(difference):
        raise InvalidProblem(f"{operator!r} maps a random vector to NaN or infinity; its products must be finite")
    if difference:
        raise InvalidProblem(
            f"solver {solver_name!r} needs a symmetric operator, and x.Ay differs from y.Ax by {difference:.1e}"
            " (relative): use 'gmres', 'bicgstab', 'lsmr' or 'lu'"
        )
