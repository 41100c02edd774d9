"""l_p regression on all rows: Newton's method, or an interior-point method for p = 1 and inf."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.arguments import check_tolerances
from ritz.backend import Array, asarray_like, cast, machine_epsilon, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.least_squares import refuse_gradients
from ritz.problem_types.linear_system import check_vector
from ritz.problem_types.lp_regression import LpRegression, lp_norm
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver, check_pairing, registered_name

from ..column_space.column_basis import ColumnBasis, column_basis
from ..column_space.unlike_rows import powers_of_two
from .interior_point import interior_point
from .newton import lp_newton

__all__ = ["Lp", "PreparedLp", "dual_bound", "dual_exponent", "minimise", "unit_of"]

Method: TypeAlias = Callable[
    [ColumnBasis, np.ndarray, float, np.ndarray], Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]
]
ITERATIONS = 200  # default limit
PATIENCE = 25  # iterations within which the gap must shrink


@register("lp")
@dataclass(frozen=True)
class Lp:
    r"""Minimise :math:`\|Ax-b\|_p` for any p >= 1 to a certified gap.

    The iteration starts from least squares. For 1 < p < inf it is Newton's method, in which each step is a weighted
    least-squares problem with a line search; for p > 2 the exponent grows from 2 to p. For p = 1 and inf it is a
    primal-dual interior-point method. Both work in an orthonormal basis of the columns, found in 4 n d^2 operations. An
    iteration takes n d^2 operations; 5 to 45 iterations are usual, the most for p just above 1.

    Every iterate comes with a bound: for any y with :math:`A^Ty=0`, no x has a residual norm below
    :math:`b^Ty/\|y\|_q`, where ``1/p + 1/q = 1``. The residual and the history of the solution are the relative duality
    gap :math:`(\|Ax-b\|_p-b^Ty/\|y\|_q)/\|Ax-b\|_p` for the best y found. A solve stops when this gap is below
    ``rtol``, or the absolute gap below ``atol``. If the columns are linearly dependent, the shortest x with the same Ax
    is returned.

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
        method = lp_newton if 1.0 < problem.p < math.inf else interior_point
        return PreparedLp(problem, basis, method, registered_name(self), time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class PreparedLp(PreparedSolver[Solution]):
    """An l_p regression with an orthonormal basis of its columns, ready for right-hand sides.

    See `Lp` for the tolerances. The limit is 200 iterations unless another is given.

    Parameters
    ----------
    problem : LpRegression
    basis : ColumnBasis
    method : callable
        ``method(basis, b, p, z)`` yields coordinates, residual and a dual vector for its starting vector `z` and
        after each iteration, and returns a `Status` if it cannot continue.
    name : str
        Registered name of the solver.
    seconds : float
        Preparation time.
    stats : mapping
        Further statistics to report.
    """

    problem: LpRegression
    basis: ColumnBasis
    method: Method
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the problem."""
        return self.problem.dtype

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        return minimise(self.problem, self.basis, self.method, rhs, x0, controls)


def minimise(
    problem: LpRegression,
    basis: ColumnBasis,
    method: Method,
    rhs: Array | None,
    x0: Array | None,
    controls: Controls,
) -> Solution:
    """Run a method from `x0`, or from least squares, until the duality gap is small enough; see `PreparedLp`."""
    if rhs is not None:
        problem = problem.with_rhs(refuse_gradients("rhs", rhs))
        check_tolerances(controls.rtol, controls.atol, problem.dtype)  # the precision of rhs may be another
    b = to_numpy(problem.b).astype(np.float64)
    unit = unit_of(b)
    with np.errstate(over="ignore", under="ignore"):
        b = b / unit
        start = basis.transpose(b if x0 is None else problem.matrix @ (_starting_vector(x0, problem.size) / unit))
    run = _Run(problem, basis, b, unit, controls)
    with single_blas_thread():
        status = run.until(method(basis, b, problem.p, start))
    return run.finish(status)


class _Run:
    """One solve: the best iterate, the best bound, and the gap between them, for ``b / unit``."""

    def __init__(self, problem: LpRegression, basis: ColumnBasis, b: np.ndarray, unit: float, controls: Controls):
        self.problem, self.basis, self.b, self.unit, self.controls = problem, basis, b, unit, controls
        self.history: list[float] = []
        self.z = np.zeros(basis.rank)
        self.objective = math.inf
        self.dual, self.bound = np.zeros_like(b), 0.0
        self.exact = False
        self.atol = controls.atol / unit

    @property
    def gap(self) -> float:
        """Relative duality gap of the best iterate, or 0 if its residual is rounding, as for b in the column space."""
        if self.exact:
            return 0.0
        return max(self.objective - self.bound, 0.0) / self.objective

    def solved(self, share: float = 1.0) -> bool:
        return self.gap * self.objective <= share * max(self.controls.rtol * self.objective, self.atol)

    def until(self, steps: Generator[Any, None, Status]) -> Status:
        """Iterate until the gap is small enough, and return how the iteration ended."""
        smallest, since = math.inf, 0
        try:
            with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                for iteration in range(self.controls.limit(ITERATIONS) + 1):
                    try:
                        z, r, y = next(steps)
                    except StopIteration as end:
                        return end.value
                    self._learn(z, r, self.basis.complement(y))
                    self.history.append(self.gap)
                    if self.controls.callback is not None and self.controls.asks_to_stop(
                        iteration, self._unknowns(), self.gap
                    ):
                        return Status.INTERRUPTED
                    if self.solved(share=0.5):  # computing the unknowns may lose as much again
                        return Status.CONVERGED
                    if not np.isfinite(z).all():
                        return Status.NON_FINITE
                    since = 0 if self.gap < 0.9 * smallest else since + 1
                    smallest = min(smallest, self.gap)
                    if since == PATIENCE:
                        return Status.STAGNATED
                    self.controls.progress.update(iteration, self.gap)
        except KeyboardInterrupt:
            return Status.INTERRUPTED
        return Status.MAX_ITERATIONS

    def _learn(self, z: np.ndarray, r: np.ndarray, y: np.ndarray) -> None:
        p = self.problem.p
        objective = lp_norm(r, p)
        if objective < self.objective:
            self.objective, self.z = objective, z
            self.exact = self._is_rounding(r, np.abs(self.b), np.float64)
        bound = dual_bound(y, self.b, p)
        if bound > self.bound:
            self.bound, self.dual = bound, y / lp_norm(y, dual_exponent(p))

    def _is_rounding(self, r: np.ndarray, sizes: np.ndarray, dtype: Any) -> bool:
        """Return whether every entry of a residual is rounding of terms of the given sizes."""
        return bool((np.abs(r) <= 10 * machine_epsilon(dtype) * sizes).all())

    def _proven(self, bound: float, matrix: Any, x: np.ndarray) -> float:
        """Return the bound that the dual vector proves for minimisers that differ little from `x`.

        It is not exactly orthogonal to the columns: ``b'y <= |Ax - b|_p |y|_q + |x|'|A'y|``.
        """
        return max(bound - float(np.abs(matrix.T @ self.dual) @ np.abs(x)), 0.0)

    def _unknowns(self, refinements: int = 0) -> Array:
        """Return x, refined because rounding makes Ax differ from Bz if A is ill-conditioned."""
        x = self.basis.to_unknowns @ self.z
        for _ in range(refinements):
            x += self.basis.to_unknowns @ (self.z - self.basis.transpose(self.problem.matrix @ x))
        return asarray_like(self.unit * x, self.problem.b)

    def finish(self, status: Status) -> Solution:
        """Return the solution, judged by the objective at the x returned."""
        matrix, given = self.problem.matrix, to_numpy(self.problem.b).astype(np.float64)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            x = self._unknowns(refinements=2)
            values = to_numpy(x).astype(np.float64)
            self.objective = self.problem.objective(x)
            sizes = np.abs(given) + abs(matrix) @ np.abs(values)
            self.exact = self._is_rounding(given - matrix @ values, sizes, self.problem.dtype)
            self.atol = self.controls.atol
            self.bound = self.unit * self._proven(self.bound, matrix, values / self.unit)
        if self.solved():
            status = Status.CONVERGED
        elif status is Status.CONVERGED:
            status = Status.STAGNATED
        stats = {
            "objective": self.objective,
            "lower_bound": self.bound,
            "gap": max(self.objective - self.bound, 0.0),
            "dual": self.dual,
            "rank": self.basis.rank,
        }
        return Solution(
            x=x,
            status=status,
            iterations=len(self.history) - 1,
            residual=self.gap,
            history=np.array(self.history),
            timings={},
            stats=stats,
        )


def unit_of(b: np.ndarray) -> float:
    """Return the power of two by which b is divided, as p-th powers of its entries may be out of range."""
    return float(powers_of_two(np.abs(b).max()))


def dual_exponent(p: float) -> float:
    """Return q with ``1/p + 1/q = 1``."""
    if p == 1.0:
        return np.inf
    return 1.0 if p == np.inf else p / (p - 1.0)


def dual_bound(y: np.ndarray, b: np.ndarray, p: float) -> float:
    r"""Return :math:`b^Ty/\|y\|_q`, a lower bound of :math:`\|Ax-b\|_p` if :math:`A^Ty=0`."""
    size = lp_norm(y, dual_exponent(p))
    return float(b @ y) / size if 0.0 < size < math.inf else 0.0


def _starting_vector(x0: Array, size: int) -> np.ndarray:
    x0 = to_numpy(cast(check_vector("x0", refuse_gradients("x0", x0), size), np.float64))
    if x0.ndim != 1:
        raise InvalidProblem(f"x0 has shape {x0.shape}; it must be ({size},)")
    return x0
