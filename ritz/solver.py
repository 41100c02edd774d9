"""How it is answered: what every solver has, and which problems it takes."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem, UnknownOption
from ritz.operators import MatrixFree, Operator, Tag
from ritz.operators.checks import asymmetry
from ritz.problem_types.linear_system import LinearSystem
from ritz.progress import ResidualProgress
from ritz.registry import solvers
from ritz.solution import Solution
from ritz.stopping import Callback, check_tolerances, iteration_limit

__all__ = ["Controls", "Prepared", "PreparedSolver", "Solver", "check_pairing", "make_solver", "registered_name"]

Answer = TypeVar("Answer", bound=Solution)


@runtime_checkable
class Prepared(Protocol):
    """A solver after the work that one operator needs only once: a factorisation, a hierarchy, a basis."""

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

        Where a problem has parameters, these are given instead of a right-hand side.
        """
        ...


@runtime_checkable
class Solver(Protocol):
    """A frozen dataclass whose fields are the solver's options.

    Attributes
    ----------
    solves : type
        The kind of problem it takes.
    requires : frozenset of Tag
        What it needs of the operator.
    """

    solves: ClassVar[type]
    requires: ClassVar[frozenset[Tag]]

    def prepare(self, problem: Any) -> Prepared:
        """Do what one operator needs once."""
        ...


@dataclass(frozen=True)
class Controls:
    """When a solve stops and whom it informs, checked.

    Parameters
    ----------
    rtol, atol : float
    maxiter : int or None
        As given; see `limit`.
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
        """Return the iteration limit, `default` where none was given."""
        return default if self.maxiter is None else self.maxiter

    def asks_to_stop(self, iteration: int, x: Any, residual: float) -> bool:
        """Show an iterate to the callback, if there is one, and return whether it wants to stop."""
        return self.callback is not None and bool(self.callback(iteration, x, residual))


class PreparedSolver(ABC, Generic[Answer]):
    """What every prepared solver has in common; see `ritz.solver.Prepared`.

    A subclass has the attributes below, as fields of its dataclass or otherwise, and defines ``_solve``.

    Attributes
    ----------
    name : str
        Registered name of the solver.
    seconds : float
        Spent on preparing.
    stats : mapping
        What preparing found out; joined with the statistics of each solve.
    dtype : dtype
        Precision that tolerances have to be within reach of; float64 unless a subclass says otherwise.
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
        """Solve for `rhs`, or the problem's own if None; see `ritz.solver.Prepared.solve`.

        Raises
        ------
        InvalidProblem
            Tolerances, a limit, a right-hand side or a start that do not fit, before any long computation.
        """
        began = time.perf_counter()
        check_tolerances(rtol, atol, self.dtype)
        if maxiter is not None:
            maxiter = iteration_limit(maxiter, 0)
        with ResidualProgress(progress, self.name, rtol) as line:
            answer = self._solve(rhs, x0, Controls(rtol, atol, maxiter, callback, line))
        # What a solve reports in "recording" is work for the record alone, which its method is not charged for.
        seconds = time.perf_counter() - began - answer.timings.get("recording", 0.0)
        timings = {"prepare": self.seconds, "solve": seconds, **answer.timings}
        return replace(answer, timings=timings, stats={**self.stats, **answer.stats}, solver=self.name)

    @abstractmethod
    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> Answer:
        """Return the answer, with any timings of its own; what the shell knows need not be filled in."""


def make_solver(solver: str | Solver, options: dict[str, Any]) -> Solver:
    """Return a solver from its registered name and options, or `solver` itself where it is one.

    Raises
    ------
    UnknownName, UnknownOption
        With close matches.
    """
    if not isinstance(solver, str):
        if options:
            raise UnknownOption(type(solver).__name__, next(iter(options)), [])
        if not isinstance(solver, Solver):
            raise InvalidProblem(f"solver is a {type(solver).__name__}; give a registered name or a solver object")
        return solver
    kind = solvers[solver]
    known = {option.name for option in fields(kind) if option.init}
    for option in options:
        if option not in known:
            raise UnknownOption(f"solver {solver!r}", option, known)
    return kind(**options)


def registered_name(solver: Any) -> str:
    """Return the name `solver` is registered under, or its class name."""
    return solvers.name_of(solver) or type(solver).__name__


def check_pairing(solver: Solver, problem: Any) -> None:
    """Raise `InvalidProblem` if `solver` cannot take `problem`.

    Symmetry is tested with two products unless the operator is known to be so by construction; definiteness is
    left to the solver, which meets its absence as a status.
    """
    name = registered_name(solver)
    if not isinstance(problem, solver.solves):
        raise InvalidProblem(f"solver {name!r} solves {solver.solves.__name__}, not {type(problem).__name__}")
    if Tag.SYMMETRIC in solver.requires and isinstance(problem, LinearSystem):
        require_symmetric(problem.operator, name)


def require_symmetric(operator: Operator, solver_name: str) -> None:
    """Raise `InvalidProblem` if products with random vectors show that `operator` is not symmetric."""
    unsure = isinstance(operator, MatrixFree) or Tag.SYMMETRIC not in operator.tags
    difference = asymmetry(operator) if unsure else 0.0
    if difference:
        raise InvalidProblem(
            f"solver {solver_name!r} needs a symmetric operator, and x.Ay differs from y.Ax by {difference:.1e}"
            " (relative): use 'gmres', 'bicgstab', 'lsmr' or 'lu'"
        )
