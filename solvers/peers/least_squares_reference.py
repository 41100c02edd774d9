"""Right-hand sides with ridge rows, and the factor that the answers of least-squares peers are assessed with."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.problem_types.least_squares import LeastSquares
from ritz.solvers.regression.least_squares.factor import Factor, factor_of
from ritz.solvers.regression.least_squares.sketch_and_precondition import default_size, sketched_rows
from ritz.solvers.regression.sketches.sparse_sign import SparseSign

__all__ = ["extended_rhs", "reference_factor"]


def extended_rhs(problem: LeastSquares, b: Array) -> np.ndarray:
    """Return b with zeros appended for the rows of the ridge penalty."""
    values = np.asarray(to_numpy(b), dtype=np.float64)
    below = problem.shape[1] if problem.ridge else 0
    return np.concatenate((values, np.zeros((below, *values.shape[1:]))))


def reference_factor(problem: LeastSquares) -> Callable[[], Factor]:
    """Return a cached function that computes the triangular factor with which answers are assessed."""

    def make() -> Factor:
        rows, size = problem.shape[0], default_size(problem)
        sketch = SparseSign(size, rows, nnz=min(4, size)) if size < rows else None
        return factor_of(sketched_rows(problem, sketch))

    return cache(make)
