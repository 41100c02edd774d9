"""NumPy's dense least-squares solver."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ritz.backend import Array
from ritz.operators import Tag
from ritz.problem_types.least_squares import LeastSquares
from ritz.registry import register
from ritz.solver import check_pairing, registered_name
from ritz.solvers.regression.least_squares.black_box import PreparedBlackBox
from ritz.solvers.regression.least_squares.scaling import check_range, prepare_in_range
from ritz.solvers.regression.least_squares.sketch_and_precondition import sketched_rows

from .least_squares_reference import ReferenceFactor, extended_rhs

__all__ = ["NumpyLstsq"]


@register("numpy-lstsq")
@dataclass(frozen=True)
class NumpyLstsq:
    """``numpy.linalg.lstsq``: LAPACK's ``gelsd``, based on the singular value decomposition.

    A is converted to a dense array if it is not one. Singular values below ``max(m, n)`` machine epsilons, relative to
    the largest, count as zero.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(ritz.LeastSquares(np.ones((2, 1)), np.array([1.0, 3.0])), "numpy-lstsq").x.round(12).tolist()
    [2.0]
    """

    solves: ClassVar[type] = LeastSquares
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        """Convert the matrix to a dense array."""
        check_pairing(self, problem)
        return prepare_in_range(problem, self._prepare)

    def _prepare(self, problem: LeastSquares) -> PreparedBlackBox:
        began = time.perf_counter()
        matrix = sketched_rows(problem, None)
        check_range(matrix)

        def answer(b: Array, x0: np.ndarray, rtol: float, limit: int | None) -> tuple[np.ndarray, int]:
            return np.linalg.lstsq(matrix, extended_rhs(problem, b), rcond=None)[0], 1

        seconds = time.perf_counter() - began
        return PreparedBlackBox(problem, answer, ReferenceFactor(problem), registered_name(self), seconds)
