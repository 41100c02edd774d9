"""Empirical interpolation: reconstruction of a field from a few of its entries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh, qr

from ritz.arguments import check_choice
from ritz.errors import InvalidProblem

__all__ = ["Interpolation", "deim_points", "empirical_interpolation", "oversampled_points", "q_deim_points"]

ILL_CONDITIONED = 1e6  # condition number of the sampled basis above which rounding and noise dominate


@dataclass(frozen=True, eq=False)
class Interpolation:
    """Reconstruction of fields in the span of a basis: ``g = basis @ (fit @ g[points])``.

    Parameters
    ----------
    points : ndarray, shape (m,)
        Indices of the entries, ascending.
    fit : ndarray, shape (size, m)
        Pseudo-inverse of the sampled rows of the basis.
    condition : float
        Condition number of these rows, which bounds the amplification of errors of the entries.
    """

    points: np.ndarray
    fit: np.ndarray
    condition: float

    @property
    def reliable(self) -> bool:
        """Whether the condition number of the sampled basis is below 1e6."""
        return self.condition < ILL_CONDITIONED


def empirical_interpolation(basis: Any, *, points: str = "q-deim", count: int | None = None) -> Interpolation:
    """Return the points at which to sample fields of a subspace, and the map from samples to coefficients.

    Parameters
    ----------
    basis : array, shape (n, size)
        Orthonormal columns, the most important first; real or complex.
    points : {"q-deim", "deim"}
        Rule for the first `size` points: `q_deim_points` or `deim_points`.
    count : int, optional
        Number of points, from `size` (the default, interpolation) to n. More points (`oversampled_points`) give a
        least-squares fit that is less sensitive to errors of the samples.

    Raises
    ------
    InvalidProblem
        If the basis is not such an array, or `count` is out of range.

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 101)
    >>> basis = np.linalg.qr(np.stack([x**0, x, x**2], axis=1))[0]
    >>> found = empirical_interpolation(basis)
    >>> g = 3.0 * x**2 - x
    >>> bool(np.allclose(basis @ (found.fit @ g[found.points]), g))
    True
    """
    rules = {"q-deim": q_deim_points, "deim": deim_points}
    check_choice("points", points, rules)
    columns = np.asarray(basis)
    if columns.ndim != 2 or 0 in columns.shape or columns.shape[0] < columns.shape[1]:
        raise InvalidProblem(f"basis has shape {columns.shape}; it must be (n, size) with 1 <= size <= n")
    if not np.isfinite(columns).all():
        raise InvalidProblem("basis has entries that are NaN or infinite")
    n, size = columns.shape
    wanted = size if count is None else int(count)
    if not size <= wanted <= n:
        raise InvalidProblem(f"count is {count}; {size} modes of {n} entries need from {size} to {n} points")
    chosen = np.sort(oversampled_points(columns, rules[points](columns), wanted))
    sampled = columns[chosen]
    singular = np.linalg.svd(sampled, compute_uv=False)
    condition = float(singular[0] / singular[-1]) if singular[-1] > 0.0 else np.inf
    return Interpolation(chosen, np.linalg.pinv(sampled), condition)


def deim_points(basis: np.ndarray) -> np.ndarray:
    """Return the points of the greedy algorithm of :cite:`ChaturantabutSorensen2010`.

    Each point is where a column differs most from its interpolant by the columns before it. O(n size^2).
    """
    points = [int(np.argmax(np.abs(basis[:, 0])))]
    for k in range(1, basis.shape[1]):
        coefficients = np.linalg.solve(basis[points, :k], basis[points, k])
        remainder = basis[:, k] - basis[:, :k] @ coefficients
        points.append(int(np.argmax(np.abs(remainder))))
    return np.array(points)


def q_deim_points(basis: np.ndarray) -> np.ndarray:
    """Return the pivots of a QR factorisation of the transposed basis :cite:`DrmacGugercin2016`.

    The points depend only on the subspace, and the sampled rows are better conditioned than those of `deim_points`.
    O(n size^2).
    """
    factors: Any = qr(basis.conj().T, mode="r", pivoting=True)
    return np.asarray(factors[1][: basis.shape[1]])


def oversampled_points(basis: np.ndarray, points: np.ndarray, count: int) -> np.ndarray:
    """Return `points` extended to `count` points, which raise the smallest singular value of the sampled rows.

    Each new point is the one that raises a lower bound of this value most :cite:`PeherstorferDrmacGugercin2020`.
    O(n size + size^3) per point.
    """
    chosen = np.asarray(points)
    sizes = np.einsum("ij,ij->i", basis, basis.conj()).real
    gram = basis[chosen].conj().T @ basis[chosen]
    least = [0, min(1, len(gram) - 1)]
    while chosen.size < count:
        squares, vectors = eigh(gram, subset_by_index=least, check_finite=False)
        gap = float(squares[-1] - squares[0])
        weakest = np.abs(basis @ vectors[:, 0]) ** 2
        total = gap + sizes
        gain = total - np.sqrt(np.maximum(total**2 - 4.0 * gap * weakest, 0.0)) if gap > 0.0 else weakest
        gain[chosen] = -1.0
        chosen = np.append(chosen, int(np.argmax(gain)))
        gram += np.outer(basis[chosen[-1]].conj(), basis[chosen[-1]])
    return chosen
