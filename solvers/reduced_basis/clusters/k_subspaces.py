"""Refinement of clusters: each snapshot moves to the cluster whose basis represents it best."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.errors import InvalidProblem

from ..bases.inner_product import checked_states

__all__ = ["k_subspaces", "leading_directions", "squared_remainders"]

RESOLVED = 1e-15  # smallest squared length that rounding lets us distinguish from 0


def k_subspaces(states: Any, labels: Any, *, size: int, least: int | None = None, maxiter: int = 50) -> np.ndarray:
    """Return refined clusters in which the leading modes of its own cluster represent each state best.

    Alternates between computing the modes of every cluster and reassigning every state
    :cite:`BradleyMangasarian2000`. The sum of the squared relative errors falls in each sweep, so the iteration ends.
    If a cluster would become smaller than `least`, the states that lose least by staying remain in it.

    Parameters
    ----------
    states : array, shape (count, n)
        States in coordinates with a Euclidean inner product (see `coordinates`); only their directions matter.
    labels : array, shape (count,)
        Initial clusters 0, 1, ...
    size : int
        Number of modes per cluster.
    least : int, optional
        Number of states that each cluster must keep, ``size + 2`` by default. Clusters that start smaller must not
        shrink.
    maxiter : int
        Limit of sweeps, each of O(count^2 n / clusters + count n size clusters).

    Examples
    --------
    >>> states = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [0.1, 3.0]])
    >>> k_subspaces(states, [0, 1, 1, 1], size=1, least=1).tolist()
    [0, 0, 1, 1]
    """
    rows = checked_states(states)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.array(labels, dtype=np.int64)
    if labels.shape != (len(rows),):
        raise InvalidProblem(f"labels have shape {labels.shape}; there must be one for each of {len(rows)} states")
    clusters = int(labels.max()) + 1
    floor = np.minimum(size + 2 if least is None else least, np.bincount(labels, minlength=clusters))
    loss = np.inf
    for _ in range(maxiter):
        bases = [leading_directions(rows[labels == k], size) for k in range(clusters)]
        remainders = np.stack([squared_remainders(rows, basis) for basis in bases], axis=1)
        before = float(remainders[np.arange(len(rows)), labels].sum())
        if not before < loss * (1.0 - 1e-9):
            break
        loss = before
        following = _reassigned(remainders, labels, floor)
        if np.array_equal(following, labels):
            break
        labels = following
    return labels


def leading_directions(rows: np.ndarray, size: int) -> np.ndarray:
    """Return the leading right singular vectors of an array as rows."""
    return np.linalg.svd(rows, full_matrices=False)[2][:size]


def squared_remainders(rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Return the squared lengths of unit rows after projecting out orthonormal directions, at least 1e-15."""
    captured = rows @ directions.conj().T
    return np.maximum(1.0 - np.sum(np.abs(captured) ** 2, axis=1), RESOLVED)


def _reassigned(remainders: np.ndarray, labels: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the best cluster of each state; moves that gain most come first, and no cluster falls below its floor."""
    every = np.arange(len(labels))
    wanted = np.argmin(remainders, axis=1)
    gains = remainders[every, labels] - remainders[every, wanted]
    following, sizes = labels.copy(), np.bincount(labels, minlength=len(floor))
    for state in np.argsort(-gains, kind="stable"):
        old, new = labels[state], wanted[state]
        if gains[state] > 0.0 and sizes[old] > floor[old]:
            following[state] = new
            sizes[old] -= 1
            sizes[new] += 1
    return following
