"""l_p regression on a weighted sample of the rows."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil, sqrt
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from ritz.arguments import check_choice, check_integer
from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.lp_regression import LpRegression
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver, check_pairing, registered_name

from ..column_space.column_basis import ColumnBasis, column_basis, solve_gram
from ..column_space.leverage_scores import scores_in_basis
from .sampling import SCORES, sample_rows, sampling_probabilities
from .solver import Lp, minimise, unit_of

__all__ = ["LpSampled", "PreparedLpSample"]

ATTEMPTS = 5  # limit of samples drawn to reach the rank of A
ROWS_PER_UNKNOWN = 80
BAND = 2.0  # fraction of the rows considered near the fit of a sample, divided by the root of d / size
ALIKE = 0.1  # lower bound of residuals in the weights of the bound, relative to the median


@register("lp-sampled")
@dataclass(frozen=True)
class LpSampled:
    r"""Approximately minimise :math:`\|Ax-b\|_p` over a weighted sample of the rows, for 1 <= p < inf.

    Rows are kept with probabilities q in proportion to scores of ``[A, b]`` and divided by ``q^(1/p)``; ``lp`` then
    solves the sample. A sample of lower rank than A is redrawn. With 80 (d + 1) rows, the objective is usually within
    one percent of the minimum if p < 2; ``docs/lp-regression.md`` says which scores suit which p.

    The residual is the relative duality gap of the *whole* problem, as for ``lp``, and ``rtol`` refers to it. An answer
    whose gap is larger ends STAGNATED, so choose a loose tolerance or pass ``throw=False``. The bound takes about as
    long as an iteration of ``lp``. For p > 1 it comes from a weighted least-squares problem over all rows. For p = 1 it
    comes from a regression in which all rows clearly above or below the fit are merged into one, with their signs, as
    in :cite:`PortnoyKoenker1997`; by the triangle inequality its minimum is lower.

    Parameters
    ----------
    scores : str
        ``"lewis"``, ``"root-leverage"`` (as good for p <= 2 and several times cheaper), ``"leverage"``,
        ``"sensitivity"``, ``"sensitivity+leverage"`` or ``"uniform"``.
    size : int, optional
        Expected number of rows to keep, ``80 (d + 1)`` if None. A problem with no more rows is solved whole.
    seed : int

    Notes
    -----
    In addition to the ``stats`` of ``lp``, there are the number of ``"rows"`` kept, the number of ``"samples"`` drawn,
    the ``"sample_status"`` with which ``lp`` ended, and the ``"sampled_objective"``, the minimum of the weighted
    sample. On average over samples, its p-th power is below that of the minimum of the whole problem.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> generator = np.random.default_rng(0)
    >>> A = generator.standard_normal((20_000, 3))
    >>> problem = ritz.LpRegression(A, A.sum(axis=1) + generator.standard_normal(20_000), p=1.5)
    >>> solution = ritz.solve(problem, "lp-sampled", rtol=0.05)
    >>> solution.stats["rows"] < 400, solution.converged
    (True, True)
    """

    scores: str = "lewis"
    size: int | None = None
    seed: int = 0

    solves: ClassVar[type] = LpRegression
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LpRegression) -> PreparedLpSample:
        """Find an orthonormal basis of the columns; scores depend on b and are computed by ``solve``."""
        start = time.perf_counter()
        check_pairing(self, problem)
        if problem.p == np.inf:
            raise InvalidProblem("p is inf, where a sample of the rows is useless; use solver 'lp'")
        check_choice("scores", self.scores, SCORES)
        check_integer("size", self.size, optional=True)
        if self.size is not None and self.size < problem.size:
            raise InvalidProblem(
                f"size is {self.size}; a sample needs at least as many rows as unknowns, {problem.size}"
            )
        basis = column_basis(problem.matrix)
        return PreparedLpSample(self, problem, basis, registered_name(self), time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class PreparedLpSample(PreparedSolver[Solution]):
    """An l_p regression to be sampled, ready for right-hand sides.

    A solve has one iteration, from the starting vector to the solution of the sample.

    Parameters
    ----------
    solver : LpSampled
        The options.
    problem : LpRegression
    basis : ColumnBasis
    name : str
        Registered name of the solver.
    seconds : float
        Preparation time.
    stats : mapping
        Further statistics to report.
    """

    solver: LpSampled
    problem: LpRegression
    basis: ColumnBasis
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the problem."""
        return self.problem.dtype

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        found: dict[str, Any] = {}

        def method(
            basis: ColumnBasis, b: np.ndarray, p: float, z: np.ndarray
        ) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]:
            yield z, b - basis.apply(z), b
            solution, stats = self._solve_sample(b)
            found.update({**stats, "sampled_objective": unit * stats["sampled_objective"]})
            z = basis.transpose(self.problem.matrix @ to_numpy(solution.x))
            r = b - basis.apply(z)
            if stats["rows"] == b.size:
                yield z, r, solution.stats["dual"]
            else:
                yield z, r, _merged_dual(basis, b, r, stats["rows"]) if p == 1.0 else _weighted_dual(basis, r, p)
            return Status.STAGNATED

        unit = unit_of(np.asarray(to_numpy(self.problem.b if rhs is None else rhs), dtype=np.float64))
        start = np.zeros(self.problem.size) if x0 is None else x0
        solution = minimise(self.problem, self.basis, method, rhs, start, controls)
        return replace(solution, stats={**solution.stats, **found})

    def _solve_sample(self, b: np.ndarray) -> tuple[Solution, dict[str, Any]]:
        """Return the solution of a sample with the rank of A, and its statistics."""
        A, p = self.problem.matrix, self.problem.p
        size = ROWS_PER_UNKNOWN * (self.problem.size + 1) if self.solver.size is None else int(self.solver.size)
        probabilities = np.ones(b.size)
        if size < b.size:
            scores = SCORES[self.solver.scores](self.basis.with_column(b), p)
            probabilities = sampling_probabilities(scores, size)
        generator = np.random.default_rng(self.solver.seed)
        for attempt in range(1, ATTEMPTS + 1):
            rows, weights = sample_rows(probabilities, p, generator)
            if rows.size < self.basis.rank:
                continue
            scaled = weights[:, None] * (A[rows].toarray() if issparse(A) else A[rows])
            prepared = Lp().prepare(LpRegression(scaled, weights * b[rows], p))
            if prepared.basis.rank == self.basis.rank:
                solution = prepared.solve().uninterrupted()
                stats = {"rows": rows.size, "samples": attempt, "sample_status": solution.status}
                return solution, {**stats, "sampled_objective": solution.stats["objective"]}
        raise InvalidProblem(
            f"{ATTEMPTS} samples of about {size} rows by {self.solver.scores!r} scores had a lower rank than A, which"
            f" has {self.basis.rank}: raise size, or use scores='lewis'"
        )


def _weighted_dual(basis: ColumnBasis, r: np.ndarray, p: float) -> np.ndarray:
    """Return a vector orthogonal to all columns, from a step of weighted least squares."""
    magnitude = np.abs(r)
    typical = float(np.median(magnitude)) or float(magnitude.max())
    if typical == 0.0:
        return r
    relative = np.maximum(magnitude / typical, ALIKE)
    weights = (relative / relative.max()) ** (p - 2.0)
    weights /= weights.max()
    step = solve_gram(basis.gram(weights), basis.transpose(weights * r))
    return weights * (r - basis.apply(step))


def _merged_dual(basis: ColumnBasis, b: np.ndarray, r: np.ndarray, size: int) -> np.ndarray:
    """Return the dual vector of the regression for p = 1 in which rows far from the fit of a sample are merged."""
    spread = np.sqrt(scores_in_basis(basis))  # of the fit at each row, up to a common factor
    distance = np.divide(np.abs(r), spread, where=spread > 0.0, out=np.full_like(r, np.inf))
    near = max(basis.rank, ceil(r.size * min(1.0, BAND * sqrt(basis.rank / size))))
    order = np.argpartition(distance, near - 1)
    kept, merged = order[:near], order[near:]
    signs = np.where(r[merged] < 0.0, -1.0, 1.0)
    far = np.zeros(r.size)
    far[merged] = signs
    rows = np.vstack([basis.rows(kept), basis.transpose(far)])
    solution = Lp().prepare(LpRegression(rows, np.append(b[kept], far @ b), 1.0)).solve().uninterrupted()
    y = solution.stats["dual"][-1] * far
    y[kept] = solution.stats["dual"][:-1]
    return y
