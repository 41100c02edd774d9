"""Graphs of nearest neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import undirected

__all__ = ["nearest_neighbours"]


def nearest_neighbours(points: Any, neighbours: int = 8) -> csr_array:
    """Return the adjacency matrix that joins each point to its nearest neighbours with unit weight.

    Takes O(n log n) time in few dimensions.

    Parameters
    ----------
    points : array, shape (n, dimensions)
    neighbours : int
        Number of neighbours of each point, less than n.

    Examples
    --------
    >>> nearest_neighbours(np.array([[0.0], [1.0], [3.0]]), 1).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    from scipy.spatial import KDTree

    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise InvalidProblem(f"points have shape {points.shape}; they must be (n, dimensions) finite numbers")
    n = points.shape[0]
    neighbours = check_integer("neighbours", neighbours, least=1)
    if neighbours >= n:
        raise InvalidProblem(f"neighbours is {neighbours}; {n} points have {n - 1} neighbours each at most")
    found = np.asarray(KDTree(points).query(points, k=neighbours + 1)[1])
    own = np.repeat(np.arange(n), neighbours + 1)
    return undirected(np.stack([own, found.ravel()]), n)
