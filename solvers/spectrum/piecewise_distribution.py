"""Distributions made of atoms and intervals of constant density, and their construction from Ritz values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

__all__ = ["PiecewiseDistribution", "spread"]

NARROW = 1e-6  # length, relative to the smoothing width, below which an interval is treated as an atom
ATOM = 1e-9  # length, relative to the range, below which an interval is treated as an atom


@dataclass(frozen=True)
class PiecewiseDistribution:
    """A mixture of uniform distributions on intervals; intervals of length zero are atoms.

    Attributes
    ----------
    low, high, mass : ndarray, shape (k,)
        Ends and masses of the intervals.

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
        """Return the density at the points `x`, convolved with a Gaussian of standard deviation `width`."""
        total = np.zeros(x.shape)
        for low, high, mass in zip(self.low, self.high, self.mass, strict=True):
            if high - low > NARROW * width:
                total += mass / (high - low) * (ndtr((x - low) / width) - ndtr((x - high) / width))
            else:
                bell = np.exp(-0.5 * ((x - 0.5 * (low + high)) / width) ** 2)
                total += mass / (width * (2.0 * np.pi) ** 0.5) * bell
        return total

    def distance(self, points: np.ndarray) -> float:
        """Return the Wasserstein-1 distance to the empirical distribution of `points`.

        This is the integral of the absolute difference of the cumulative distributions, computed exactly.
        """
        points = np.sort(points)
        x = np.union1d(np.union1d(self.low, self.high), points)
        share = np.searchsorted(points, x[:-1], side="right") / len(points)
        left = self.cumulative(x[:-1]) - share
        right = 2.0 * (self.cumulative(0.5 * (x[:-1] + x[1:])) - share) - left  # left limit, before any jump
        size = abs(left) + abs(right)
        crossing = np.divide(left**2 + right**2, size, out=np.zeros_like(size), where=size > 0.0)
        return float((0.5 * np.diff(x) * np.where(left * right < 0.0, crossing, size)).sum())

    def _segments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return ascending edges, the cumulative distribution at each edge, and its slope to the right of it."""
        edges = np.union1d(self.low, self.high)
        at_low, at_high = np.searchsorted(edges, self.low), np.searchsorted(edges, self.high)
        jump, bend = np.zeros(len(edges)), np.zeros(len(edges))
        wide = self.high - self.low > ATOM * np.ptp(edges)  # the slopes of narrower ones would spoil the sums
        np.add.at(jump, at_low[~wide], self.mass[~wide])
        steepness = self.mass[wide] / (self.high - self.low)[wide]
        np.add.at(bend, at_low[wide], steepness)
        np.add.at(bend, at_high[wide], -steepness)
        slope = np.cumsum(bend)
        slope[-1] = 0.0
        rise = np.concatenate([[0.0], slope[:-1] * np.diff(edges)])
        return edges, np.cumsum(jump + rise), slope


def spread(nodes: np.ndarray, weights: np.ndarray, residuals: np.ndarray) -> PiecewiseDistribution:
    r"""Spread the nodes of a quadrature rule over the intervals that may contain the eigenvalues they represent.

    By the inequalities of Chebyshev, Markov and Stieltjes, the cumulative distribution passes through the jump at each
    node :cite:`Szego1975`. If eigenvalues are dense, half the jump is an estimate better by one order, and the
    distribution is linear between nodes. Two signs reveal a node that represents a single or repeated eigenvalue: a
    small residual of its Ritz pair, which bounds the distance to an eigenvalue :cite:`Parlett1998`, and a weight larger
    than those of its neighbours. Therefore half of each weight is spread to either side, up to the next node or the
    residual, whichever is closer; the excess over the larger neighbouring weight stays at the node.

    Parameters
    ----------
    nodes, weights, residuals : ndarray, shape (m,)
        Nodes in ascending order, with their weights and the residual norms of their Ritz pairs.

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
