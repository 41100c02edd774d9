"""Linear equations that depend on their parameters through scalar coefficients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_csr

__all__ = ["AffineForm"]


@dataclass(frozen=True, eq=False)
class AffineForm:
    r"""The linear part of a parametric equation: sums of fixed matrices and vectors with parametric coefficients.

    .. math:: A(\mu)\,u=\sum_q\theta_q(\mu)\,A_q\,u, \qquad f(\mu)=\sum_r\varphi_r(\mu)\,f_r

    A basis V reduces every matrix and vector once, to :math:`V^*A_qV` and :math:`V^*f_r`; after that, the cost of a
    query does not depend on the number n of unknowns :cite:`HesthavenRozzaStamm2016`.

    Parameters
    ----------
    operators : sequence of sparse arrays, shape (n, n)
        Real or complex matrices.
    coefficients : callable
        ``coefficients(mu) -> (Q,)``, real or complex.
    vectors : array, shape (R, n)
        Right-hand sides, one per row; R may be 0.
    loads : callable, optional
        ``loads(mu) -> (R,)``; ones if None.
    symmetric : bool
        Promise that :math:`A(\mu)`, plus the derivative of g if there is one, is symmetric positive definite for all
        parameters in the range of the problem.
    solver : str, optional
        Name of a registered solver for systems with more than 20,000 unknowns, ``"auto"`` if the matrices suit
        multigrid. Smaller systems, and all systems if None, are solved by sparse factors.

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, NaN or infinity.

    Examples
    --------
    >>> form = AffineForm([np.eye(2), np.ones((2, 2))], lambda mu: [1.0, mu[0]], np.ones((1, 2)))
    >>> form.operator(np.array([2.0])).toarray().tolist(), form.load(np.array([2.0])).tolist()
    ([[3.0, 2.0], [2.0, 3.0]], [1.0, 1.0])
    """

    operators: Sequence[Any]
    coefficients: Callable[[np.ndarray], Any]
    vectors: Any
    loads: Callable[[np.ndarray], Any] | None = None
    symmetric: bool = False
    solver: str | None = None

    def __post_init__(self):
        operators: tuple[Any, ...] = tuple(
            as_csr(operator, f"operators[{q}]").copy() for q, operator in enumerate(self.operators)
        )
        for operator in operators:
            operator.sum_duplicates()
        if not operators:
            raise InvalidProblem("operators is empty; an affine form has at least one matrix")
        n = operators[0].shape[0]
        for q, operator in enumerate(operators):
            if operator.shape != (n, n):
                raise InvalidProblem(f"operators[{q}] has shape {operator.shape}; operators[0] has ({n}, {n})")
            if not np.isfinite(operator.data).all():
                raise InvalidProblem(f"operators[{q}] has entries that are NaN or infinite")
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 2 or vectors.shape[1] != n:
            raise InvalidProblem(f"vectors has shape {vectors.shape}; it must be (R, {n})")
        if not np.isfinite(vectors).all():
            raise InvalidProblem("vectors has entries that are NaN or infinite")
        object.__setattr__(self, "operators", operators)
        object.__setattr__(self, "vectors", vectors)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(self.operators[0].shape[0])

    def theta(self, mu: np.ndarray) -> np.ndarray:
        """Return the coefficients of the matrices, shape (Q,)."""
        return _numbers("coefficients", self.coefficients(np.array(mu)), len(self.operators))

    def phi(self, mu: np.ndarray) -> np.ndarray:
        """Return the coefficients of the right-hand sides, shape (R,)."""
        if self.loads is None:
            return np.ones(len(self.vectors))
        return _numbers("loads", self.loads(np.array(mu)), len(self.vectors))

    def operator(self, mu: np.ndarray) -> Any:
        r"""Return :math:`A(\mu)` as a CSR array, in O(Q nnz)."""
        indices, indptr, data = self._stacked
        return csr_array((self.theta(mu) @ data, indices, indptr), shape=(self.size, self.size))

    def load(self, mu: np.ndarray) -> np.ndarray:
        r"""Return :math:`f(\mu)`, shape (n,)."""
        return self.phi(mu) @ self.vectors

    @cached_property
    def _stacked(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Union of the sparsity patterns, and the entries of all matrices on it, shape (Q, nnz)."""
        n = self.size
        keys = [
            np.repeat(np.arange(n, dtype=np.int64), np.diff(matrix.indptr)) * n + matrix.indices
            for matrix in self.operators
        ]
        pattern = np.unique(np.concatenate(keys))
        dtype = np.result_type(*(matrix.dtype for matrix in self.operators), np.float64)
        data = np.zeros((len(keys), pattern.size), dtype=dtype)
        for row, key, matrix in zip(data, keys, self.operators, strict=True):
            row[np.searchsorted(pattern, key)] = matrix.data
        indptr = np.searchsorted(pattern, np.arange(n + 1, dtype=np.int64) * n)
        return (pattern % n).astype(np.int32), indptr.astype(np.int32), data


def _numbers(name: str, values: Any, count: int) -> np.ndarray:
    values = np.array(values)  # a copy, because the function may return the same array each time
    if values.shape != (count,) or values.dtype.kind not in "biufc":
        raise InvalidProblem(
            f"{name}(mu) has shape {values.shape} and dtype {values.dtype}; it must be ({count},) numbers"
        )
    return values
