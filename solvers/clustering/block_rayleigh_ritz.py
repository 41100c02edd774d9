"""Smallest eigenpairs by LOBPCG: block Rayleigh-Ritz over iterates, last steps and preconditioned residuals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["smallest_eigenpairs"]

CHUNK = 1 << 11  # rows processed at a time, to stay in the cache
DEPENDENT = 1e-12  # eigenvalue of a Gram matrix of unit vectors below which a direction is dropped


def smallest_eigenpairs(
    matrix: Any,
    start: np.ndarray,
    precondition: Callable[[np.ndarray], np.ndarray],
    constraint: np.ndarray,
    *,
    count: int,
    tolerance: float,
    maxiter: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Return eigenvalues (block,), vectors (n, block), residual norms (block,) and iterations :cite:`Knyazev2001`.

    Six blocks are stored: iterates, steps and corrections, and their images. Only the inner products with corrections
    are computed; the others follow from the rotation. Converged columns are not corrected any more.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Symmetric positive semidefinite.
    start : ndarray, shape (n, block)
        At least `count` columns, orthogonal to `constraint`.
    precondition : callable
        Maps a block of residuals to one of corrections.
    constraint : ndarray, shape (n, 1)
        Unit vector to which all vectors are kept orthogonal.
    count : int
        Number of pairs whose residuals must meet the tolerance.
    tolerance : float
        Accepted residual norm, relative to the largest wanted eigenvalue.
    maxiter : int
    """
    n, width = start.shape
    basis, images = np.zeros((n, 3 * width)), np.zeros((n, 3 * width))
    basis[:, :width], images[:, :width] = start, matrix @ start
    used = width  # columns in use: iterates, steps (from the second iteration on) and corrections
    mass, projected = _grams(basis, images, 0, used)
    iteration = 0
    while True:
        rotation, values = _ritz(mass, projected, width)
        step = rotation.copy()
        step[:width] = 0.0
        both = np.concatenate([rotation, step], axis=1) if iteration else rotation
        steps = both.shape[1]
        residual = np.empty((n, width))
        squares = np.zeros(width)
        for rows in _chunks(n):
            for block in (basis, images):
                block[rows, :steps] = block[rows, :used] @ both
            part = residual[rows]
            np.subtract(images[rows, :width], basis[rows, :width] * values, out=part)
            squares += np.einsum("ij,ij->j", part, part)
        norms = np.sqrt(squares)
        target = tolerance * max(float(values[count - 1]), 1e-15)
        if norms[:count].max() <= target or iteration == maxiter:
            return values, basis[:, :width].copy(), norms, iteration
        active = np.flatnonzero(norms > 0.5 * target)
        correction = precondition(residual if active.size == width else residual[:, active])
        used, overlap = steps + active.size, constraint.T @ correction
        for rows in _chunks(n):
            correction[rows] -= constraint[rows] * overlap
            basis[rows, steps:used] = correction[rows]
        images[:, steps:used] = matrix @ correction
        added, mapped = _grams(basis, images, steps, used)
        mass = _bordered(both.T @ mass @ both, added)
        projected = _bordered(both.T @ projected @ both, mapped)
        iteration += 1


def _chunks(n: int) -> Iterator[slice]:
    return (slice(first, first + CHUNK) for first in range(0, n, CHUNK))


def _grams(basis: np.ndarray, images: np.ndarray, first: int, used: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the inner products of the used columns, and of their images, with the columns from `first` on."""
    mass, projected = np.zeros((used, used - first)), np.zeros((used, used - first))
    for rows in _chunks(basis.shape[0]):
        columns, added = basis[rows, :used].T, np.ascontiguousarray(basis[rows, first:used])
        mass += columns @ added
        projected += images[rows, :used].T @ added
    return mass, projected


def _bordered(known: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Return the symmetric matrix with a known leading part and given last columns."""
    steps = known.shape[0]
    lower = border[steps:]
    return np.block([[known, border[:steps]], [border[:steps].T, 0.5 * (lower + lower.T)]])


def _ritz(mass: np.ndarray, projected: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return coefficients of the lowest Ritz vectors, orthonormal in the mass matrix, and the Ritz values."""
    lengths = 1.0 / np.sqrt(np.maximum(np.diag(mass), 1e-300))
    values, vectors = np.linalg.eigh(lengths[:, None] * mass * lengths)
    kept = values > DEPENDENT * values[-1]
    basis = lengths[:, None] * vectors[:, kept] / np.sqrt(values[kept])
    inner = basis.T @ projected @ basis
    found, turn = np.linalg.eigh(0.5 * (inner + inner.T))
    return basis @ turn[:, :width], found[:width]
