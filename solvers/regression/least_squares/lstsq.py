"""Automatic choice of an exact least-squares method."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import issparse

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.problem_types.least_squares import LeastSquares
from ritz.registry import register, solvers
from ritz.solver import check_pairing, registered_name

from .black_box import PreparedBlackBox
from .factor import factor_of
from .gram_refine import prepare_gram
from .iterative_refinement import ILL_CONDITIONED, PreparedRefinement
from .scaling import OutOfRange, prepare_in_range
from .sketch_and_precondition import prepare_sketched

__all__ = ["Lstsq"]

LARGE = 10_000  # number of columns whose square is too much memory
DOUBTFUL = 3.0  # factor by which a sample of the rows may be worse conditioned than A
TALL = 4  # ratio of rows to columns above which a sketch is sufficiently smaller than A


@register("lstsq")
@dataclass(frozen=True)
class Lstsq:
    """Exact least squares by normal equations with refinement, a sketch as preconditioner, QR, or LSMR.

    ``stats["chosen"]`` says which and why. Answers are refined to rounding regardless of the tolerance, as with direct
    methods. For a rank-deficient problem, the solution of minimum norm is found. ``stats["rank"]`` holds the rank.

    Parameters
    ----------
    seed : int
        Seed of the sketch.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> problem = ritz.LeastSquares(np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]), np.array([1.0, 2.0, 3.0]))
    >>> solution = ritz.solve(problem)
    >>> solution.x.round(12).tolist(), solution.stats["rank"], solution.stats["chosen"]
    ([1.0, 1.0], 1, 'lstsq: QR, as there are few rows for a sketch and A is ill-conditioned')
    """

    seed: int = 0
    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedRefinement | PreparedBlackBox:
        """Try the normal equations, and prepare another method if these cannot be accurate."""
        check_pairing(self, problem)
        began = time.perf_counter()
        prepared = prepare_in_range(problem, lambda scaled: self._choose(scaled, registered_name(self)))
        return replace(prepared, seconds=time.perf_counter() - began)

    def _choose(self, problem: LeastSquares, name: str) -> PreparedRefinement | PreparedBlackBox:
        rows, columns = problem.shape
        if min(rows, columns) > LARGE:
            lsmr: PreparedBlackBox = replace(solvers["scipy-lsmr"]().prepare(problem), name=name)
            return _chosen(lsmr, f"LSMR, as {columns} columns are too many for a triangular factor")
        if (rows >= columns or problem.ridge) and not _looks_hopeless(problem):
            try:
                prepared = prepare_gram(problem, name, to_rounding=True)
                return _chosen(
                    prepared, f"normal equations with refinement, as the condition is below {ILL_CONDITIONED:.0e}"
                )
            except OutOfRange:
                raise
            except InvalidProblem:
                pass
        few = rows < TALL * columns
        prepared = prepare_sketched(problem, name, "sparse-sign", rows if few else None, self.seed, to_rounding=True)
        if few or prepared.stats["size"] == rows:
            reason = " and A is ill-conditioned" if rows >= columns else ""
            return _chosen(prepared, f"QR, as there are few rows for a sketch{reason}")
        return _chosen(prepared, "QR of a sketch as preconditioner, as A is ill-conditioned")


def _chosen(prepared: Any, chosen: str) -> Any:
    return replace(prepared, stats={**prepared.stats, "chosen": chosen})


def _looks_hopeless(problem: LeastSquares) -> bool:
    """Return whether a few rows of a dense A are so ill-conditioned that its Gram matrix is probably useless."""
    rows, columns = problem.shape
    if isinstance(problem.A, Operator) or issparse(problem.A) or problem.ridge or rows < 8 * columns:
        return False
    some = to_numpy(problem.A[:: rows // (2 * columns)][: 2 * columns])
    factor = factor_of(np.asarray(some, dtype=np.float64))
    # A rank-deficient sample may have missed the rows that matter and proves nothing.
    return factor.rank == columns and factor.condition > DOUBTFUL * ILL_CONDITIONED
