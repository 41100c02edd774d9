"""Distributions made of atoms and of stretches of constant density, and how Ritz values are spread to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

__all__ = ["PiecewiseDistribution", "spread"]

NARROW = 1e-6  # widths of a Gaussian below which a stretch looks like an atom
ATOM = 1e-9  # parts of the range below which a stretch counts as one


@dataclass(frozen=True)
class PiecewiseDistribution:
    """Masses, each uniform between two points that may coincide.

    Attributes
    ----------
    low, high, mass : ndarray, shape (k,)

    Examples
    --------
    >>> half = PiecewiseDistribution(np.array([0.0, 2.0]), np.array([1.0, 2.0]), np.array([0.5, 0.5]))
    >>> half.cumulative(np.array([0.5, 1.5, 2.0])).tolist()
    [0.25, 0.5, 1.0]
    >>> half.distance(np.array([0.5, 2.0]))
    0.125
    """

    low: np.ndarray
    high: np.ndarray
    mass: np.ndarray

    def cumulative(self, x: np.ndarray) -> np.ndarray:
        """Return the mass at or below each of the points `x`."""
        edges, start, slope = self._segments()
        segment = np.searchsorted(edges, x, side="right") - 1
        inside = np.maximum(segment, 0)
        return np.where(segment < 0, 0.0, start[inside] + slope[inside] * (x - edges[inside]))

    def smoothed(self, x: np.ndarray, width: float) -> np.ndarray:
        """Return the density at the points `x` after convolution with a Gaussian of standard deviation `width`."""
        total = np.zeros(x.shape)
        for low, high, mass in zip(self.low, self.high, self.mass, strict=True):
            if high - low > NARROW * width:
                total += mass / (high - low) * (ndtr((x - low) / width) - ndtr((x - high) / width))
            else:
                bell = np.exp(-0.5 * ((x - 0.5 * (low + high)) / width) ** 2)
                total += mass / (width * (2.0 * np.pi) ** 0.5) * bell
        return total

    def distance(self, points: np.ndarray) -> float:
        """Return the Wasserstein-1 distance to the distribution of these points, each of which counts the same.

        That is the integral of the absolute difference of the cumulative distributions, here without error.
        """
        points = np.sort(points)
        x = np.union1d(np.union1d(self.low, self.high), points)
        share = np.searchsorted(points, x[:-1], side="right") / len(points)
        left = self.cumulative(x[:-1]) - share
        right = 2.0 * (self.cumulative(0.5 * (x[:-1] + x[1:])) - share) - left  # before the jump, if there is one
        size = abs(left) + abs(right)
        crossing = np.divide(left**2 + right**2, size, out=np.zeros_like(size), where=size > 0.0)
        return float((0.5 * np.diff(x) * np.where(left * right < 0.0, crossing, size)).sum())

    def _segments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ascending edges, the cumulative distribution at each, and its slope from there on."""
        edges = np.union1d(self.low, self.high)
        at_low, at_high = np.searchsorted(edges, self.low), np.searchsorted(edges, self.high)
        jump, bend = np.zeros(len(edges)), np.zeros(len(edges))
        wide = self.high - self.low > ATOM * np.ptp(edges)  # narrower ones would be lost in sums of slopes
        np.add.at(jump, at_low[~wide], self.mass[~wide])
        steepness = self.mass[wide] / (self.high - self.low)[wide]
        np.add.at(bend, at_low[wide], steepness)
        np.add.at(bend, at_high[wide], -steepness)
        slope = np.cumsum(bend)
        slope[-1] = 0.0
        rise = np.concatenate([[0.0], slope[:-1] * np.diff(edges)])
        return edges, np.cumsum(jump + rise), slope


def spread(nodes: np.ndarray, weights: np.ndarray, residuals: np.ndarray) -> PiecewiseDistribution:
    r"""Spread the nodes of one quadrature rule to where the eigenvalues they stand for may be.

    By the inequalities of Chebyshev, Markov and Stieltjes, the cumulative distribution passes within the jump that
    a node makes :cite:`Szego1975`; where eigenvalues are dense, half of it is the better guess by an order, and the
    distribution is linear between nodes. Where a node stands for single or repeated eigenvalues, two things tell: the
    residual of its Ritz pair, within which there is an eigenvalue :cite:`Parlett1998`, and a weight above those beside
    it. So half of a weight goes to either side, as far as the next node or the residual, whichever is nearer; what it
    has beyond the larger weight beside it stays where it is.

    Parameters
    ----------
    nodes, weights, residuals : ndarray, shape (m,)
        Nodes ascending.

    Examples
    --------
    >>> dense = spread(np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.4, 0.3]), np.array([9.0, 9.0, 9.0]))
    >>> dense.cumulative(np.array([1.0, 1.5, 2.0, 2.5])).round(3).tolist()  # the middle exceeds its neighbours by 0.1
    [0.15, 0.3, 0.55, 0.7]
    >>> spread(np.array([1.0, 2.0]), np.array([0.5, 0.5]), np.zeros(2)).cumulative(np.array([1.0, 1.9])).tolist()
    [0.5, 0.5]
    """
    beside = np.maximum(np.append(weights[1:], 0.0), np.append(0.0, weights[:-1]))
    moving = np.minimum(weights, beside)
    gaps = np.append(np.diff(nodes), 0.0)
    right = nodes + np.minimum(gaps, residuals)
    left = nodes - np.minimum(np.roll(gaps, 1), residuals)
    return PiecewiseDistribution(
        np.concatenate([nodes, left, nodes]),
        np.concatenate([nodes, nodes, right]),
        np.concatenate([weights - moving, 0.5 * moving, 0.5 * moving]),
    )
