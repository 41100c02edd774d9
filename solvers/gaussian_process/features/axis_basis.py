"""Orthonormal basis of the span of features along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ..grid_data import Condition
from . import legendre
from .spectral_features import SpectralFeatures

__all__ = ["AxisBasis"]

FIT = 1e-10  # relative cut-off for singular values of the basis at the nodes of the data
RANK = 1e-11  # relative singular values of features below this are rounding


class AxisBasis:
    """Orthonormal basis of the span of features, and of the functions in it that meet given conditions.

    The features are nearly linearly dependent. They are expanded in Legendre polynomials to rounding, and the singular
    vectors of the coefficients are an orthonormal basis whose values, derivatives and inner products are accurate to
    rounding. Computed from values at the nodes, vectors of small singular values would be noise.

    Parameters
    ----------
    features : SpectralFeatures
    nodes : ndarray, shape (N,)
        Nodes of the data.
    conditions : sequence of Condition
        Conditions along this axis.
    order : int
        Highest derivative needed.

    Examples
    --------
    >>> ends = [Condition(((0, 0, 1.0),), "x-"), Condition(((1, 0, 1.0),), "x+")]
    >>> basis = AxisBasis(SpectralFeatures(0.0, 1.0, (20.0,), 4, 8), np.linspace(0.0, 1.0, 30), ends, 2)
    >>> inside = basis.inside  # satisfies both conditions with data 0
    >>> bool(np.abs(basis.at(np.array([0.0, 1.0])) @ inside).max() < 1e-12)
    True
    """

    def __init__(self, features: SpectralFeatures, nodes: np.ndarray, conditions: Sequence[Condition], order: int):
        self.features, self.nodes, self.conditions = features, nodes, tuple(conditions)
        self._degree = features.degree
        places, weights = legendre.gauss(self._degree)
        self._weights = weights
        self._recent: tuple[np.ndarray, np.ndarray] | None = None
        self._polynomials = legendre.values(places, self._degree)
        values = features.evaluate(self._from_unit(places))[0]
        coefficients = self._polynomials.T @ (weights[:, None] * values)
        coefficients *= features.prior / np.linalg.norm(coefficients, axis=0)
        left, singular, _ = np.linalg.svd(coefficients, full_matrices=False)
        self._expansions = [left[:, singular > RANK * singular[0]]]
        for _ in range(order):
            stretch = 2.0 / (features.upper - features.lower)
            self._expansions.append(stretch * legendre.differentiate(self._expansions[-1]))

    @property
    def count(self) -> int:
        """Number of basis functions."""
        return self._expansions[0].shape[1]

    @property
    def fixed(self) -> int:
        """Number of conditions."""
        return len(self.conditions)

    def at(self, points: np.ndarray, order: int = 0) -> np.ndarray:
        """Return a derivative of all basis functions at points (P,), shape (P, count)."""
        if points is self.nodes:
            return self.values[order]
        recent = self._recent
        if recent is None or recent[0] is not points:  # derivatives are requested one by one
            recent = self._recent = points, legendre.values(self._to_unit(points), self._degree)
        return recent[1] @ self._expansions[order]

    @cached_property
    def values(self) -> list[np.ndarray]:
        """Derivatives of the basis functions at the nodes, each of shape (N, count)."""
        table = legendre.values(self._to_unit(self.nodes), self._degree)
        return [table @ expansion for expansion in self._expansions]

    @cached_property
    def fit(self) -> np.ndarray:
        """Matrix from values at the nodes to the coefficients of their least-squares fit, shape (count, N)."""
        return np.linalg.pinv(self.values[0], rcond=FIT)

    @cached_property
    def change(self) -> np.ndarray:
        """Change of basis that separates the conditions, shape (count, count).

        Each of the first columns meets one condition with data 1 and all others with data 0. The remaining columns
        are orthonormal and meet all conditions with data 0.
        """
        ends = legendre.values(np.array([-1.0, 1.0]), self._degree)
        rows = [
            sum(factor * ends[end] @ self._expansions[order] for end, order, factor in condition.parts)
            for condition in self.conditions
        ]
        conditions = np.reshape(rows, (len(rows), self.count))
        orthogonal, triangle = np.linalg.qr(conditions.T, mode="complete")
        first = orthogonal[:, : len(rows)] @ np.linalg.inv(triangle[: len(rows)].T)
        return np.hstack([first, orthogonal[:, len(rows) :]])

    @property
    def inside(self) -> np.ndarray:
        """Functions that meet all conditions with data 0, shape (count, count - fixed)."""
        return self.change[:, self.fixed :]

    def operator(self, order: int, coefficient: np.ndarray | None = None) -> np.ndarray:
        """Return the inner products of the basis functions with a derivative of them, shape (count, count).

        Parameters
        ----------
        order : int
        coefficient : ndarray, shape (G,), optional
            Factor of the derivative, at `quadrature_nodes`.
        """
        if coefficient is None:
            return self._expansions[0].T @ self._expansions[order]
        weighted = (self._weights * coefficient)[:, None] * (self._polynomials @ self._expansions[order])
        return (self._polynomials @ self._expansions[0]).T @ weighted

    def tone(self, frequency: float) -> np.ndarray:
        """Return the inner products with cosine and sine, shape (2, count), or with 1 for frequency 0, (1, count)."""
        centred = self.quadrature_nodes - 0.5 * (self.features.lower + self.features.upper)
        waves = [np.cos(frequency * centred), np.sin(frequency * centred)][: 2 if frequency else 1]
        return (np.stack(waves) * self._weights) @ (self._polynomials @ self._expansions[0])

    @property
    def quadrature_nodes(self) -> np.ndarray:
        """Nodes of the quadrature rule, shape (G,)."""
        return self._from_unit(legendre.gauss(self._degree)[0])

    def _to_unit(self, points: np.ndarray) -> np.ndarray:
        lower, upper = self.features.lower, self.features.upper
        return (2.0 * points - (lower + upper)) / (upper - lower)

    def _from_unit(self, points: np.ndarray) -> np.ndarray:
        lower, upper = self.features.lower, self.features.upper
        return 0.5 * ((upper - lower) * points + (lower + upper))
