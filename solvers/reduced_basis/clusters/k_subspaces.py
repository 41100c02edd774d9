"""Clusters of snapshots by the basis that represents them best."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.errors import InvalidProblem

from ..bases.inner_product import checked_states

__all__ = ["k_subspaces", "leading_directions", "squared_remainders"]

RESOLVED = 1e-15  # squared length that can be told from 0


def k_subspaces(states: Any, labels: Any, *, size: int, least: int | None = None, maxiter: int = 50) -> np.ndarray:
    """Return clusters refined so that each state is in the cluster whose leading modes leave the least of it.

    Alternates between the modes of every cluster and the assignment of every state :cite:`BradleyMangasarian2000`; the
    sum of the squared relative errors falls in each sweep, so that it ends. Where a cluster would become smaller than
    `least`, the states that lose least by staying do.

    Parameters
    ----------
    states : array, shape (count, n)
        In coordinates in which the inner product is Euclidean (see `coordinates`); every state counts by its direction.
    labels : array, shape (count,)
        Clusters to start from, 0, 1, ...
    size : int
        Modes of a cluster.
    least : int, optional
        States that a cluster must keep; ``size + 2`` if left out. Clusters that start smaller keep what they have.
    maxiter : int
        Sweeps, O(count^2 n / clusters + count n size clusters) each.

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
    """Return the squared length that orthonormal directions leave of each unit row, 1e-15 where rounding hides it."""
    captured = rows @ directions.conj().T
    return np.maximum(1.0 - np.sum(np.abs(captured) ** 2, axis=1), RESOLVED)


def _reassigned(remainders: np.ndarray, labels: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """Return the best cluster of each state, moves that gain most first, none out of a cluster at its floor."""
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
