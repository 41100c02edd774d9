"""Linear systems as solvers work on them: of moderate size, with checked right-hand sides and residual norms to reach.

Numbers of any size are solved alike: operators and right-hand sides far from one are multiplied by powers of two,
which is exact, so that no product or norm leaves the range of the dtype.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np

from ritz.arguments import Callback
from ritz.backend import (
    Array,
    asarray_like,
    cast,
    column_norm,
    copy,
    is_torch_array,
    machine_epsilon,
    namespace,
    to_numpy,
)
from ritz.errors import InvalidProblem
from ritz.operators.magnitude import magnitude, smallest_magnitude, times_power_of_two
from ritz.problem_types.linear_system import LinearSystem, check_vector
from ritz.solution import Solution, Status

__all__ = ["MODERATE", "BalancedSystem", "LinearSystemTask", "balanced"]

# Binary exponents: of operators and of right-hand sides up to which nothing is scaled, of the smallest entries that are
# kept, and of factors that may round the caller's x.
MODERATE = {"f": (30, 13, -100, 60), "d": (40, 100, -900, 500)}


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
    operator = times_power_of_two(system.operator, -exponent)
    given = entries["nullspace"]
    entries |= {"operator": operator if given is None else operator.with_nullspace(given), "nullspace": None}
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
        if isinstance(norms, np.ndarray) and norms.size == 1:
            return float(norms[0]) / self._scale
        norms = np.atleast_1d(to_numpy(norms)).astype(np.float64)
        return float((norms / np.where(self.norms > 0, self.norms, 1.0)).max())

    def solved(self, norms: Any) -> bool:
        """Return whether the residual norm of every column meets its target."""
        if isinstance(norms, np.ndarray) and norms.size == 1:
            return float(norms[0]) <= float(self.targets[0]) and float(norms[0]) < np.inf
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
            status = Status.CONVERGED if status is not Status.INTERRUPTED else status  # Ctrl-C must not be lost
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


def _times_powers(x: Array, exponents: Any) -> Array:
    """Return ``2**exponents * x``, with one exponent per column."""
    with np.errstate(over="ignore", under="ignore"):
        return asarray_like(np.ldexp(to_numpy(x), exponents), x)


def _column_norms(x: Array) -> np.ndarray:
    return np.atleast_1d(to_numpy(column_norm(x))).astype(np.float64)
