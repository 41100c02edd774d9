"""NumPy's and SciPy's least-squares routines under the same contract, to compare with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array, eye_array, issparse, vstack

from ritz.backend import Array, to_numpy
from ritz.operators import Operator, Tag
from ritz.problem_types.least_squares import LeastSquares
from ritz.registry import register
from ritz.solver import check_pairing, registered_name
from ritz.solvers.regression.least_squares.black_box import PreparedBlackBox
from ritz.solvers.regression.least_squares.factor import Factor, factor_of
from ritz.solvers.regression.least_squares.sketch_and_precondition import default_size, sketched_rows
from ritz.solvers.regression.sketches.sparse_sign import SparseSign

__all__ = ["NumpyLstsq", "ScipyLsmr", "ScipyLsqr"]

ITERATIONS = 20_000


@register("numpy-lstsq")
@dataclass(frozen=True)
class NumpyLstsq:
    """``numpy.linalg.lstsq``: LAPACK's ``gelsd``, by the singular value decomposition.

    Of an A that is no dense array one is made. Singular values below ``max(m, n)`` units of rounding count as zero.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(ritz.LeastSquares(np.ones((2, 1)), np.array([1.0, 3.0])), "numpy-lstsq").x.round(12).tolist()
    [2.0]
    """

    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Make the matrix dense."""
        check_pairing(self, problem)
        began = time.perf_counter()
        matrix = sketched_rows(problem, None)

        def answer(b: Array, x0: np.ndarray, rtol: float, limit: int | None) -> tuple[np.ndarray, int]:
            return np.linalg.lstsq(matrix, _extended(problem, b), rcond=None)[0], 1

        seconds = time.perf_counter() - began
        return PreparedBlackBox(problem, answer, _judge(problem), registered_name(self), seconds)


@register("scipy-lsqr")
@dataclass(frozen=True)
class ScipyLsqr:
    """``scipy.sparse.linalg.lsqr``, its two tolerances being the one given; column by column.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(ritz.LeastSquares(np.ones((2, 1)), np.array([1.0, 3.0])), "scipy-lsqr").x.round(6).tolist()
    [2.0]
    """

    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Make what is multiplied with."""
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
        """Make what is multiplied with."""
        from scipy.sparse.linalg import lsmr

        def column(matrix: Any, b: np.ndarray, x0: np.ndarray, rtol: float, limit: int) -> tuple[np.ndarray, int]:
            x, _, iterations = lsmr(matrix, b, x0=x0, atol=rtol, btol=rtol, conlim=0.0, maxiter=limit)[:3]
            return x, int(iterations)

        return _prepare_krylov(self, problem, column)


Column = Callable[[Any, np.ndarray, np.ndarray, float, int], tuple[np.ndarray, int]]


def _prepare_krylov(solver: Any, problem: LeastSquares, column: Column) -> PreparedBlackBox:
    check_pairing(solver, problem)
    began = time.perf_counter()
    matrix = _multiplied(problem)

    def answer(b: Array, x0: np.ndarray, rtol: float, limit: int | None) -> tuple[np.ndarray, int]:
        extended = _extended(problem, b)
        x, most = np.array(x0), 0
        for j in np.ndindex(extended.shape[1:]):
            x[:, *j], iterations = column(matrix, extended[:, *j], x0[:, *j], rtol, limit or ITERATIONS)
            most = max(most, iterations)
        return x, most

    seconds = time.perf_counter() - began
    return PreparedBlackBox(problem, answer, _judge(problem), registered_name(solver), seconds, iterative=True)


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


def _extended(problem: LeastSquares, b: Array) -> np.ndarray:
    """Return b, and zeros where the penalty has its rows."""
    values = np.asarray(to_numpy(b), dtype=np.float64)
    below = problem.shape[1] if problem.ridge else 0
    return np.concatenate((values, np.zeros((below, *values.shape[1:]))))


def _judge(problem: LeastSquares) -> Callable[[], Factor]:
    """Return a function that makes the factor answers are judged by, once."""

    def make() -> Factor:
        rows, size = problem.shape[0], default_size(problem)
        sketch = SparseSign(size, rows, nnz=min(4, size)) if size < rows else None
        return factor_of(sketched_rows(problem, sketch))

    return cache(make)
