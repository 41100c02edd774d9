"""Factors of a matrix or of its sketch, used as preconditioners of least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..column_space.dependencies import dependencies, remove_span
from .scaling import check_range

__all__ = ["Factor", "condition_estimate", "factor_of", "sketched_solver"]

EPSILON = float(np.finfo(np.float64).eps)
POWER_STEPS = 6
ALIKE = 1e3  # ratio of column lengths up to which singular values of A itself tell its rank


@dataclass(frozen=True, eq=False)
class Factor:
    r"""A right preconditioner P, shape (n, rank), with which the columns of AP are nearly orthonormal.

    Parameters
    ----------
    triangle : ndarray, shape (n, n), or None
        Upper triangular R with :math:`R^TR\approx A^TA`; P is its inverse.
    basis, values : ndarray, shape (n, rank) and (rank,), or None
        Right singular vectors V and nonzero singular values of a rank-deficient A, or of A diag(scale).
    condition : float
        Estimate of the condition number of R with its columns scaled to unit length.
    lengths : ndarray, shape (n,)
        Lengths of the columns of R; 1 for columns of zeros.
    of_matrix : bool
        Whether this is a factor of A itself, not of a sketch.
    scale : ndarray, shape (n,), optional
        Factors of the columns before the singular value decomposition; 1 if None.
    null : ndarray, shape (n, n - rank), optional
        Orthonormal vectors that A maps to zero; given with `scale`, otherwise the complement of `basis`.
    """

    triangle: np.ndarray | None
    basis: np.ndarray | None
    values: np.ndarray | None
    condition: float
    lengths: np.ndarray
    of_matrix: bool = False
    scale: np.ndarray | None = None
    null: np.ndarray | None = None

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
        return self.shortest(_times(self.scale, self.basis @ (y.T / self.values).T))

    def apply_transpose(self, g: np.ndarray) -> np.ndarray:
        """Return ``P.T g`` for a g in the range of A.T."""
        if self.triangle is not None:
            return _solve(self.triangle, g, transposed=True)
        assert self.basis is not None
        return ((self.basis.T @ _times(self.scale, g)).T / self.values).T

    def undo_transpose(self, s: np.ndarray) -> np.ndarray:
        """Return the g in the range of A.T with ``P.T g = s``."""
        if self.triangle is not None:
            return self.triangle.T @ s
        assert self.basis is not None
        g = self.basis @ (s.T * self.values).T
        return g if self.scale is None else _times(1.0 / self.scale, g)

    def shortest(self, x: np.ndarray) -> np.ndarray:
        """Return `x` without its part in the nullspace of A."""
        return x if self.null is None else remove_span(self.null, x)

    def in_row_space(self, x: np.ndarray) -> np.ndarray:
        """Return the projection of any `x` onto the range of A.T."""
        if self.basis is None or self.null is not None:
            return self.shortest(x)
        return self.basis @ (self.basis.T @ x)

    def lost_directions(self) -> np.ndarray:
        """Return vectors, one per column, that R maps to zero; A does so too unless a sketch has lost them."""
        if self.basis is None or self.null is not None:
            return np.zeros((len(self.lengths), 0)) if self.null is None else self.null
        columns, rank = self.basis.shape
        return np.linalg.qr(self.basis, mode="complete")[0][:, rank:] if rank else np.eye(columns)

    def regularised_norm(self, g: np.ndarray, shift: float) -> float:
        r"""Return :math:`\|(R^TR+\mu^2I)^{-1/2}g\|_2` for columns of R of unit length and a vector g, in n³ operations.

        The vector is given in the units of A.
        """
        if self.triangle is not None:
            triangle = self.triangle / self.lengths
            stacked = np.vstack((triangle, shift * np.eye(triangle.shape[1])))
            whole = np.asfortranarray(np.linalg.qr(stacked, mode="r"))
            return float(np.linalg.norm(_solve(whole, g / self.lengths, transposed=True)))
        assert self.basis is not None
        assert self.values is not None
        longest = 1.0 if self.scale is not None else float(self.lengths.max())
        image = self.basis.T @ _times(self.scale, g)
        return float(np.linalg.norm(image / np.hypot(self.values, shift * longest)))


def factor_of(matrix: np.ndarray, of_matrix: bool = True) -> Factor:
    """Return the factor of A or of a sketch of it, shape (s, n), in 2 s n² operations.

    With columns of unit length, singular values below ``n`` units of rounding of the largest count as zero.

    Raises
    ------
    InvalidProblem
        For NaN or infinity, which operators and row blocks may contain undetected, and (`OutOfRange`) for columns
        whose squares overflow or vanish.
    """
    check_range(matrix)
    return _factor(np.asarray(np.linalg.qr(matrix, mode="r")), of_matrix)


def sketched_solver(matrix: np.ndarray, of_matrix: bool = False) -> tuple[Factor, Callable[[np.ndarray], np.ndarray]]:
    """Return the factor of a matrix, shape (s, n), and a function that solves least-squares problems with it.

    `of_matrix` says whether the matrix is A and no sketch.

    Raises
    ------
    InvalidProblem
        As for `factor_of`.
    """
    check_range(matrix)
    if matrix.shape[0] < matrix.shape[1]:
        return _wide_solver(matrix, of_matrix)
    reflectors, scales = np.linalg.qr(matrix, mode="raw")
    reflectors = reflectors.T
    columns = matrix.shape[1]
    triangle = np.triu(reflectors[:columns])
    factor = _factor(triangle, of_matrix)

    def solve(rhs: np.ndarray) -> np.ndarray:
        # Imported here, because routines of LAPACK cannot be pickled.
        from scipy.linalg.lapack import dormqr  # pyright: ignore[reportAttributeAccessIssue]

        block = np.asfortranarray(rhs.reshape(len(rhs), -1))
        width = 64 * max(1, block.shape[1])
        rotated: Any = dormqr("L", "T", reflectors, scales, block, width)[0]
        image = rotated[:columns].reshape(columns, *rhs.shape[1:])
        if factor.triangle is not None:
            return factor.apply(image)
        return factor.apply(factor.apply_transpose(triangle.T @ image))

    return factor, solve


def _wide_solver(matrix: np.ndarray, of_matrix: bool) -> tuple[Factor, Callable[[np.ndarray], np.ndarray]]:
    factor, left = _deficient(matrix, of_matrix)
    return factor, lambda rhs: factor.apply(left.T @ rhs)


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


def _factor(triangle: np.ndarray, of_matrix: bool) -> Factor:
    rows, columns = triangle.shape
    condition = condition_estimate(triangle) if rows == columns else np.inf
    if condition < 1.0 / _rounding(columns):
        lengths = np.linalg.norm(triangle, axis=0)
        return Factor(np.asfortranarray(triangle), None, None, condition, lengths, of_matrix)
    return _deficient(triangle, of_matrix)[0]


def _deficient(matrix: np.ndarray, of_matrix: bool) -> tuple[Factor, np.ndarray]:
    """Return the factor of a wide matrix, or of one with dependent columns, and the left singular vectors."""
    lengths = np.linalg.norm(matrix, axis=0)
    used = lengths > 0.0
    longest, shortest = lengths.max(), lengths[used].min(initial=np.inf)
    lengths = np.where(used, lengths, 1.0)
    if longest <= ALIKE * shortest or not used.any():
        left, values, right, condition = _singular(matrix)
        return Factor(None, right, values, condition, lengths, of_matrix), left
    scale = np.ldexp(1.0, -np.frexp(lengths)[1])
    left, values, right, condition = _singular(matrix * scale)
    null = dependencies(matrix * scale, right.shape[1], condition, scale)
    return Factor(None, right, values, condition, lengths, of_matrix, scale, null), left


def _singular(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return the singular vectors and values that are not rounding, and the ratio of the extreme ones."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values > _rounding(matrix.shape[1]) * values[0]
    condition = float(values[0] / values[kept][-1]) if kept.any() else 1.0
    return left[:, kept], values[kept], np.ascontiguousarray(right[kept].T), condition


def _rounding(columns: int) -> float:
    return max(columns, 10) * EPSILON


def _times(scale: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    """Return `x`, shape (n,) or (n, k), with row i multiplied by ``scale[i]``."""
    return x if scale is None else (x.T * scale).T


def _solve(triangle: np.ndarray, y: np.ndarray, transposed: bool) -> np.ndarray:
    from scipy.linalg.lapack import dtrtrs  # pyright: ignore[reportAttributeAccessIssue]

    # For small triangles, `scipy.linalg.solve_triangular` spends most of its time on checks.
    return dtrtrs(triangle, y, trans=int(transposed))[0]
