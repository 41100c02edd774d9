"""Linear regression in the l_p norm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ritz.backend import Array, cast, numpy_dtype, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Dense, Sparse
from ritz.pickling import Picklable
from ritz.problem_types.least_squares import real_matrix, refuse_gradients
from ritz.problem_types.linear_system import check_vector

__all__ = ["LpRegression", "check_exponent", "check_matrix", "lp_norm"]


@dataclass(frozen=True, eq=False)
class LpRegression(Picklable):
    r"""Minimise :math:`\|Ax-b\|_p` over x.

    With p = 1 the fit is robust to outliers (least absolute deviations), p = 2 is least squares, and p = inf minimises
    the largest error (Chebyshev approximation).

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
        At least as many rows as columns. Columns may be linearly dependent.
    b : array, shape (n,)
        NumPy or torch array; the solution is of the same kind and on the same device.
    p : float
        Exponent of the norm, at least 1; ``math.inf`` is the maximum norm.
    exact : array, shape (d,), optional
        Minimiser, if known.
    name : str
        For tables and plots.

    Raises
    ------
    InvalidProblem
        For p below 1, empty A, fewer rows than columns, wrong shapes, complex or half-precision dtypes, NaN or
        infinity, and for tensors that require gradients.

    Examples
    --------
    The median of three numbers:

    >>> problem = LpRegression(np.ones((3, 1)), np.array([1.0, 2.0, 9.0]), p=1)
    >>> problem.objective(np.array([2.0]))
    8.0
    """

    A: Any
    b: Array
    p: float
    exact: Array | None = None
    name: str = ""

    def __post_init__(self):
        A, p = _entries(refuse_gradients("A", self.A)), check_exponent(self.p)
        rows, columns = A.shape
        b = check_vector("b", refuse_gradients("b", self.b), rows)
        if b.ndim != 1:
            raise InvalidProblem(f"b has shape {tuple(b.shape)}; l_p regression takes one right-hand side, ({rows},)")
        object.__setattr__(self, "A", A)
        object.__setattr__(self, "b", cast(b, np.result_type(numpy_dtype(A), numpy_dtype(b))))
        object.__setattr__(self, "p", p)
        if self.exact is not None:
            object.__setattr__(self, "exact", check_vector("exact", self.exact, columns))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of A."""
        return (int(self.A.shape[0]), int(self.A.shape[1]))

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return self.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """NumPy dtype of the solution; computations are always in float64."""
        return numpy_dtype(self.b)

    @property
    def matrix(self) -> Any:
        """A in float64, as an ndarray or a CSR array."""
        return _in_float64(self.A)

    def objective(self, x: Array) -> float:
        r"""Return :math:`\|Ax-b\|_p`."""
        residual = to_numpy(self.b).astype(np.float64) - self.matrix @ to_numpy(x).astype(np.float64)
        return lp_norm(residual, self.p)

    def with_rhs(self, rhs: Array) -> LpRegression:
        """Return the problem with another b and no known minimiser."""
        return replace(self, b=rhs, exact=None)


def lp_norm(vector: np.ndarray, p: float) -> float:
    r"""Return :math:`\|v\|_p`, with scaling that prevents overflow.

    Examples
    --------
    >>> lp_norm(np.array([3.0, -4.0]), 2.0), lp_norm(np.array([3.0, -4.0]), float("inf"))
    (5.0, 4.0)
    """
    magnitude = np.abs(vector)
    largest = float(magnitude.max(initial=0.0))
    if largest == 0.0 or p == np.inf or not np.isfinite(largest):
        return largest
    return largest * float(((magnitude / largest) ** p).sum()) ** (1.0 / p)


def check_exponent(p: Any) -> float:
    """Return p as a float.

    Raises
    ------
    InvalidProblem
        If p is not a number of at least 1; the problem is not convex for p below 1.
    """
    if isinstance(p, bool) or not isinstance(p, (Real, np.number)) or not float(p) >= 1.0:
        raise InvalidProblem(f"p is {p!r}; it must be a number of at least 1, or math.inf")
    return float(p)


def check_matrix(A: Any) -> Any:
    """Return A in float64, as an ndarray or a CSR array.

    Raises
    ------
    InvalidProblem
        For empty A, fewer rows than columns, wrong shapes, complex or half-precision dtypes, NaN or infinity.
    """
    return _in_float64(_entries(A))


def _in_float64(A: Any) -> Any:
    return (A if issparse(A) else to_numpy(A)).astype(np.float64, copy=False)


def _entries(given: Any) -> Any:
    """Return validated A as an ndarray, a CSR array or a tensor."""
    A = real_matrix(given.matrix if isinstance(given, (Dense, Sparse)) else given)
    rows, columns = A.shape
    if rows == 0 or columns == 0:
        raise InvalidProblem(f"A is empty ({rows} x {columns}): there is nothing to solve")
    if rows < columns:
        raise InvalidProblem(
            f"A has {rows} rows and {columns} columns; l_p regression needs at least as many rows as columns"
            " (with fewer, numpy.linalg.lstsq gives the solution of least norm)"
        )
    if not np.isfinite(A.data if issparse(A) else to_numpy(A)).all():
        raise InvalidProblem("A has entries that are NaN or infinite")
    return A
