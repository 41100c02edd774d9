"""Evaluation of a forest of regression trees."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["forest_means"]


@njit(cache=True, nogil=True)
def forest_means(
    roots: np.ndarray,
    features: np.ndarray,
    thresholds: np.ndarray,
    children: np.ndarray,
    values: np.ndarray,
    points: np.ndarray,
    means: np.ndarray,
) -> None:
    """Write the mean over all trees of the value at the leaf each point falls into.

    Parameters
    ----------
    roots : ndarray of int, shape (trees,)
        Root node of each tree.
    features : ndarray of int, shape (nodes,)
        Coordinate tested at each node; -1 at a leaf.
    thresholds : ndarray, shape (nodes,)
        A point goes to the first child if its coordinate is at most the threshold.
    children : ndarray of int, shape (nodes, 2)
    values : ndarray, shape (nodes, outputs)
    points : ndarray, shape (count, dimensions)
    means : ndarray, shape (count, outputs)
    """
    for point in range(points.shape[0]):
        means[point] = 0.0
        for tree in range(roots.size):
            node = roots[tree]
            while features[node] >= 0:
                side = 0 if points[point, features[node]] <= thresholds[node] else 1
                node = children[node, side]
            for output in range(values.shape[1]):
                means[point, output] += values[node, output]
        for output in range(values.shape[1]):
            means[point, output] /= roots.size
