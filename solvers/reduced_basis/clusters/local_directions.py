"""Leading directions of clusters, and what they leave of snapshots they have not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .k_subspaces import leading_directions, squared_remainders

__all__ = ["cluster_directions", "group_folds", "held_out_errors", "nested_directions", "projection_errors"]

ENOUGH = 1.5  # snapshots for each mode


def cluster_directions(values: np.ndarray, labels: np.ndarray, size: int, clusters: int) -> list[np.ndarray]:
    """Return the leading directions of every cluster as rows.

    A cluster with fewer than three snapshots for two modes borrows from the others those that its own leading modes
    leave least of, so that small clusters make no bad bases: where the modes are as many as the members, they represent
    those and nothing else.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
        Unit rows.
    labels : ndarray, shape (count,)
    size : int
        Modes of each cluster.
    clusters : int
        How many there are; for one without members all snapshots count.
    """
    return [nested[0] for nested in nested_directions(values, labels, [size], clusters)]


def nested_directions(
    values: np.ndarray, labels: np.ndarray, sizes: Sequence[int], clusters: int
) -> list[list[np.ndarray]]:
    """Return the `cluster_directions` of several sizes, by cluster and size, at little more than the cost of one."""
    found: list[list[np.ndarray]] = []
    for k in range(clusters):
        members = np.flatnonzero(labels == k)
        wanted = [max(members.size, min(int(np.ceil(ENOUGH * size)), len(values))) for size in sizes]
        chosen = members
        if max(wanted) > members.size:
            own = leading_directions(values[members], max(1, members.size // 2))
            left = squared_remainders(values, own)
            left[members] = -1.0
            chosen = np.argsort(left, kind="stable")
        whole = {count: leading_directions(values[chosen[:count]], max(sizes)) for count in set(wanted)}
        found.append([whole[count][:size] for count, size in zip(wanted, sizes, strict=True)])
    return found


def projection_errors(values: np.ndarray, directions: Sequence[np.ndarray]) -> np.ndarray:
    """Return what every basis leaves of unit rows, relative projection errors of shape (count, bases)."""
    return np.sqrt(np.stack([squared_remainders(values, basis) for basis in directions], axis=1))


def group_folds(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of every snapshot, those of a group being in one."""
    names, inverse = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(names.size)
    return (order % folds)[inverse]


def held_out_errors(
    values: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    size: int,
    clusters: int,
    *,
    folds: int = 4,
    seed: int = 0,
) -> np.ndarray:
    """Return the projection errors of all snapshots on bases of the clusters made without them.

    Returns
    -------
    ndarray, shape (count, clusters)
    """
    fold = group_folds(groups, folds, seed)
    found = np.ones((len(values), clusters))
    for number in range(folds):
        out = fold == number
        if out.any() and not out.all():
            bases = cluster_directions(values[~out], labels[~out], size, clusters)
            found[out] = projection_errors(values[out], bases)
    return found
