"""Cholesky factorisation of covariance matrices of data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem

__all__ = ["LARGEST_JITTER", "ROW_LIMIT", "Gram", "check_rows", "factorise"]

ROW_LIMIT = 4000  # maximum number of rows of a dense covariance matrix
LARGEST_JITTER = 1e-4  # relative; more would model noise that the user has not declared


@dataclass(frozen=True, eq=False)
class Gram:
    """Cholesky factor of ``S K S + jitter I`` for a covariance matrix K, whose diagonal S scales to one.

    Parameters
    ----------
    matrix : ndarray, shape (M, M)
        ``S K S``.
    scale : ndarray, shape (M,)
        Diagonal of S.
    factor : ndarray, shape (M, M)
        Lower triangular factor.
    jitter : float
        Jitter, relative to the variance of each datum.
    """

    matrix: np.ndarray
    scale: np.ndarray
    factor: np.ndarray
    jitter: float

    def solve(self, values: np.ndarray) -> np.ndarray:
        """Return ``K^-1 values``, shape (M,)."""
        from scipy.linalg import cho_solve

        return self.scale * cho_solve((self.factor, True), self.scale * values, check_finite=False)

    def whiten(self, cross: np.ndarray) -> np.ndarray:
        """Return ``L^-1 S C`` for cross-covariances C, (M, P); its squared column norms are the explained variances."""
        from scipy.linalg import solve_triangular

        return solve_triangular(self.factor, self.scale[:, None] * cross, lower=True, check_finite=False)

    def quadratic(self, values: np.ndarray) -> float:
        """Return ``values' K^-1 values``."""
        whitened = self.whiten(values[:, None])
        return float((whitened**2).sum())

    @cached_property
    def log_determinant(self) -> float:
        """Logarithm of the determinant of K."""
        return 2.0 * float(np.log(self.factor.diagonal()).sum() - np.log(self.scale).sum())

    @cached_property
    def inverse(self) -> np.ndarray:
        """K^-1, shape (M, M)."""
        lower = np.tril(_lapack("potri")(self.factor, lower=1)[0])
        lower *= self.scale[:, None] * self.scale
        return lower + np.tril(lower, -1).T

    @cached_property
    def inverse_diagonal(self) -> np.ndarray:
        """Diagonal of K^-1, shape (M,)."""
        inverse = np.tril(_lapack("trtri")(self.factor, lower=1)[0])
        return self.scale**2 * (inverse**2).sum(axis=0)

    @cached_property
    def condition(self) -> float:
        """Estimated condition number of ``S K S + jitter I`` in the 1-norm."""
        norm = float(np.abs(self.matrix).sum(axis=0).max()) + self.jitter
        reciprocal, _ = _lapack("pocon")(self.factor.T, norm, uplo="U")
        return 1.0 / max(float(reciprocal), 1e-300)


def factorise(matrix: np.ndarray, jitter: float, largest: float = LARGEST_JITTER) -> Gram:
    """Factor a covariance matrix in O(M^3) time, multiplying the jitter by ten until that succeeds.

    Parameters
    ----------
    matrix : ndarray, shape (M, M)
    jitter : float
        Initial jitter, relative to the diagonal.
    largest : float
        Largest jitter tried.

    Raises
    ------
    InvalidProblem
        If the matrix is not positive definite even with the largest jitter.

    Examples
    --------
    >>> factorise(np.array([[4.0, 2.0], [2.0, 9.0]]), 1e-12).solve(np.array([4.0, 2.0])).round(6).tolist()
    [1.0, 0.0]
    """
    from scipy.linalg import LinAlgError, cholesky

    variances = matrix.diagonal()
    if not (np.isfinite(matrix).all() and (variances > 0.0).all()):
        raise InvalidProblem(
            "the covariance of the data has a variance that is not positive, or NaN: a component's weight, frequency"
            " or lengthscale is out of range, or the equation has no term at some point"
        )
    scale = 1.0 / np.sqrt(variances)
    scaled = scale[:, None] * matrix * scale
    while jitter <= largest:
        shifted = scaled.copy()
        shifted.flat[:: len(shifted) + 1] += jitter
        try:
            factor = cholesky(shifted, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            jitter = 10.0 * max(jitter, 1e-15)
            continue
        return Gram(scaled, scale, factor, jitter)
    raise InvalidProblem(
        f"the covariance of the data is not positive definite with a relative jitter of {largest:g}: are points"
        " given twice? Otherwise use shorter lengthscales, or give the noise of the source"
    )


def check_rows(count: int) -> None:
    """Raise `InvalidProblem`, naming the memory needed, if a matrix of `count` rows is too large to form."""
    if count > ROW_LIMIT:
        memory = 3 * 8 * count**2 / math.pow(2, 30)
        raise InvalidProblem(
            f"{count} data make a dense covariance of {count} x {count}, {memory:,.1f} GiB with its factor; at most"
            f" {ROW_LIMIT} are taken: use fewer points, or method='features'"
        )


def _lapack(name: str) -> Any:
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs((name,), dtype=np.dtype(np.float64))[0]
