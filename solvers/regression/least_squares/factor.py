"""Factors of a matrix or of its sketch, used as preconditioners of least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem

__all__ = ["Factor", "condition_estimate", "factor_of", "sketched_solver"]

LARGEST = 1e120  # largest entry whose square is far from overflowing
POWER_STEPS = 6


@dataclass(frozen=True, eq=False)
class Factor:
    r"""A right preconditioner P, shape (n, rank), with which the columns of AP are nearly orthonormal.

    Parameters
    ----------
    triangle : ndarray, shape (n, n), or None
        Upper triangular R with :math:`R^TR\approx A^TA`; P is its inverse.
    basis, values : ndarray, shape (n, rank) and (rank,), or None
        Right singular vectors V and nonzero singular values of a rank-deficient A; P is V / values.
    condition : float
        Estimate of the condition number of R with its columns scaled to unit length.
    norm : float, optional
        Frobenius norm of A, known if the factor is that of A itself.
    """

    triangle: np.ndarray | None
    basis: np.ndarray | None
    values: np.ndarray | None
    condition: float
    norm: float | None = None

    @property
    def of_matrix(self) -> bool:
        """Whether this is a factor of A itself, not of a sketch."""
        return self.norm is not None

    @property
    def rank(self) -> int:
        """Number of columns of P."""
        held = self.triangle if self.triangle is not None else self.basis
        assert held is not None
        return held.shape[1]

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Return ``P y``."""
        if self.triangle is not None:
            return _solve(self.triangle, y, transposed=False)
        assert self.basis is not None
        return self.basis @ (y.T / self.values).T

    def apply_transpose(self, g: np.ndarray) -> np.ndarray:
        """Return ``P.T g``."""
        if self.triangle is not None:
            return _solve(self.triangle, g, transposed=True)
        assert self.basis is not None
        return ((self.basis.T @ g).T / self.values).T

    def undo_transpose(self, s: np.ndarray) -> np.ndarray:
        """Return the g in the range of A.T with ``P.T g = s``."""
        if self.triangle is not None:
            return self.triangle.T @ s
        assert self.basis is not None
        return self.basis @ (s.T * self.values).T

    def regularised_norm(self, g: np.ndarray, shift: float) -> float:
        r"""Return :math:`\|(R^TR+\mu^2I)^{-1/2}g\|_2` for a vector g, in n³ operations."""
        if self.triangle is not None:
            stacked = np.vstack((self.triangle, shift * np.eye(self.triangle.shape[1])))
            whole = np.asfortranarray(np.linalg.qr(stacked, mode="r"))
            return float(np.linalg.norm(_solve(whole, g, transposed=True)))
        assert self.basis is not None
        assert self.values is not None
        return float(np.linalg.norm((self.basis.T @ g) / np.hypot(self.values, shift)))


def factor_of(matrix: np.ndarray) -> Factor:
    """Return the factor of a matrix in memory, shape (s, n), in 2 s n² operations.

    Singular values below ``n`` units of rounding of the largest count as zero.

    Raises
    ------
    InvalidProblem
        For NaN or infinity, which operators and row blocks may contain undetected, and for entries whose squares
        overflow or vanish.
    """
    _check(matrix)
    return _factor(np.asarray(np.linalg.qr(matrix, mode="r")))


def sketched_solver(matrix: np.ndarray) -> tuple[Factor, Callable[[np.ndarray], np.ndarray]]:
    """Return the factor of a matrix, shape (s, n), and a function that solves least-squares problems with it.

    Raises
    ------
    InvalidProblem
        As for `factor_of`.
    """
    from scipy.linalg import get_lapack_funcs

    _check(matrix)
    if matrix.shape[0] < matrix.shape[1]:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        factor = _truncated(values, right)
        return factor, lambda rhs: factor.apply((left.T @ rhs)[: factor.rank])
    (dormqr,) = get_lapack_funcs(("ormqr",), (np.empty(0),))
    reflectors, scales = np.linalg.qr(matrix, mode="raw")
    reflectors = reflectors.T
    columns = matrix.shape[1]
    triangle = np.triu(reflectors[:columns])
    factor = _factor(triangle)

    def solve(rhs: np.ndarray) -> np.ndarray:
        block = np.asfortranarray(rhs.reshape(len(rhs), -1))
        width = 64 * max(1, block.shape[1])
        rotated: Any = dormqr("L", "T", reflectors, scales, block, width)[0]
        image = rotated[:columns].reshape(columns, *rhs.shape[1:])
        if factor.triangle is not None:
            return factor.apply(image)
        return factor.apply(factor.apply_transpose(triangle.T @ image))

    return factor, solve


def condition_estimate(triangle: np.ndarray) -> float:
    """Estimate, slightly from below, the condition number of an upper triangle with columns scaled to unit length.

    Uses a few steps of the power method and of inverse iteration, O(n²) operations.
    """
    sizes = np.linalg.norm(triangle, axis=0)
    if not (sizes > 0).all() or not triangle.diagonal().all():
        return np.inf
    scaled = np.asfortranarray(triangle / sizes)
    x = y = np.random.default_rng(0).standard_normal(len(sizes))
    largest = inverse = 0.0
    for _ in range(POWER_STEPS):
        x, y = scaled.T @ (scaled @ x), _solve(scaled, _solve(scaled, y, transposed=True), transposed=False)
        largest, inverse = float(np.linalg.norm(x)), float(np.linalg.norm(y))
        if not np.isfinite(inverse):
            return np.inf
        x, y = x / largest, y / inverse
    return (largest * inverse) ** 0.5


def _check(matrix: np.ndarray) -> None:
    largest = float(abs(matrix).max(initial=0.0))
    if not np.isfinite(largest):
        raise InvalidProblem("A has entries that are NaN or infinite, or its products overflow")
    if largest > LARGEST or 0.0 < largest < 1.0 / LARGEST:
        raise InvalidProblem(f"A has entries of size {largest:.0e}, whose squares are out of range: scale A and b")


def _factor(triangle: np.ndarray) -> Factor:
    rows, columns = triangle.shape
    rounding = max(columns, 10) * np.finfo(np.float64).eps
    condition = condition_estimate(triangle) if rows == columns else np.inf
    if condition < 1.0 / rounding:
        return Factor(np.asfortranarray(triangle), None, None, condition)
    return _truncated(*np.linalg.svd(triangle, full_matrices=False)[1:])


def _truncated(values: np.ndarray, right: np.ndarray) -> Factor:
    rounding = max(right.shape[1], 10) * np.finfo(np.float64).eps
    kept = values > rounding * values[0]
    condition = float(values[0] / values[kept][-1]) if kept.any() else 1.0
    return Factor(None, np.ascontiguousarray(right[kept].T), values[kept], condition)


def _solve(triangle: np.ndarray, y: np.ndarray, transposed: bool) -> np.ndarray:
    from scipy.linalg import solve_triangular

    return solve_triangular(triangle, y, trans=int(transposed), check_finite=False)
