"""Iterative solution of linear systems: everything that methods have in common.

A method is a generator: ``method(operator, rhs, x, preconditioner)`` yields ``(x, norms)`` for its starting vector
and after each iteration, where `norms` is the residual norm as the method knows it (a float, or ``(k,)`` for a block)
and `x` is the iterate or a function that forms it. For a block, ``yield`` returns ``(k,)`` numbers: one for each
column that still needs to be improved, zero for each that must be left alone. The generator may return a `Status`
that says why it cannot continue. This module checks input, stops the iteration, records its history, calls callbacks,
handles Ctrl-C, keeps the best iterate and computes the true residual.

Numbers of any size are solved alike: operators and right-hand sides far from one are multiplied by powers of two,
which is exact, so that no product or norm leaves the range of the dtype.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.arguments import Callback, default_maxiter
from ritz.backend import (
    Array,
    asarray_like,
    cast,
    column_norm,
    copy,
    is_torch_array,
    machine_epsilon,
    namespace,
    requires_gradient,
    single_blas_thread,
    to_numpy,
)
from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator, Scaled, Tag
from ritz.operators.magnitude import magnitude, smallest_magnitude, times_power_of_two
from ritz.problem_types.linear_system import LinearSystem, check_vector
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

# Binary exponents: of operators and of right-hand sides up to which nothing is scaled, of the smallest entries that are
# kept, and of factors that may round the caller's x.
MODERATE = {"f": (30, 13, -100, 60), "d": (40, 100, -900, 500)}
HOPELESS = 1e16  # relative residual of a starting vector beyond which zero is a better start
GROWTH, PATIENCE = 100.0, 30  # growth of x, and iterations without a copy of x, after which residuals are not believed

Method: TypeAlias = Callable[[Operator, Array, Array, Operator | None], Generator[tuple[Any, Any], Any, Status | None]]


@dataclass(frozen=True, eq=False)
class BalancedSystem(LinearSystem):
    """A linear system whose operator was divided by ``2**exponent``; the right-hand side is the caller's."""

    exponent: int = 0


def balanced(system: LinearSystem, *, probe: bool = False) -> LinearSystem:
    """Return the system itself, or a `BalancedSystem` with entries of moderate size if those of its operator are not.

    Entries whose sizes differ by more than the range of the dtype are left as they are. The size of operators known
    by their products alone is found by one product, if `probe` is set.
    """
    largest, _, kept, _ = MODERATE[system.dtype.char]
    exponent = magnitude(system.operator, probe=probe)
    if exponent > largest:
        exponent = max(0, min(exponent, smallest_magnitude(system.operator) - kept))
    if abs(exponent) <= largest:
        return system
    exponent = max(-1000, exponent)
    entries = {field.name: getattr(system, field.name) for field in fields(LinearSystem)}
    entries["operator"] = times_power_of_two(system.operator, -exponent)
    return BalancedSystem(**entries, exponent=exponent + getattr(system, "exponent", 0))


@dataclass(eq=False)
class LinearSystemTask:
    """A linear system with one checked right-hand side (or block of them) and the residual norms to reach.

    If the norm of a column is far from one, every column is divided by a power of two of its own. All vectors and norms
    here are those of the scaled system; `for_caller` converts iterates back.

    Parameters
    ----------
    system : LinearSystem
        Provides the operator, its nullspace and the grid; from `balanced`.
    rhs : array, shape (n,) or (n, k), optional
        Right-hand side; the system's own if None.
    x0 : array, shape of rhs, optional
        Starting vector; zero if None.
    rtol, atol : float
        Solved once ``||b - A x|| <= max(rtol ||b||, atol)`` in every column.
    limit : int, optional
        Binary exponent of norms beyond which columns are scaled.

    Attributes
    ----------
    given : array
        The caller's right-hand side.
    rhs : array
        The right-hand side in the system's dtype, scaled.
    consistent_rhs : array
        `rhs` without its (negligible) component in the nullspace: the right-hand side that methods work on.
    norms : ndarray, shape (1,) or (k,)
        Norm of each right-hand side.
    targets : ndarray, shape (1,) or (k,)
        Residual norms to reach.
    goals : ndarray, shape (1,) or (k,)
        Residual norms to reach for `consistent_rhs`, whose residual lacks the component in the nullspace.

    Raises
    ------
    InvalidProblem
        For bad shapes or entries, or a right-hand side that is inconsistent with the nullspace.
    """

    system: LinearSystem
    rhs: Array = None
    x0: Array | None = None
    rtol: float = 1e-8
    atol: float = 0.0
    limit: int | None = None
    given: Array = field(init=False)
    consistent_rhs: Array = field(init=False)
    norms: np.ndarray = field(init=False)
    targets: np.ndarray = field(init=False)
    goals: np.ndarray = field(init=False)

    def __post_init__(self):
        system = self.system
        self.given = system.rhs if self.rhs is None else check_vector("rhs", self.rhs, system.size)
        given = self.given.detach() if is_torch_array(self.given) else self.given
        with np.errstate(over="ignore"):
            self.rhs = cast(given, system.dtype)
            self.norms = _column_norms(self.rhs)
        limit = 2.0 ** (MODERATE[system.dtype.char][1] if self.limit is None else self.limit)
        self._exponents: Any = 0
        limited = not all(1.0 / limit <= norm <= limit for norm in self.norms.tolist())
        if limited:
            peaks = np.abs(to_numpy(given)).max(axis=0)
            self._exponents = np.atleast_1d(np.frexp(peaks)[1]).astype(np.int64)
            self.rhs = cast(_times_powers(given, -self._exponents), system.dtype)
            self.norms = _column_norms(self.rhs)
        self._growth = self._exponents - getattr(system, "exponent", 0)  # of the caller's x over the scaled one
        self._scaled = bool(np.any(self._growth)) if isinstance(system, BalancedSystem) or limited else False
        atol: Any = self.atol
        if self._scaled and atol:
            with np.errstate(over="ignore", under="ignore"):
                atol = np.ldexp(atol, -self._exponents)
        self.targets = np.maximum(self.rtol * self.norms, atol)
        self._check_start()
        self.consistent_rhs, self.goals = self.rhs, self.targets
        nullspace = system.operator.nullspace
        if nullspace is not None:
            rounding = 10 * machine_epsilon(system.dtype) * system.size**0.5 * self.norms
            tolerance = np.maximum(0.5 * self.targets, rounding)
            tolerance = tolerance if self.rhs.ndim == 2 else tolerance[0]
            parts = nullspace.check_consistent(self.rhs, tolerance, self._exponents)
            self.consistent_rhs = nullspace.project(self.rhs)
            invisible = (parts**2).sum(axis=0)
            self.goals = np.sqrt(np.maximum(self.targets**2 - invisible, (0.1 * self.targets) ** 2))
        # Python floats, because solves of small systems spend most of their time on overhead.
        self._goal, self._scale = float(self.goals[0]), float(self.norms[0]) or 1.0

    def _check_start(self) -> None:
        if self.x0 is None:
            return
        x0 = self.x0 = check_vector("x0", self.x0, self.system.size)
        if x0.shape != self.rhs.shape:
            raise InvalidProblem(
                f"x0 has shape {tuple(x0.shape)} and rhs {tuple(self.rhs.shape)}; give both the same shape"
            )

    @cached_property
    def start(self) -> Array:
        """Starting vector, which may be overwritten."""
        return self.fresh_start()

    def fresh_start(self) -> Array:
        """Return a new copy of the starting vector."""
        if self.x0 is None:
            return self.rhs * 0.0
        start = copy(asarray_like(self.from_caller(self.x0), self.rhs))
        if not self.norms.all():
            start *= asarray_like(self.norms > 0, self.rhs)  # a zero right-hand side has the solution zero
        nullspace = self.system.operator.nullspace
        return start if nullspace is None else nullspace.project(start)

    def from_caller(self, x: Array) -> Array:
        """Return a vector of the caller's system as one of the scaled system."""
        return _times_powers(x, -self._growth) if self._scaled else x

    def for_caller(self, x: Array) -> Array:
        """Return an iterate of the scaled system as one of the caller's system."""
        return _times_powers(x, self._growth) if self._scaled else x

    def informs(self, callback: Callback | None) -> Callback | None:
        """Return a callback for iterates of the scaled system that informs the caller's."""
        if callback is None or not self._scaled:
            return callback
        return lambda iteration, x, residual: callback(iteration, self.for_caller(x), residual)

    def residual_norms(self, x: Array) -> np.ndarray:
        """Compute ``||b - A x||`` for each column."""
        return _column_norms(self.rhs - self.system.operator @ x)

    def relative(self, norms: Any) -> float:
        """Return the largest of the residual norms relative to the norms of the right-hand sides."""
        norms = np.atleast_1d(to_numpy(norms)).astype(np.float64)
        return float((norms / np.where(self.norms > 0, self.norms, 1.0)).max())

    def solved(self, norms: Any) -> bool:
        """Return whether the residual norm of every column meets its target."""
        norms = np.atleast_1d(to_numpy(norms))
        return bool(((norms <= self.targets) & (norms < np.inf)).all())

    def judge(self, norms: Any, share: float) -> tuple[float, bool, Any]:
        """Compare the residual norms that a method yielded with a fraction `share` of the goals.

        Returns
        -------
        relative : float
            Largest relative residual.
        reached : bool
            Whether the norm of every column is at most `share` times its goal.
        unfinished : array of the kind of rhs, shape (k,), or None
            For a block, one for each column whose norm is larger and zero for the others; otherwise None.
        """
        if isinstance(norms, float):
            return norms / self._scale, norms <= share * self._goal, None
        norms = to_numpy(norms).astype(np.float64)
        unfinished = ~(norms <= share * self.goals)
        return self.relative(norms), not unfinished.any(), asarray_like(unfinished, self.rhs)

    def settle(self, x: Array) -> tuple[Array, np.ndarray]:
        """Return `x` without its component in the nullspace, and the true residual norms.

        They are infinite for columns that are not finite, which the residual alone would not show if a column of the
        matrix is empty.
        """
        nullspace = self.system.operator.nullspace
        if nullspace is not None:
            x = nullspace.project(x)
        norms = self.residual_norms(x)
        finite = np.isfinite(x) if isinstance(x, np.ndarray) else namespace(x).isfinite(x)
        if not finite.all():
            norms = np.where(np.atleast_1d(to_numpy(finite).all(axis=0)), norms, np.inf)
        return x, norms

    def better(self, x: Array, norms: np.ndarray, y: Array, others: np.ndarray) -> tuple[Array, np.ndarray]:
        """Return, column by column, that of two iterates with the smaller residual norm, and the norms."""
        worse = ~(norms <= others)
        if not worse.any():
            return x, norms
        xp = namespace(x)
        return xp.where(asarray_like(worse, x) != 0, y, x), np.where(worse, others, norms)

    def no_worse_than_start(self, x: Array, norms: np.ndarray) -> tuple[Array, np.ndarray]:
        """Return the better, column by column, of `x`, the starting vector and zero, and the residual norms."""
        if self.x0 is not None:
            x, norms = self.better(x, norms, *self.settle(self.fresh_start()))
        return self.better(x, norms, self.rhs * 0.0, self.norms)

    def finish(
        self,
        x: Array,
        status: Status | None,
        history: list[float],
        norms: np.ndarray | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> Solution:
        """Return the `Solution` for `x`, whose true residual decides whether it has converged.

        Parameters
        ----------
        x : array, shape of rhs
        status : Status or None
            Why the method ended; None if it believes to have converged.
        history : list of float
        norms : ndarray, optional
            True residual norms of `x` if known already; `x` must then come from `settle`.
        timings : mapping, optional
        """
        if norms is None:
            x, norms = self.settle(x)
        if self._scaled and np.abs(self._growth).max() > MODERATE[self.system.dtype.char][3]:  # x may be rounded
            x, norms = self.settle(self.from_caller(self.for_caller(x)))
        if self.solved(norms):
            status = Status.CONVERGED
        else:
            if not np.isfinite(norms).all():
                status = Status.NON_FINITE
            elif status is None or status is Status.CONVERGED:
                status = Status.STAGNATED
            x, norms = self.no_worse_than_start(x, norms)
        return Solution(
            x=self.for_caller(x),
            status=status,
            iterations=len(history) - 1,
            residual=self.relative(norms),
            history=np.array(history),
            timings=timings or {},
            grid=self.system.grid,
        )


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
            if callback is not None and not known and callback(iteration, _formed(self._iterate), relative):
                return Status.INTERRUPTED
            if believed:
                x, true = task.settle(_formed(self._iterate))
                while believed and not task.solved(true) and share > 0.25:
                    share *= 0.5
                    believed, unfinished = task.judge(norms, share)[1:]
                if believed:
                    return x, true
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


def _times_powers(x: Array, exponents: Any) -> Array:
    """Return ``2**exponents * x``, with one exponent per column."""
    with np.errstate(over="ignore", under="ignore"):
        return asarray_like(np.ldexp(to_numpy(x), exponents), x)


def _column_norms(x: Array) -> np.ndarray:
    return np.atleast_1d(to_numpy(column_norm(x))).astype(np.float64)


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
