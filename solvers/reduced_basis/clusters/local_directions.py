"""Leading directions of clusters, and projection errors of held-out snapshots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritz.arguments import check_seed

from .k_subspaces import leading_directions, squared_remainders

__all__ = ["cluster_directions", "group_folds", "held_out_errors", "nested_directions", "projection_errors"]

ENOUGH = 1.5  # snapshots per mode


def cluster_directions(values: np.ndarray, labels: np.ndarray, size: int, clusters: int) -> list[np.ndarray]:
    """Return the leading directions of every cluster as rows.

    A cluster with fewer than three snapshots per two modes borrows those snapshots of other clusters that its own
    leading modes represent best. Otherwise small clusters would get bad bases: with as many modes as members, a basis
    represents the members and nothing else.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
        Unit rows.
    labels : ndarray, shape (count,)
        Cluster of each row.
    size : int
        Number of modes of each cluster.
    clusters : int
        Number of clusters; an empty one gets the directions of all snapshots.
    """
    return [nested[0] for nested in nested_directions(values, labels, [size], clusters)]


def nested_directions(
    values: np.ndarray, labels: np.ndarray, sizes: Sequence[int], clusters: int
) -> list[list[np.ndarray]]:
    """Return the `cluster_directions` of several sizes, indexed by cluster and size, for little more than one costs."""
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
    """Return the errors of projecting unit rows onto every basis, shape (count, bases)."""
    return np.sqrt(np.stack([squared_remainders(values, basis) for basis in directions], axis=1))


def group_folds(groups: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each snapshot; snapshots of one group share a fold."""
    names, inverse = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(check_seed(seed)).permutation(names.size)
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
    """Return the errors of projecting each snapshot onto bases of the clusters made without it.

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
