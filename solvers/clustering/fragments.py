"""Components as they are: which can hold a cluster, and how those that are left are put together."""

from __future__ import annotations

import heapq

import numpy as np

__all__ = ["balanced_groups", "large_components"]

FRAGMENT = 0.1  # size of a component, relative to the mean cluster, below which it cannot hold a cluster


def large_components(components: np.ndarray, clusters: int) -> np.ndarray:
    """Return the vertices of all components that are large enough to hold a cluster.

    Parameters
    ----------
    components : ndarray, shape (n,)
        Component of each vertex; 0 is the largest.
    clusters : int
    """
    sizes = np.bincount(components)
    least = min(FRAGMENT * components.size / clusters, sizes[0])
    return np.flatnonzero((sizes >= max(least, min(2, sizes[0])))[components])


def balanced_groups(components: np.ndarray, groups: int) -> np.ndarray:
    """Return a group for each vertex such that no component is cut and the groups are about equally large.

    Each component, the largest first, joins the group that is the smallest so far.

    Examples
    --------
    >>> balanced_groups(np.array([7, 7, 7, 8, 9, 9]), 2).tolist()
    [0, 0, 0, 1, 1, 1]
    """
    _, numbers, sizes = np.unique(components, return_inverse=True, return_counts=True)
    group = np.empty(sizes.size, dtype=np.int64)
    filled = [(0, number) for number in range(groups)]
    for component in np.argsort(-sizes, kind="stable"):
        size, group[component] = filled[0]
        heapq.heapreplace(filled, (size + int(sizes[component]), int(group[component])))
    return group[numbers]
