"""Fourier collocation along one periodic axis."""

from __future__ import annotations

import numpy as np

from ritz.errors import InvalidProblem
from ritz.problem_types.pde.discretisation.axis import Axis

__all__ = ["FourierAxis"]


class FourierAxis(Axis):
    """Fourier collocation on uniform nodes :cite:`Trefethen2000`, with dense matrices in O(n^2) memory.

    Parameters
    ----------
    lower, upper, conditions, count
        See `Axis`; both conditions are ``"periodic"``.
    """

    def _place(self, total: int) -> np.ndarray:
        return np.linspace(self.lower, self.upper, total, endpoint=False)

    def _matrix(self, points: np.ndarray, order: int) -> np.ndarray:
        """Return the matrix of a derivative at `points` from the node values."""
        total = len(self.nodes)
        waves = np.arange(-(total // 2), total // 2 + 1)
        weight = np.full(len(waves), 1.0 / total)
        if total % 2 == 0:
            weight[[0, -1]] /= 2  # the highest wave is a cosine and counts half for each sign
        frequency = 2.0 * np.pi / self.length * waves
        phase = np.exp(1j * frequency * (points[:, None] - self.lower))
        back = np.exp(-1j * frequency[:, None] * (self.nodes - self.lower))
        return ((phase * (weight * (1j * frequency) ** order)) @ back).real

    def _differentiate(self, order: int) -> np.ndarray:
        matrix = self._matrix(self.nodes, order)
        parity = (-1.0) ** order
        return np.pad(0.5 * (matrix + parity * matrix.T), ((0, 0), (1, 1)))  # (skew-)symmetric to the last bit

    def end_slope(self, side: int) -> np.ndarray:
        """Raise `InvalidProblem`: a periodic axis has no ends."""
        raise InvalidProblem("a periodic axis has no ends, and so no slope there")

    def interpolation(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights of the trigonometric polynomial through all nodes."""
        weights = self._matrix(points, 0)
        return np.broadcast_to(np.arange(len(self.nodes)), weights.shape), weights
