"""Regression in l_p on a sample of the rows."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from math import ceil, sqrt
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Tag
from ritz.problem_types.lp_regression import LpRegression
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import check_pairing, registered_name
from ritz.stopping import Callback, check_tolerances

from ..column_space.column_basis import ColumnBasis, column_basis, solve_gram
from ..column_space.leverage_scores import scores_in_basis
from .sampling import SCORES, sample_rows, sampling_probabilities
from .solver import Lp, PreparedLp

__all__ = ["LpSampled"]

ATTEMPTS = 5  # to draw a sample of the rank of A
ROWS_BY_UNKNOWN = 80
BAND = 2.0  # share of the rows that are near the fit of a sample, by the root of d / size
ALIKE = 0.1  # residuals below this part of the median weigh the same in the bound


@register("lp-sampled")
@dataclass(frozen=True)
class LpSampled:
    r"""Minimise :math:`\|Ax-b\|_p` over a weighted sample of the rows, for 1 <= p < inf: an approximation.

    Rows are kept with probabilities in proportion to scores of ``[A, b]``, and divided by ``q^(1/p)``; the sample is
    then solved by ``lp``. A sample of lower rank than A is drawn again. At 80 (d + 1) rows the objective is usually
    within one percent of the minimum where p < 2; see ``docs/lp-regression.md`` for which scores suit which p.

    The residual is the relative duality gap of the *whole* problem, as for ``lp``, and ``rtol`` asks for as much: an
    answer that is not proved so good ends STAGNATED, so ask for little or pass ``throw=False``. The bound costs about
    as much as an iteration of ``lp``: for p > 1 it is one weighted least-squares problem over all rows; for p = 1 a
    regression in which the rows that are clearly above or below the fit are merged into one, signs and all, as in
    :cite:`PortnoyKoenker1997`, whose minimum is lower by the triangle inequality.

    Parameters
    ----------
    scores : str
        ``"lewis"``, ``"root-leverage"`` (as good for p <= 2, and several times cheaper), ``"leverage"``,
        ``"sensitivity"``, ``"sensitivity+leverage"`` or ``"uniform"``.
    size : int, optional
        Rows to keep on average, ``80 (d + 1)`` if None; a problem without more is solved whole.
    seed : int

    Notes
    -----
    ``stats`` holds what that of ``lp`` does, the ``"rows"`` kept, ``"samples"`` drawn, the ``"sample_status"`` with
    which ``lp`` ended, and the ``"sampled_objective"``: the least the weighted sample allows, whose p-th power is on
    average over samples below that of the minimum of the whole problem.

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

    def prepare(self, problem: LpRegression) -> PreparedSample:
        """Find an orthonormal basis of the columns, which the bound needs; scores depend on b, and wait for it."""
        start = time.perf_counter()
        check_pairing(self, problem)
        if problem.p == np.inf:
            raise InvalidProblem("p is inf, of which a sample of rows says nothing; use solver 'lp'")
        if self.scores not in SCORES:
            raise UnknownName("scores", self.scores, SCORES)
        if self.size is not None and not (isinstance(self.size, Integral) and self.size >= problem.size):
            raise InvalidProblem(f"size is {self.size!r}; a sample needs at least as many rows as unknowns")
        return PreparedSample(self, problem, column_basis(problem.matrix), time.perf_counter() - start)


@dataclass(frozen=True, eq=False)
class PreparedSample:
    """A problem to be sampled, ready for right-hand sides."""

    solver: LpSampled
    problem: LpRegression
    basis: ColumnBasis
    seconds: float

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
        """Solve for `rhs`; see `ritz.solver.Prepared.solve` and `LpSampled`.

        There is one iteration: from the starting vector to the solution of the sample.
        """
        check_tolerances(rtol, atol, self.problem.dtype)
        found: dict[str, Any] = {}

        def method(
            basis: ColumnBasis, b: np.ndarray, p: float, z: np.ndarray
        ) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]:
            yield z, b - basis.apply(z), b
            solution, stats = self._solve_sample(b)
            found.update(stats)
            z = basis.transpose(self.problem.matrix @ to_numpy(solution.x))
            r = b - basis.apply(z)
            if stats["rows"] == b.size:
                yield z, r, solution.stats["dual"]
            else:
                yield z, r, _merged_dual(basis, b, r, stats["rows"]) if p == 1.0 else _weighted_dual(basis, r, p)
            return Status.STAGNATED

        whole = PreparedLp(self.problem, self.basis, method, registered_name(self.solver), self.seconds)
        start = np.zeros(self.problem.size) if x0 is None else x0
        solution = whole.solve(
            rhs, x0=start, rtol=rtol, atol=atol, maxiter=maxiter, callback=callback, progress=progress
        )
        return replace(solution, stats={**solution.stats, **found})

    def _solve_sample(self, b: np.ndarray) -> tuple[Solution, dict[str, Any]]:
        """Return the solution of a sample of full rank, and what is to be said of it."""
        A, p = self.problem.matrix, self.problem.p
        size = ROWS_BY_UNKNOWN * (self.problem.size + 1) if self.solver.size is None else int(self.solver.size)
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
                solution = prepared.solve()
                stats = {"rows": rows.size, "samples": attempt, "sample_status": solution.status}
                return solution, {**stats, "sampled_objective": solution.stats["objective"]}
        raise InvalidProblem(
            f"{ATTEMPTS} samples of about {size} rows by {self.solver.scores!r} scores had a lower rank than A, which"
            f" has {self.basis.rank}: raise size, or use scores='lewis'"
        )


def _weighted_dual(basis: ColumnBasis, r: np.ndarray, p: float) -> np.ndarray:
    """Return a vector orthogonal to all columns, by a step of weighted least squares from a residual."""
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
    """Return the dual vector of a regression for p = 1 whose rows far from the fit of a sample are merged."""
    spread = np.sqrt(scores_in_basis(basis))  # of the fit at each row, but for a factor
    distance = np.divide(np.abs(r), spread, where=spread > 0.0, out=np.full_like(r, np.inf))
    near = max(basis.rank, ceil(r.size * min(1.0, BAND * sqrt(basis.rank / size))))
    order = np.argpartition(distance, near - 1)
    kept, merged = order[:near], order[near:]
    signs = np.where(r[merged] < 0.0, -1.0, 1.0)
    far = np.zeros(r.size)
    far[merged] = signs
    rows = np.vstack([basis.rows(kept), basis.transpose(far)])
    solution = Lp().prepare(LpRegression(rows, np.append(b[kept], far @ b), 1.0)).solve()
    y = solution.stats["dual"][-1] * far
    y[kept] = solution.stats["dual"][:-1]
    return y
