"""K-medoids: clusters around representative elements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem

__all__ = ["Medoids", "k_medoids", "sampled_k_medoids"]

LEAST_GAIN = 1e-12  # smallest relative reduction of the loss for which a swap is made


@dataclass(frozen=True, eq=False)
class Medoids:
    """Clusters around medoids.

    Parameters
    ----------
    medoids : ndarray, shape (clusters,)
        Indices of the medoids in ascending order, which is that of the clusters.
    labels : ndarray, shape (count,)
        Cluster of each element.
    loss : float
        Sum of the dissimilarities of all elements from their medoids.
    """

    medoids: np.ndarray
    labels: np.ndarray
    loss: float


def k_medoids(dissimilarities: Any, clusters: int, *, restarts: int = 10, seed: int = 0) -> Medoids:
    """Return medoids that minimise the sum of dissimilarities with respect to single swaps.

    A swap is made as soon as it is found to reduce the loss. The loss of removing each medoid is kept up to date, so
    trying an element costs O(count) for all medoids together :cite:`SchubertRousseeuw2021`.

    Parameters
    ----------
    dissimilarities : array, shape (count, count)
        Row i holds the dissimilarities of element i from each candidate medoid; need not be symmetric.
    clusters : int
        Number of clusters, from 1 to count.
    restarts : int
        Number of random starts, of which the best is returned.
    seed : int

    Raises
    ------
    InvalidProblem
        If the matrix is not square or has negative or NaN entries, or if there are fewer elements than clusters.

    Examples
    --------
    >>> positions = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.3])
    >>> found = k_medoids(np.abs(positions[:, None] - positions), 2)
    >>> found.medoids.tolist(), found.labels.tolist(), round(found.loss, 12)
    ([1, 4], [0, 0, 0, 1, 1, 1], 0.5)
    """
    matrix = np.asarray(dissimilarities, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InvalidProblem(f"dissimilarities have shape {matrix.shape}; they must be (count, count)")
    if not (matrix >= 0.0).all():
        raise InvalidProblem("dissimilarities have entries that are negative or NaN")
    _check_clusters(clusters, len(matrix))
    check_integer("restarts", restarts)
    generator = np.random.default_rng(check_seed(seed))
    columns = np.ascontiguousarray(matrix.T)  # row c: dissimilarities from candidate c
    found = [_swapped(columns, _spread_start(columns, clusters, generator), generator) for _ in range(restarts)]
    medoids = np.sort(min(found, key=lambda chosen: columns[chosen].min(axis=0).sum()))
    return _assigned(columns[medoids], medoids)


def sampled_k_medoids(
    dissimilarity: Callable[[np.ndarray, np.ndarray], np.ndarray],
    count: int,
    clusters: int,
    *,
    sample: int = 2000,
    restarts: int = 10,
    seed: int = 0,
) -> Medoids:
    """Return medoids of a large set, computed on samples :cite:`KaufmanRousseeuw1990`.

    Parameters
    ----------
    dissimilarity : callable
        ``dissimilarity(rows, columns)`` returns the block of the matrix for two index arrays.
    count : int
        Number of elements; if it is at most `sample`, the whole matrix is used.
    clusters : int
    sample : int
        Size of a sample. From the second on, samples contain the best medoids so far.
    restarts : int
        Number of samples, and of starts for each.
    seed : int

    Returns
    -------
    Medoids
        The medoids with the least loss over all elements. Takes O(restarts (sample^2 + count clusters))
        dissimilarities.

    Examples
    --------
    >>> x = np.random.default_rng(0).standard_normal(5000)
    >>> found = sampled_k_medoids(lambda i, j: np.abs(x[i, None] - x[j]), 5000, 3, sample=200)
    >>> bool(np.allclose(np.sort(x[found.medoids]), [-1.2, 0.0, 1.2], atol=0.3))
    True
    """
    _check_clusters(clusters, count)
    check_seed(seed)
    everything = np.arange(count)
    if count <= sample:
        return k_medoids(dissimilarity(everything, everything), clusters, restarts=restarts, seed=seed)
    if sample < 2 * clusters:
        raise InvalidProblem(f"sample is {sample}; {clusters} clusters need {2 * clusters} elements or more")
    generator = np.random.default_rng(seed)
    best: Medoids | None = None
    for attempt in range(restarts):
        kept = np.empty(0, dtype=np.int64) if best is None else best.medoids
        others = np.setdiff1d(everything, kept)
        chosen = np.concatenate([kept, generator.choice(others, sample - kept.size, replace=False)])
        inside = k_medoids(dissimilarity(chosen, chosen), clusters, restarts=restarts, seed=(seed + attempt) % 2**63)
        medoids = np.sort(chosen[inside.medoids])
        found = _assigned(dissimilarity(everything, medoids).T, medoids)
        if best is None or found.loss < best.loss:
            best = found
    assert best is not None
    return best


def _check_clusters(clusters: Any, count: int) -> None:
    check_integer("clusters", clusters, 1, count)


def _spread_start(columns: np.ndarray, clusters: int, generator: np.random.Generator) -> np.ndarray:
    """Return elements drawn one by one, in proportion to their dissimilarity from those drawn before."""
    count = len(columns)
    chosen = [int(generator.integers(count))]
    while len(chosen) < clusters:
        weights = columns[chosen].min(axis=0)
        weights[chosen] = 0.0
        if weights.sum() <= 0.0:  # fewer distinct elements than clusters
            weights = np.isin(np.arange(count), chosen, invert=True).astype(np.float64)
        chosen.append(int(generator.choice(count, p=weights / weights.sum())))
    return np.array(chosen)


def _swapped(columns: np.ndarray, medoids: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    from .kernels.medoids import swap_medoids

    swap_medoids(columns, medoids, generator.permutation(len(columns)), LEAST_GAIN)
    return medoids


def _assigned(distances: np.ndarray, medoids: np.ndarray) -> Medoids:
    labels = np.argmin(distances, axis=0)
    labels[medoids] = np.arange(medoids.size)
    return Medoids(medoids, labels, float(distances[labels, np.arange(labels.size)].sum()))
