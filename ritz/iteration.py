"""Iterative solution of linear systems: everything that methods have in common.

A method is a generator: ``method(operator, rhs, x, preconditioner)`` yields ``(x, norms)`` for its starting vector
and after each iteration, where `norms` is the residual norm as the method knows it (a float, or ``(k,)`` for a block)
and `x` is the iterate or a function that forms it. For a block, ``yield`` returns ``(k,)`` numbers: one for each
column that still needs to be improved, zero for each that must be left alone. The generator may return a `Status`
that says why it cannot continue. This module checks input, stops the iteration, records its history, calls callbacks,
handles Ctrl-C, keeps the best iterate and computes the true residual.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.arguments import Callback, default_maxiter
from ritz.backend import (
    Array,
    asarray_like,
    cast,
    column_norm,
    copy,
    requires_gradient,
    single_blas_thread,
    to_numpy,
)
from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, Scaled, Tag
from ritz.operators.magnitude import magnitude
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.linear_task import MODERATE, BalancedSystem, LinearSystemTask, balanced
from ritz.progress import ResidualProgress
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver, Solver, check_pairing, registered_name

__all__ = [
    "IterativeSolve",
    "LinearSystemTask",
    "Method",
    "PreparedIteration",
    "PreparedSystem",
    "balanced",
    "prepare_iteration",
]

HOPELESS = 1e16  # relative residual of a starting vector beyond which zero is a better start
GROWTH, PATIENCE = 100.0, 30  # growth of x, and iterations without a copy of x, after which residuals are not believed

Method: TypeAlias = Callable[[Operator, Array, Array, Operator | None], Generator[tuple[Any, Any], Any, Status | None]]


class IterativeSolve:
    """A run of one method on one task, which is stopped, recorded and restarted as needed.

    The iterate is copied whenever the residual has halved since the last copy. A failed solve therefore returns an
    iterate whose residual is within a factor of two of the smallest that was seen, at the cost of few copies. On
    singular systems without a solution, iterates may grow without bound while the residual that the method knows keeps
    falling: the true one is computed before a copy of a much larger iterate replaces the last.
    """

    def __init__(self, task: LinearSystemTask, method: Method, preconditioner: Operator | None, maxiter: int):
        self.task, self.method, self.maxiter = task, method, maxiter
        self.history: list[float] = []
        self._operator, self._rhs, self._preconditioner = task.system.operator, task.consistent_rhs, preconditioner
        nullspace = self._operator.nullspace
        if preconditioner is not None and nullspace is not None:
            self._preconditioner = _Followed(preconditioner, nullspace.project)
        if isinstance(self._rhs, np.ndarray) and self._rhs.ndim == 2:
            # Methods work column by column, so columns should be contiguous in memory.
            self._rhs, task.start = np.asfortranarray(self._rhs), np.asfortranarray(task.start)
            self._operator = _Followed(self._operator, np.asfortranarray)
            if self._preconditioner is not None:
                self._preconditioner = _Followed(self._preconditioner, np.asfortranarray)
        self._iterate: Any = task.start
        self._best = (np.inf, task.start)
        self._size, self._wary = 0.0, False  # largest norm of a column of the last copy; whether it has grown too much

    def run(self, callback: Callback | None, progress: ResidualProgress) -> tuple[Array, Status | None, np.ndarray]:
        """Return the best iterate, why the iteration ended (None if it converged), and the true residual norms."""
        # Overflow and the like are reported as a status.
        with single_blas_thread(), np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            try:
                outcome = self._until_true(callback, progress)
            except KeyboardInterrupt:
                outcome = Status.INTERRUPTED
            if not isinstance(outcome, Status):
                return outcome[0], None, outcome[1]
            x, true = self._best_known()
            if not self.history:  # interrupted before the first residual was known
                self.history.append(self.task.relative(true))
            return x, outcome, true

    def _until_true(self, callback: Callback | None, progress: ResidualProgress) -> Status | tuple[Array, np.ndarray]:
        """Iterate until the true residual meets the target, restarting the method as long as that helps."""
        before = np.inf
        while True:
            outcome = self._until_believed(callback, progress)
            if isinstance(outcome, Status):
                return outcome
            x, true = outcome
            if self.task.solved(true):
                return outcome
            excess = float((true / np.maximum(self.task.targets, 1e-300)).max())
            if not excess <= 0.5 * before:
                return Status.STAGNATED
            before, self._iterate = excess, copy(x) if x is self._best[1] else x  # methods overwrite their start

    def _until_believed(
        self, callback: Callback | None, progress: ResidualProgress
    ) -> Status | tuple[Array, np.ndarray]:
        """Run the method until its own residual meets the goal; return the iterate and its true residual norms.

        If the true residual does not meet the target by then, the method first goes a little further, which costs
        less than a restart.
        """
        task, share = self.task, 1.0
        steps = self.method(self._operator, self._rhs, _formed(self._iterate), self._preconditioner)
        known = bool(self.history)  # after a restart, the first residual is that of the last iteration
        unfinished = None
        while True:
            try:
                self._iterate, norms = steps.send(unfinished)
            except StopIteration as end:
                return end.value or Status.STAGNATED
            relative, believed, unfinished = task.judge(norms, share)
            iteration = len(self.history) - known
            if not known:
                self.history.append(relative)
            if iteration == 0 and not known and task.x0 is not None and not relative < HOPELESS:
                hopeful = np.atleast_1d(to_numpy(norms)) < HOPELESS * task.norms
                self._iterate, known = task.fresh_start() * asarray_like(hopeful, self._rhs), True
                steps, unfinished = self.method(self._operator, self._rhs, self._iterate, self._preconditioner), None
                continue
            if not relative < math.inf:
                return Status.NON_FINITE
            stop = callback is not None and not known and callback(iteration, _formed(self._iterate), relative)
            if believed:
                x, true = task.settle(_formed(self._iterate))
                while believed and not task.solved(true) and share > 0.25:
                    share *= 0.5
                    believed, unfinished = task.judge(norms, share)[1:]
                if believed and (task.solved(true) or not stop):
                    return x, true
            if stop:
                return Status.INTERRUPTED
            if iteration >= self.maxiter:
                return Status.MAX_ITERATIONS
            progress.update(iteration, relative)
            known = False
            if relative < 0.5 * self._best[0] and not callable(self._iterate):
                if not self._is_trusted(iteration, relative):
                    return self._best_known()
                self._keep(relative)

    def _is_trusted(self, iteration: int, relative: float) -> bool:
        """Return whether the residual that the method knows is about the true one, if there is reason to doubt it."""
        norm = column_norm(self._iterate)
        size, before = norm if isinstance(norm, float) else float(norm.max()), self._size
        self._wary = self._wary or (size > GROWTH * before and (before > 0.0 or iteration > PATIENCE))
        self._size = size
        return not self._wary or self.task.relative(self.task.settle(self._iterate)[1]) <= 2.0 * relative

    def _keep(self, relative: float) -> None:
        """Copy the iterate into the array of the previous copy, because fresh memory costs more than the copy."""
        kept = self._best[1]
        if isinstance(kept, np.ndarray) and kept is not self._iterate and self._best[0] < np.inf:
            np.copyto(kept, self._iterate)
        else:
            kept = copy(self._iterate)
        self._best = (relative, kept)

    def _best_known(self) -> tuple[Array, np.ndarray]:
        latest = self.task.settle(_formed(self._iterate))
        return self.task.better(*latest, *self.task.settle(self._best[1]))


class _Followed(Operator):
    """An operator followed by a symmetric linear function."""

    def __init__(self, operator: Operator, function: Callable[[Array], Array]):
        self._operator, self._function = operator, function
        self.shape, self.dtype, self.tags = operator.shape, operator.dtype, operator.tags

    def _apply(self, x: Array) -> Array:
        return self._function(self._operator @ x)

    def _apply_transpose(self, x: Array) -> Array:
        return self._operator.rmatvec(self._function(x))


def _formed(iterate: Any) -> Array:
    return iterate() if callable(iterate) else iterate


class PreparedSystem(PreparedSolver[Solution]):
    """Base of prepared solvers of linear systems; a subclass has a `system` and defines ``_run``.

    Attributes
    ----------
    system : LinearSystem
        From `balanced`.
    """

    system: LinearSystem
    limit: ClassVar[int | None] = None  # see `LinearSystemTask`

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the system."""
        return self.system.dtype

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        task = LinearSystemTask(self.system, rhs, x0, controls.rtol, controls.atol, self.limit)
        differentiate = requires_gradient(task.given)
        if differentiate and Tag.SYMMETRIC not in self.system.operator.tags:
            raise InvalidProblem(
                "rhs requires gradients, which solvers give for symmetric operators only: detach it, or solve the"
                " transposed system for the gradient yourself"
            )
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            if controls.callback is not None:
                controls = replace(controls, callback=task.informs(controls.callback))
            solution = self._run(task, controls)
        if differentiate:
            return replace(solution, x=self._differentiable(task.given, solution.x, controls.rtol))
        return solution

    @abstractmethod
    def _run(self, task: LinearSystemTask, controls: Controls) -> Solution:
        """Return the solution of a checked task."""

    def _differentiable(self, given: Array, x: Array, rtol: float) -> Array:
        """Return `x` as a function of the right-hand side: its gradient is one more solve, as A is symmetric."""
        from ritz.operators.gradients import LinearMap

        def adjoint(gradient: Array) -> Array:
            nullspace = self.system.operator.nullspace
            consistent = gradient if nullspace is None else nullspace.project(gradient)
            return self.solve(consistent, rtol=rtol).raise_for_status().x

        return LinearMap.apply(cast(given, self.dtype), lambda _: x, adjoint)


@dataclass(frozen=True, eq=False)
class PreparedIteration(PreparedSystem):
    """An iterative method with its preconditioner, ready to solve.

    The iteration limit is ``min(10 n, 20000)`` unless given.
    """

    system: LinearSystem
    method: Method
    name: str
    preconditioner: Operator | None = None
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _run(self, task: LinearSystemTask, controls: Controls) -> Solution:
        limit = controls.limit(default_maxiter(self.system.size))
        run = IterativeSolve(task, self.method, self.preconditioner, limit)
        x, status, norms = run.run(controls.callback, controls.progress)
        solution = task.finish(x, status, run.history, norms)
        if solution.converged or solution.status is Status.INTERRUPTED:
            return solution
        system = balanced(self.system, probe=True)
        if system is self.system:
            return solution
        # Products of an operator without entries have turned out to be far from one.
        growth = 2.0 ** (getattr(system, "exponent", 0) - getattr(self.system, "exponent", 0))
        inverse = None if self.preconditioner is None else Scaled(self.preconditioner, growth)
        again = LinearSystemTask(system, task.given, task.x0, task.rtol, task.atol)
        tell = controls.callback

        def inform(iteration: int, x: Array, residual: float) -> Any:
            return tell is not None and tell(iteration, task.from_caller(again.for_caller(x)), residual)

        return replace(self, system=system, preconditioner=inverse)._run(again, replace(controls, callback=inform))


def prepare_iteration(
    solver: Solver,
    system: LinearSystem,
    method: Method,
    preconditioner: Callable[[Operator], tuple[Operator | None, Mapping[str, Any]]] | None = None,
) -> PreparedIteration:
    """Check that `solver` takes `system`, and build its preconditioner.

    Parameters
    ----------
    solver : Solver
    system : LinearSystem
    method : Method
    preconditioner : callable, optional
        ``preconditioner(operator) -> (approximate inverse or None, statistics)``.

    Returns
    -------
    PreparedIteration
        With the time that building the preconditioner took.
    """
    start = time.perf_counter()
    check_pairing(solver, system)
    system = balanced(system)
    inverse, stats = preconditioner(system.operator) if preconditioner else (None, {})
    if inverse is not None and isinstance(system, BalancedSystem):  # given for the operator as it was, perhaps
        size = magnitude(MatrixFree(inverse.matvec, inverse.shape, dtype=inverse.dtype), probe=True)
        inverse = inverse if abs(size) <= MODERATE[system.dtype.char][0] else Scaled(inverse, 2.0**-size)
    return PreparedIteration(system, method, registered_name(solver), inverse, time.perf_counter() - start, stats)
