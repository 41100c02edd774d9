"""Leading eigenvectors by Chebyshev-filtered subspace iteration, for graphs whose spectrum has a gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Eigenvectors", "filtered_subspace"]

FIRST = 12  # degree of the filter of random vectors, for which the spectrum is guessed
SHORTEST, LONGEST = 2, 12  # of those after it, which are as long as it takes; longer ones would drown in rounding
CHUNK = 1 << 13  # rows of a block that are worked on at a time, in the cache


@dataclass(frozen=True, eq=False)
class Eigenvectors:
    """Eigenpairs, the largest first.

    Parameters
    ----------
    values : ndarray, shape (k,)
    vectors : ndarray, shape (n, k)
        Orthonormal columns.
    residuals : ndarray, shape (k,)
        ``||M v - lambda v||``, relative to the largest eigenvalue.
    products : int
        Products with blocks of vectors.
    method : str
    """

    values: np.ndarray
    vectors: np.ndarray
    residuals: np.ndarray
    products: int
    method: str


def filtered_subspace(
    M: Any,
    count: int,
    *,
    tolerance: float,
    start: np.ndarray | None = None,
    max_products: int = 1000,
    dtype: Any = np.float32,
    seed: int = 0,
) -> Eigenvectors:
    """Return the eigenvectors of the largest eigenvalues of a symmetric non-negative matrix.

    A block of vectors is filtered by a Chebyshev polynomial of M, small from minus the largest eigenvalue, which bounds
    the spectrum from below as M is non-negative, up to the smallest Ritz value of the block, and then replaced by its
    Ritz vectors :cite:`ZhouSaadTiagoChelikowsky2006`. Equal eigenvalues, which clusters of equal size have, cost
    nothing extra.

    Parameters
    ----------
    M : Similarity
        Has ``size`` and ``advance``.
    count : int
        Eigenvectors, at most n.
    tolerance : float
        For the residuals, see `Eigenvectors`.
    start : ndarray, shape (n, any), optional
        Vectors to start from; random ones fill the block up.
    max_products : int
    dtype : dtype
        float32 halves what a product costs and is enough for a tolerance of 1e-5.
    seed : int
    """
    n = M.size
    width = min(n, 8 * -(-(count + 3) // 8))  # whole cache lines, with some vectors to spare
    x = np.random.default_rng(seed).standard_normal((n, width), dtype=np.float32).astype(dtype, copy=False)
    if start is not None:
        kept = min(start.shape[1], width)
        x[:, kept:] *= float(np.linalg.norm(start[:, 0])) / n
        x[:, :kept] = start[:, :kept]
    y = np.zeros_like(x)
    _orthonormalise(x)
    M.advance(x, y, 1.0, 0.0, 0.0)
    products, floor, top = 1, M.bulk, M.bound
    while True:
        values, residuals = _rayleigh_ritz(x, y)
        if products > 1 or start is not None:
            # The Ritz values of the spare vectors are too low at first, the largest of them least.
            spare = min(count, width - 1) if products <= FIRST + 1 else width - 1
            top, floor = max(float(values[0]), floor), float(values[spare])
        worst = float(residuals[:count].max()) / max(float(values[0]), 1e-300)
        if worst <= tolerance or products >= max_products or width == n:
            break
        centre, half = 0.5 * (floor - top), max(0.5 * (floor + top), 1e-3 * top)
        growth = (top - centre) / half
        degree = FIRST
        if products > 1:
            reach = max((float(values[count - 1]) - centre) / half, 1.0)
            needed = np.log(2.0 * worst / tolerance) / max(float(np.arccosh(reach)), 1e-3)
            degree = int(np.clip(np.ceil(needed), SHORTEST, LONGEST))
        # y = M x is at hand: the first step of the recurrence is paid for. Scaled so that the top stays 1.
        sigma = 1.0 / growth
        for first in range(0, n, CHUNK):
            y[first : first + CHUNK] -= centre * x[first : first + CHUNK]
            y[first : first + CHUNK] *= sigma / half
        for _ in range(degree - 1):
            following = 1.0 / (2.0 * growth - sigma)
            M.advance(y, x, 2.0 * following / half, -2.0 * following * centre / half, -sigma * following)
            x, y, sigma = y, x, following
        x, y = y, x
        _orthonormalise(x)
        M.advance(x, y, 1.0, 0.0, 0.0)
        products += degree
    return Eigenvectors(values[:count], x[:, :count], residuals[:count] / values[0], products, "chebyshev")


def _turn(x: np.ndarray, rotation: np.ndarray) -> None:
    """Replace x by ``x @ rotation`` in place, a square one."""
    rotation = rotation.astype(x.dtype)
    for first in range(0, x.shape[0], CHUNK):
        x[first : first + CHUNK] = x[first : first + CHUNK] @ rotation


def _gram(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return ``x^T y``, summed in float64."""
    total = np.zeros((x.shape[1], y.shape[1]))
    for first in range(0, x.shape[0], CHUNK):
        total += x[first : first + CHUNK].T @ y[first : first + CHUNK]
    return total


def _orthonormalise(x: np.ndarray) -> None:
    """Make the columns orthonormal in place; twice, as once leaves what rounding makes of a large condition number."""
    for _ in range(2):
        gram = _gram(x, x)
        inverse = 1.0 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
        values, vectors = np.linalg.eigh(inverse[:, None] * gram * inverse)
        _turn(x, inverse[:, None] * vectors / np.sqrt(np.maximum(values, 1e-10)))


def _rayleigh_ritz(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn x, and y = M x with it, to the Ritz vectors, the largest first; return Ritz values and residual norms."""
    projected = _gram(x, y)
    values, vectors = np.linalg.eigh(0.5 * (projected + projected.T))
    values, vectors = values[::-1], vectors[:, ::-1]
    _turn(x, vectors)
    _turn(y, vectors)
    squares = np.zeros(values.size)
    for first in range(0, x.shape[0], CHUNK):
        part = y[first : first + CHUNK] - x[first : first + CHUNK] * values.astype(x.dtype)
        squares += np.einsum("ij,ij->j", part, part, dtype=np.float64)
    return values, np.sqrt(squares)
