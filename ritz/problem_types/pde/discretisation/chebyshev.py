"""Chebyshev collocation along one axis."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import chebyshev

from ritz.problem_types.pde.discretisation.axis import Axis

__all__ = ["ChebyshevAxis"]


class ChebyshevAxis(Axis):
    """Collocation at the extrema of a Chebyshev polynomial :cite:`Trefethen2000`.

    A function is represented by the polynomial through its node values that has the given derivative at Neumann ends;
    open ends impose nothing further. A well-conditioned matrix maps these data to Chebyshev coefficients. The matrices
    are dense, with O(n^3) set-up time and O(n^2) memory. Differentiating twice amplifies rounding by about
    ``0.05 n^4``.

    Parameters
    ----------
    lower, upper, conditions, count
        See `Axis`.
    """

    def _place(self, total: int) -> np.ndarray:
        steps = np.arange(total)
        reference = np.sin(np.pi * (2 * steps - (total - 1)) / (2 * (total - 1)))  # symmetric to the last bit
        nodes = self.lower + 0.5 * self.length * (reference + 1.0)
        nodes[-1] = self.upper
        return nodes

    def _reference(self, points: np.ndarray) -> np.ndarray:
        return (2.0 * points - (self.lower + self.upper)) / self.length

    def _basis(self, points: np.ndarray, size: int, order: int = 0) -> np.ndarray:
        """Return a derivative of the first `size` Chebyshev polynomials at `points`."""
        coefficients = chebyshev.chebder(np.eye(size), order, scl=2.0 / self.length)
        return chebyshev.chebvander(self._reference(points), len(coefficients) - 1) @ coefficients

    def _differentiate(self, order: int) -> np.ndarray:
        neumann = [side for side in (0, 1) if self.conditions[side] == "neumann"]
        total = len(self.nodes)
        size = total + len(neumann)
        slope = self._basis(np.array([self.lower, self.upper]), size, 1) * np.array([[-1.0], [1.0]])
        scale = self.length / size**2  # makes slopes comparable to values and keeps the matrix well conditioned
        data = np.concatenate([self._basis(self.nodes, size), scale * slope[neumann]])
        derivative = np.linalg.solve(data.T, self._basis(self.points, size, order).T).T
        matrix = np.zeros((self.count, total + 2))
        matrix[:, 1:-1] = derivative[:, :total]
        matrix[:, [(total + 1) * side for side in neumann]] = scale * derivative[:, total:]
        return matrix

    def _from_values(self, points: np.ndarray, order: int) -> np.ndarray:
        total = len(self.nodes)
        return np.linalg.solve(self._basis(self.nodes, total).T, self._basis(points, total, order).T).T

    def end_slope(self, side: int) -> np.ndarray:
        """Return the weights, shape ``(N,)``, of the node values in the outward derivative at an end."""
        return self._from_values(np.array([self.end(side)]), 1)[0] * (1 if side else -1)

    def interpolation(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights of the polynomial through all nodes."""
        weights = self._from_values(points, 0)
        return np.broadcast_to(np.arange(len(self.nodes)), weights.shape), weights
