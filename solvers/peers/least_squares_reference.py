"""Right-hand sides with ridge rows, and the factor that the answers of least-squares peers are assessed with."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.problem_types.least_squares import LeastSquares
from ritz.solvers.regression.least_squares.factor import Factor, factor_of
from ritz.solvers.regression.least_squares.sketch_and_precondition import default_size, sketched_rows
from ritz.solvers.regression.sketches.sparse_sign import SparseSign

__all__ = ["ReferenceFactor", "extended_rhs"]


def extended_rhs(problem: LeastSquares, b: Array) -> np.ndarray:
    """Return b with zeros appended for the rows of the ridge penalty."""
    values = np.asarray(to_numpy(b), dtype=np.float64)
    below = problem.shape[1] if problem.ridge else 0
    return np.concatenate((values, np.zeros((below, *values.shape[1:]))))


class ReferenceFactor:
    """Triangular factor with which answers are assessed, computed when first called."""

    def __init__(self, problem: LeastSquares):
        self._problem = problem

    def __call__(self) -> Factor:
        """Return the factor."""
        return self._factor

    @cached_property
    def _factor(self) -> Factor:
        rows, size = self._problem.shape[0], default_size(self._problem)
        sketch = SparseSign(size, rows, nnz=min(4, size)) if size < rows else None
        return factor_of(sketched_rows(self._problem, sketch), of_matrix=sketch is None)
