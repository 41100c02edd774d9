"""Orthonormal Legendre polynomials: values, quadrature and derivatives of expansions."""

from __future__ import annotations

import numpy as np

__all__ = ["differentiate", "gauss", "values"]


def values(points: np.ndarray, count: int) -> np.ndarray:
    """Return the first `count` polynomials, orthonormal on [-1, 1], at given points.

    Parameters
    ----------
    points : ndarray, shape (P,)
        Points in [-1, 1].
    count : int
        Number of polynomials; their degrees are 0, ..., count - 1.

    Returns
    -------
    ndarray, shape (P, count)

    Examples
    --------
    >>> values(np.array([1.0]), 3).round(4).tolist()
    [[0.7071, 1.2247, 1.5811]]
    """
    table = np.ones((count, len(points)))
    if count > 1:
        table[1] = points
    for k in range(1, count - 1):
        table[k + 1] = ((2 * k + 1) * points * table[k] - k * table[k - 1]) / (k + 1)
    return (table * _norms(count)[:, None]).T


def differentiate(coefficients: np.ndarray) -> np.ndarray:
    """Return the coefficients of the derivatives of expansions.

    Parameters
    ----------
    coefficients : ndarray, shape (count, m)
        One expansion per column.

    Returns
    -------
    ndarray, shape (count, m)

    Examples
    --------
    >>> square = np.array([[0.0], [0.0], [1.0]])
    >>> bool(np.isclose((values(np.array([0.5]), 3) @ differentiate(square)).item(), 1.5 * 2.5**0.5))
    True
    """
    count = len(coefficients)
    scaled = coefficients * _norms(count)[:, None]
    # The derivative of the polynomial of degree k is the sum of (2 j + 1) times those of degree j = k - 1, k - 3, ...
    sums = np.zeros((count + 1, coefficients.shape[1]))
    for first in (count - 1, count - 2):
        if first >= 0:
            sums[first % 2 : count : 2] = np.cumsum(scaled[first % 2 :: 2][::-1], axis=0)[::-1]
    return sums[1:] * _norms(count)[:, None] * 2.0


def gauss(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Gauss nodes and weights on [-1, 1], exact for polynomials of degree up to ``2 count - 1``."""
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(count)
    return nodes, weights


def _norms(count: int) -> np.ndarray:
    return np.sqrt(np.arange(count) + 0.5)
