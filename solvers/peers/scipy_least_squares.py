"""SciPy's iterative least-squares solvers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array, eye_array, issparse, vstack

from ritz.backend import Array, to_numpy
from ritz.operators import Operator, Tag
from ritz.problem_types.least_squares import LeastSquares
from ritz.registry import register
from ritz.solver import check_pairing, registered_name
from ritz.solvers.regression.least_squares.black_box import PreparedBlackBox
from ritz.solvers.regression.least_squares.scaling import check_range, largest_entries, prepare_in_range
from ritz.solvers.regression.least_squares.sketch_and_precondition import sketched_rows

from .least_squares_reference import ReferenceFactor, extended_rhs

__all__ = ["ScipyLsmr", "ScipyLsqr"]

ITERATIONS = 20_000

Column = Callable[[Any, np.ndarray, np.ndarray, float, int], tuple[np.ndarray, int]]
"""``column(matrix, b, x0, tolerance, limit) -> (x, iterations)`` for one right-hand side."""


@register("scipy-lsqr")
@dataclass(frozen=True)
class ScipyLsqr:
    """``scipy.sparse.linalg.lsqr``, column by column, with both of its tolerances set to `rtol`.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(ritz.LeastSquares(np.ones((2, 1)), np.array([1.0, 3.0])), "scipy-lsqr").x.round(6).tolist()
    [2.0]
    """

    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Form the matrix or linear operator that SciPy multiplies with."""
        from scipy.sparse.linalg import lsqr

        def column(matrix: Any, b: np.ndarray, x0: np.ndarray, rtol: float, limit: int) -> tuple[np.ndarray, int]:
            x, _, iterations = lsqr(matrix, b, x0=x0, atol=rtol, btol=rtol, conlim=0.0, iter_lim=limit)[:3]
            return x, int(iterations)

        return _prepare_krylov(self, problem, column)


@register("scipy-lsmr")
@dataclass(frozen=True)
class ScipyLsmr:
    """``scipy.sparse.linalg.lsmr``, its two tolerances being the one given; column by column.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(ritz.LeastSquares(np.ones((2, 1)), np.array([1.0, 3.0])), "scipy-lsmr").x.round(6).tolist()
    [2.0]
    """

    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Form the matrix or linear operator that SciPy multiplies with."""
        from scipy.sparse.linalg import lsmr

        def column(matrix: Any, b: np.ndarray, x0: np.ndarray, rtol: float, limit: int) -> tuple[np.ndarray, int]:
            x, _, iterations = lsmr(matrix, b, x0=x0, atol=rtol, btol=rtol, conlim=0.0, maxiter=limit)[:3]
            return x, int(iterations)

        return _prepare_krylov(self, problem, column)


def _prepare_krylov(solver: Any, problem: LeastSquares, column: Column) -> PreparedBlackBox:
    check_pairing(solver, problem)
    return prepare_in_range(problem, lambda scaled: _prepare_in_range(solver, scaled, column))


def _prepare_in_range(solver: Any, problem: LeastSquares, column: Column) -> PreparedBlackBox:
    began = time.perf_counter()
    check_range(np.maximum(largest_entries(problem.A), problem.ridge**0.5)[None])
    matrix = _multiplied(problem)

    def answer(b: Array, x0: np.ndarray, rtol: float, limit: int | None) -> tuple[np.ndarray, int]:
        extended = extended_rhs(problem, b)
        x, most = np.array(x0), 0
        for j in np.ndindex(extended.shape[1:]):
            x[:, *j], iterations = column(matrix, extended[:, *j], x0[:, *j], rtol, limit or ITERATIONS)
            most = max(most, iterations)
        return x, most

    seconds = time.perf_counter() - began
    return PreparedBlackBox(problem, answer, ReferenceFactor(problem), registered_name(solver), seconds, iterative=True)


def _multiplied(problem: LeastSquares) -> Any:
    A = problem.A
    if isinstance(A, Operator):
        if problem.ridge:
            return csr_array(sketched_rows(problem, None))
        return A.to_scipy()
    matrix = A if issparse(A) else np.asarray(to_numpy(A), dtype=np.float64)
    if not problem.ridge:
        return matrix
    penalty = problem.ridge**0.5 * eye_array(problem.shape[1])
    return vstack((A, penalty)).tocsr() if issparse(A) else np.vstack((matrix, penalty.toarray()))
