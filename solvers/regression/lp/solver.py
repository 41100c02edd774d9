"""The whole problem of l_p regression: Newton's method, or interior points for p = 1 and inf."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.backend import Array, asarray_like, cast, machine_epsilon, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.linear_system import check_vector
from ritz.problem_types.lp_regression import LpRegression, dual_exponent, lp_norm
from ritz.progress import ResidualProgress
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import check_pairing, registered_name
from ritz.stopping import Callback, check_tolerances, iteration_limit

from ..column_space.column_basis import ColumnBasis, column_basis
from .interior_point import interior_point
from .newton import newton

__all__ = ["Lp", "PreparedLp", "dual_bound"]

Method: TypeAlias = Callable[
    [ColumnBasis, np.ndarray, float, np.ndarray], Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]
]
PATIENCE = 25  # iterations in which the gap has to become smaller


@register("lp")
@dataclass(frozen=True)
class Lp:
    r"""Minimise :math:`\|Ax-b\|_p` for any p >= 1 to a certified gap.

    The iteration starts from least squares. For 1 < p < inf it is Newton's method, each step a weighted least-squares
    problem with an exact line search, p growing from 2 where it is larger; for p = 1 and inf a primal-dual interior
    point method. Everything is done in an orthonormal basis of the columns (4 n d^2 operations); an iteration costs
    n d^2 more, and 5 to 45 iterations are usual, the most for p just above 1.

    Every iterate comes with a bound: for any y with :math:`A^Ty=0`, no x has a residual below
    :math:`b^Ty/\|y\|_q`, ``1/p + 1/q = 1``. The residual of the solution, and its history, is the relative duality
    gap :math:`(\|Ax-b\|_p-b^Ty/\|y\|_q)/\|Ax-b\|_p` for the best y met, which is what has to be below ``rtol`` (and,
    times :math:`\|Ax-b\|_p`, what is to be below ``atol``). If the columns depend on one another, the shortest
    of the x with the same Ax is returned.

    ``stats`` holds ``"objective"``, ``"lower_bound"``, ``"gap"`` (their difference), the vector y as ``"dual"``, and
    the ``"rank"`` of A.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> b = np.array([0.0, 1.0, 1.0, 2.0, 90.0])
    >>> for p in (1, 2, math.inf):
    ...     print(ritz.solve(ritz.LpRegression(np.ones((5, 1)), b, p), "lp").x.round(4).tolist())
    [1.0]
    [18.8]
    [45.0]
    """

    solves: ClassVar[type] = LpRegression
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LpRegression) -> PreparedLp:
        """Find an orthonormal basis of the columns of A, once for all right-hand sides."""
        start = time.perf_counter()
        check_pairing(self, problem)
        with single_blas_thread():
            basis = column_basis(problem.matrix)
        method = newton if 1.0 < problem.p < math.inf else interior_point
        return PreparedLp(problem, basis, method, registered_name(self), time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class PreparedLp:
    """An l_p regression whose matrix has been orthogonalised, ready for right-hand sides.

    Parameters
    ----------
    problem : LpRegression
    basis : ColumnBasis
    method : callable
        ``method(basis, b, p, z)`` yields coordinates, residual and a dual vector for its starting vector `z` and
        after each iteration, and returns a `Status` if it cannot go on.
    name : str
        Registered name of the solver.
    seconds : float
        Spent on preparing.
    """

    problem: LpRegression
    basis: ColumnBasis
    method: Method
    name: str
    seconds: float = 0.0

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
        """Solve for `rhs`; see `ritz.solver.Prepared.solve` and `Lp`. `maxiter` defaults to 200."""
        start = time.perf_counter()
        problem = self.problem if rhs is None else self.problem.with_rhs(rhs)
        check_tolerances(rtol, atol, problem.dtype)
        limit = iteration_limit(maxiter, 200)
        b = to_numpy(problem.b).astype(np.float64)
        start_z = self.basis.transpose(b if x0 is None else problem.matrix @ _starting_vector(x0, problem.size))
        run = _Run(self, problem, b, rtol, atol)
        with ResidualProgress(progress, self.name, rtol) as bar, single_blas_thread():
            status = run.until(self.method(self.basis, b, problem.p, start_z), limit, callback, bar)
        return run.finish(status, time.perf_counter() - start)


class _Run:
    """One solve: the best iterate, the best bound, and whether they have met."""

    def __init__(self, prepared: PreparedLp, problem: LpRegression, b: np.ndarray, rtol: float, atol: float):
        self.prepared, self.problem, self.b, self.rtol, self.atol = prepared, problem, b, rtol, atol
        self.history: list[float] = []
        self.z = np.zeros(prepared.basis.rank)
        self.objective = math.inf
        self.dual, self.bound = np.zeros_like(b), 0.0
        self.rounding = 10 * machine_epsilon(np.float64) * lp_norm(b, problem.p)

    @property
    def gap(self) -> float:
        """Relative duality gap of the best iterate; none if its residual is rounding, b being in the column space."""
        if self.objective <= self.rounding:
            return 0.0
        return max(self.objective - self.bound, 0.0) / self.objective

    def solved(self, share: float = 1.0) -> bool:
        return self.gap * self.objective <= share * max(self.rtol * self.objective, self.atol)

    def until(
        self, steps: Generator[Any, None, Status], limit: int, callback: Callback | None, progress: ResidualProgress
    ) -> Status:
        """Iterate until the gap is small enough, or say why not."""
        basis = self.prepared.basis
        smallest, since = math.inf, 0
        try:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                for iteration in range(limit + 1):
                    try:
                        z, r, y = next(steps)
                    except StopIteration as end:
                        return end.value
                    self._learn(z, r, basis.complement(y))
                    self.history.append(self.gap)
                    if callback is not None and callback(iteration, self._unknowns(), self.gap):
                        return Status.INTERRUPTED
                    if self.solved(share=0.5):  # as much again may be lost on the way to the unknowns
                        return Status.CONVERGED
                    if not np.isfinite(z).all():
                        return Status.NON_FINITE
                    since = 0 if self.gap < 0.9 * smallest else since + 1
                    smallest = min(smallest, self.gap)
                    if since == PATIENCE:
                        return Status.STAGNATED
                    progress.update(iteration, self.gap)
        except KeyboardInterrupt:
            return Status.INTERRUPTED
        return Status.MAX_ITERATIONS

    def _learn(self, z: np.ndarray, r: np.ndarray, y: np.ndarray) -> None:
        p = self.problem.p
        objective = lp_norm(r, p)
        if objective < self.objective:
            self.objective, self.z = objective, z
        bound = dual_bound(y, self.b, p)
        if bound > self.bound:
            self.bound, self.dual = bound, y / lp_norm(y, dual_exponent(p))

    def _unknowns(self, refinements: int = 0) -> Array:
        """Return x, refined where rounding has made Ax differ from Bz: A may be ill-conditioned."""
        basis = self.prepared.basis
        x = basis.to_unknowns @ self.z
        for _ in range(refinements):
            x += basis.to_unknowns @ (self.z - basis.transpose(self.problem.matrix @ x))
        return asarray_like(x, self.problem.b)

    def finish(self, status: Status, seconds: float) -> Solution:
        """Return the solution, judged by the objective of what is returned."""
        x, matrix = self._unknowns(refinements=2), self.problem.matrix
        self.objective = self.problem.objective(x)
        sizes = np.abs(self.b) + abs(matrix) @ np.abs(to_numpy(x).astype(np.float64))
        self.rounding = 10 * machine_epsilon(self.problem.dtype) * lp_norm(sizes, self.problem.p)
        if self.solved():
            status = Status.CONVERGED
        elif status is Status.CONVERGED:
            status = Status.STAGNATED
        stats = {
            "objective": self.objective,
            "lower_bound": self.bound,
            "gap": max(self.objective - self.bound, 0.0),
            "dual": self.dual,
            "rank": self.prepared.basis.rank,
        }
        return Solution(
            x=x,
            status=status,
            iterations=len(self.history) - 1,
            residual=self.gap,
            history=np.array(self.history),
            timings={"prepare": self.prepared.seconds, "solve": seconds},
            stats=stats,
            solver=self.prepared.name,
        )


def dual_bound(y: np.ndarray, b: np.ndarray, p: float) -> float:
    r"""Return :math:`b^Ty/\|y\|_q`, below which no :math:`\|Ax-b\|_p` can be if :math:`A^Ty=0`."""
    size = lp_norm(y, dual_exponent(p))
    return float(b @ y) / size if 0.0 < size < math.inf else 0.0


def _starting_vector(x0: Array, size: int) -> np.ndarray:
    x0 = to_numpy(cast(check_vector("x0", x0, size), np.float64))
    if x0.ndim != 1:
        raise InvalidProblem(f"x0 has shape {x0.shape}; it must be ({size},)")
    return x0
