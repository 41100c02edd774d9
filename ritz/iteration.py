"""The contract of every solver of linear systems, kept in one place.

A method is a generator: ``method(operator, rhs, x, preconditioner)`` yields ``(x, norms)`` for its starting vector
and after each iteration, where `norms` is its own knowledge of the residual norm (a float, or ``(k,)`` for a block)
and `x` the iterate or a function that forms it. It may return a `Status` that says why it cannot go on. Checking
input, stopping, history, callbacks, Ctrl-C, keeping the best iterate and the true residual are done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ritz.backend import Array, asarray_like, column_norm, copy, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.problem import LinearSystem, check_vector
from ritz.progress import ResidualProgress
from ritz.solution import Solution, Status
from ritz.solver import Callback, Solver, check_pairing, registered_name

__all__ = ["IterativeSolve", "Method", "PreparedIteration", "Task", "prepare_iteration"]

Method: TypeAlias = Callable[[Operator, Array, Array, Operator | None], Generator[tuple[Any, Any], None, Status | None]]


@dataclass(eq=False)
class Task:
    """One right-hand side, checked, with what it takes to have solved it.

    Parameters
    ----------
    system : LinearSystem
        Gives the operator, its nullspace and the grid.
    rhs, x0, rtol, atol
        As the user gave them; `rhs` None means the system's own.

    Attributes
    ----------
    rhs : array
        As given, in the system's dtype.
    consistent_rhs : array
        `rhs` less its (negligible) part in the nullspace: what a method iterates on.
    start : array
        Starting vector, free to be overwritten.
    norms : ndarray, shape (1,) or (k,)
        Norm of each right-hand side.
    targets : ndarray, shape (1,) or (k,)
        Residual norms to reach.

    Raises
    ------
    InvalidProblem
        Bad tolerances, shapes or entries; a right-hand side inconsistent with the nullspace.
    """

    system: LinearSystem
    rhs: Array = None
    x0: Array | None = None
    rtol: float = 1e-8
    atol: float = 0.0
    start: Array = field(init=False)
    norms: np.ndarray = field(init=False)
    targets: np.ndarray = field(init=False)

    def __post_init__(self):
        system = self.system
        if self.rhs is None:
            self.rhs = system.rhs
        else:
            self.rhs = check_vector("rhs", self.rhs, system.size)
            self.rhs = system.with_rhs(self.rhs).rhs
        self._check_tolerances()
        self.norms = np.atleast_1d(to_numpy(column_norm(self.rhs))).astype(np.float64)
        self.targets = np.maximum(self.rtol * self.norms, self.atol)
        if self.x0 is None:
            self.start = self.rhs * 0.0
        else:
            x0 = check_vector("x0", self.x0, system.size)
            if x0.shape != self.rhs.shape:
                raise InvalidProblem(f"x0 has shape {tuple(x0.shape)} and rhs {tuple(self.rhs.shape)}")
            self.start = copy(asarray_like(x0, self.rhs))
            if not self.norms.all():
                self.start *= asarray_like(self.norms > 0, self.rhs)  # a zero column is answered by zero
        self.consistent_rhs = self.rhs
        nullspace = system.operator.nullspace
        if nullspace is not None:
            rounding = 10 * machine_epsilon(system.dtype) * system.size**0.5 * self.norms
            tolerance = np.maximum(0.5 * self.targets, rounding)
            nullspace.check_consistent(self.rhs, tolerance if self.rhs.ndim == 2 else tolerance[0])
            self.consistent_rhs = nullspace.project(self.rhs)

    def _check_tolerances(self) -> None:
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not (np.isscalar(value) and np.isfinite(value) and value >= 0):  # pyright: ignore
                raise InvalidProblem(f"{name} is {value!r}; it must be a non-negative number")
        finest = 4 * machine_epsilon(self.system.dtype)
        if self.rtol < finest and self.atol == 0.0:
            raise InvalidProblem(
                f"rtol={self.rtol:g} is below what {self.system.dtype} can reach; use rtol >= {finest:.1e}"
                + ("" if self.system.dtype == np.float64 else ", or a float64 system")
            )

    def residual_norms(self, x: Array) -> np.ndarray:
        """Return ``||b - A x||`` by column, computed afresh."""
        return np.atleast_1d(to_numpy(column_norm(self.rhs - self.system.operator @ x))).astype(np.float64)

    def relative(self, norms: Any) -> float:
        """Return the largest relative residual of a set of residual norms."""
        norms = np.atleast_1d(to_numpy(norms)).astype(np.float64)
        return float((norms / np.where(self.norms > 0, self.norms, 1.0)).max())

    def solved(self, norms: Any) -> bool:
        """Whether every column meets its target."""
        return bool((np.atleast_1d(to_numpy(norms)) <= self.targets).all())

    def finish(
        self,
        x: Array,
        status: Status | None,
        history: list[float],
        timings: Mapping[str, float],
        stats: Mapping[str, Any],
        solver: str,
        norms: np.ndarray | None = None,
    ) -> Solution:
        """Return the solution for `x`; the true residual decides whether it has converged.

        `norms` are the true residual norms of `x` where they have just been computed.
        """
        nullspace = self.system.operator.nullspace
        if nullspace is not None:
            x, norms = nullspace.project(x), None
        if norms is None:
            norms = self.residual_norms(x)
        residual = self.relative(norms)
        if self.solved(norms):
            status = Status.CONVERGED
        elif not np.isfinite(norms).all():
            status = Status.NON_FINITE
        elif status is None or status is Status.CONVERGED:
            status = Status.STAGNATED
        return Solution(
            x=x,
            status=status,
            iterations=len(history) - 1,
            residual=residual,
            history=np.array(history),
            timings=dict(timings),
            stats=dict(stats),
            solver=solver,
            grid=self.system.grid,
        )


class IterativeSolve:
    """Drive one method on one task: stop it, record it, restart it, keep its best iterate.

    The iterate is copied whenever the residual has halved since the last copy, so that what a failed solve returns
    is within a factor of two of the smallest residual it has seen, at the cost of few copies.
    """

    def __init__(self, task: Task, method: Method, preconditioner: Operator | None, maxiter: int):
        self.task, self.method, self.preconditioner, self.maxiter = task, method, preconditioner, maxiter
        self.history: list[float] = []
        self._best = (np.inf, task.start)

    def run(self, callback: Callback | None, progress: ResidualProgress) -> tuple[Array, Status | None, np.ndarray]:
        """Return the best iterate known, why the iteration ended (None: converged), and true residual norms."""
        task, x, before = self.task, self.task.start, np.inf
        while True:
            x, status = self._iterate(x, callback, progress)
            true = task.residual_norms(x)
            if task.solved(true):
                return x, None, true
            if status is not None:
                return self._better(x, status, true)
            # The method's own residual has drifted from the true one: start it again from here while that helps.
            excess = float((true / np.maximum(task.targets, 1e-300)).max())
            if not excess <= 0.5 * before:
                return self._better(x, Status.STAGNATED, true)
            before = excess

    def _iterate(self, x: Array, callback: Callback | None, progress: ResidualProgress) -> tuple[Array, Status | None]:
        task = self.task
        steps = self.method(task.system.operator, task.consistent_rhs, x, self.preconditioner)
        iterate: Any = x
        restarted = bool(self.history)
        try:
            while True:
                try:
                    iterate, norms = next(steps)
                except StopIteration as end:
                    return _formed(iterate), end.value or Status.STAGNATED
                relative = task.relative(norms)
                if restarted:
                    restarted = False
                else:
                    self.history.append(relative)
                if not np.isfinite(relative):
                    return _formed(iterate), Status.NON_FINITE
                if task.solved(norms):
                    return _formed(iterate), None
                iteration = len(self.history) - 1
                progress.update(iteration, relative)
                if callback is not None and callback(iteration, _formed(iterate), relative):
                    return _formed(iterate), Status.INTERRUPTED
                if iteration >= self.maxiter:
                    return _formed(iterate), Status.MAX_ITERATIONS
                if relative < 0.5 * self._best[0] and not callable(iterate):
                    self._best = (relative, copy(iterate))
        except KeyboardInterrupt:
            return _formed(iterate), Status.INTERRUPTED

    def _better(self, x: Array, status: Status, true: np.ndarray) -> tuple[Array, Status, np.ndarray]:
        kept = self._best[1]
        kept_true = self.task.residual_norms(kept)
        if self.task.relative(true) <= self.task.relative(kept_true):
            return x, status, true
        return kept, status, kept_true


def _formed(iterate: Any) -> Array:
    return iterate() if callable(iterate) else iterate


@dataclass(frozen=True, eq=False)
class PreparedIteration:
    """An iterative method with its preconditioner, ready for right-hand sides."""

    system: LinearSystem
    method: Method
    name: str
    preconditioner: Operator | None = None
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for `rhs`; see `ritz.solver.Prepared.solve`. `maxiter` defaults to ``min(10 n, 20000)``."""
        start = time.perf_counter()
        task = Task(self.system, rhs, x0, rtol, atol)
        limit = default_maxiter(self.system.size) if maxiter is None else maxiter
        if limit < 0:
            raise InvalidProblem(f"maxiter is {maxiter}; it must not be negative")
        run = IterativeSolve(task, self.method, self.preconditioner, limit)
        with ResidualProgress(progress, self.name, rtol) as bar:
            x, status, norms = run.run(callback, bar)
        timings = {"prepare": self.seconds, "solve": time.perf_counter() - start}
        return task.finish(x, status, run.history, timings, self.stats, self.name, norms)


def default_maxiter(size: int) -> int:
    """Return the iteration limit when none is given."""
    return min(10 * size, 20_000)


def prepare_iteration(
    solver: Solver,
    system: LinearSystem,
    method: Method,
    preconditioner: Callable[[Operator], tuple[Operator | None, Mapping[str, Any]]] | None = None,
) -> PreparedIteration:
    """Check that `solver` takes `system`, build its preconditioner, and time that.

    Parameters
    ----------
    solver : Solver
    system : LinearSystem
    method : Method
    preconditioner : callable, optional
        ``preconditioner(operator) -> (approximate inverse or None, statistics)``.
    """
    start = time.perf_counter()
    check_pairing(solver, system)
    inverse, stats = preconditioner(system.operator) if preconditioner else (None, {})
    return PreparedIteration(system, method, registered_name(solver), inverse, time.perf_counter() - start, stats)
