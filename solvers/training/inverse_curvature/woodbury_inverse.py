"""The inverse of a low-rank matrix plus a multiple of the identity, by Woodbury's identity."""

from __future__ import annotations

import copy

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from ritz.backend import Array, asarray_like, is_torch_array, numpy_dtype, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag

from .rows import check_damping, check_rows, gram_matrix

__all__ = ["WoodburyInverse", "cholesky_factor"]


class WoodburyInverse(Operator):
    r"""The inverse of :math:`F=\lambda I+wG^TG` for gradients in the rows of G.

    .. math:: F^{-1}x=\tfrac1\lambda\left(x-G^TS^{-1}Gx\right),\qquad S=\tfrac\lambda wI+GG^T

    With w = 1/m, F is the damped empirical Fisher matrix; with w = 1 and a Jacobian as G, it is the matrix of the
    Levenberg-Marquardt method. Set-up takes m² d / 2 multiplications and a product two passes over G, which several
    right-hand sides share. S is formed and factored in float64. If G has more rows than columns, F itself is factored.

    Parameters
    ----------
    gradients : array, shape (m, d)
        Matrix G, NumPy or torch, float32 or float64; not copied.
    damping : float
        Damping λ, positive.
    weight : float, optional
        Weight w; 1/m by default.

    Raises
    ------
    InvalidProblem
        If a gradient is not finite or the damping is lost to rounding.

    Examples
    --------
    >>> G = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]])
    >>> inverse = WoodburyInverse(G, damping=0.5)
    >>> bool(np.allclose(inverse @ np.ones(3), np.linalg.solve(0.5 * np.eye(3) + G.T @ G / 2, np.ones(3))))
    True
    >>> bool(np.isclose(inverse.log_determinant(), np.linalg.slogdet(0.5 * np.eye(3) + G.T @ G / 2)[1]))
    True
    """

    def __init__(self, gradients: Array, damping: float, weight: float | None = None):
        self.gradients = check_rows(gradients)
        rows, columns = self.gradients.shape
        self.weight = 1.0 / rows if weight is None else float(weight)
        if not self.weight > 0.0:
            raise InvalidProblem(f"weight is {weight!r}; it must be positive")
        self.shape = (columns, columns)
        self.dtype = numpy_dtype(self.gradients)
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        self.by_rows = rows <= columns
        self._gram = gram_matrix(self.gradients if self.by_rows else self.gradients.T)
        self._factor(damping)

    def _factor(self, damping: float) -> None:
        self.damping = check_damping(damping)
        self._cholesky = cholesky_factor(self._gram, self.damping / self.weight)

    def damped(self, damping: float) -> WoodburyInverse:
        """Return the inverse for another damping, reusing the inner products."""
        other = copy.copy(self)
        other._factor(damping)
        return other

    def _apply(self, x: Array) -> Array:
        y = asarray_like(x.detach() if is_torch_array(x) else x, self.gradients)
        if self.by_rows:
            found = (y - self.gradients.T @ self._solve(self.gradients @ y)) / self.damping
        else:
            found = self._solve(y) / self.weight
        return asarray_like(found if is_torch_array(x) else to_numpy(found), x)

    def pull_back(self, coefficients: Array) -> Array:
        r"""Return :math:`F^{-1}G^Tc` as :math:`\frac1wG^TS^{-1}c`, in a single pass and without cancellation."""
        c = asarray_like(coefficients, self.gradients)
        found = self.gradients.T @ self._solve(c) if self.by_rows else self._solve(self.gradients.T @ c)
        found = found / self.weight
        return asarray_like(found if is_torch_array(coefficients) else to_numpy(found), coefficients)

    def _solve(self, x: Array) -> Array:
        solved = cho_solve(self._cholesky, to_numpy(x).astype(np.float64), check_finite=False)
        return asarray_like(solved, self.gradients)

    def diagonal(self) -> np.ndarray:
        """Return the diagonal of the inverse, in m² d operations."""
        if not self.by_rows:
            inverse = cho_solve(self._cholesky, np.eye(self.shape[0]))
            return np.diagonal(inverse) / self.weight
        half = solve_triangular(self._cholesky[0], to_numpy(self.gradients), lower=True, check_finite=False)
        return (1.0 - (half**2).sum(axis=0)) / self.damping

    def log_determinant(self) -> float:
        """Return log det F, of the matrix and not its inverse, by the determinant lemma: exact and at no cost."""
        own = len(self._gram)
        pivots = 2.0 * float(np.log(np.diagonal(self._cholesky[0])).sum()) + own * np.log(self.weight)
        return pivots + (self.shape[0] - own) * float(np.log(self.damping))


def cholesky_factor(gram: np.ndarray, shift: float) -> tuple[np.ndarray, bool]:
    """Return the lower Cholesky factor of ``gram + shift I``.

    If rounding, such as that of float32, has made the sum indefinite, `gram` is replaced by the nearest semidefinite
    matrix.

    Raises
    ------
    InvalidProblem
        If the shift is lost to rounding even in float64.
    """
    for semidefinite in (lambda: gram.copy(), lambda: _without_negative_part(gram)):
        matrix = semidefinite()
        matrix.flat[:: len(matrix) + 1] += shift
        try:
            return cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        except np.linalg.LinAlgError:
            continue
    least = float(np.trace(gram)) * np.finfo(np.float64).eps
    raise InvalidProblem(
        f"damping adds {shift:.1e} to squares of gradients that sum to {np.trace(gram):.1e} and is lost in their"
        f" rounding: make it {max(10.0, 10.0 * least / shift):.0e} times larger"
    )


def _without_negative_part(gram: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(gram)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T
