"""K-means for rows made of several blocks of coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_seed
from ritz.backend import without_warnings
from ritz.solution import Status

__all__ = ["KMeansResult", "block_kmeans"]

SAMPLE = 20_000  # most rows on which starts are tried
CHUNK = 1 << 16  # rows processed at a time


@dataclass(frozen=True, eq=False)
class KMeansResult:
    """Result of K-means.

    Parameters
    ----------
    labels : ndarray, shape (n,)
    history : ndarray, shape (sweeps + 1,)
        Share of rows that are closer to another centre than to their own; the last entry belongs to `labels`.
    status : Status
    """

    labels: np.ndarray
    history: np.ndarray
    status: Status


def block_kmeans(
    points: np.ndarray,
    clusters: int,
    *,
    tolerance: float = 0.0,
    maxiter: int = 300,
    starts: int = 10,
    labels: np.ndarray | None = None,
    callback: Callable[[int, np.ndarray, float], Any] | None = None,
    seed: int = 0,
) -> KMeansResult:
    """Return clusters such that each row is closest to the centre of its own cluster.

    The published distance of two rows is the length of the vector of Euclidean distances over the blocks, one per
    dimension of the embedding :cite:`DAmbraVassilevskiCutillo2023`. It equals the Euclidean distance of the rows with
    all blocks side by side, and each centre is the mean, block by block.

    Initial centres are chosen by k-means++ :cite:`ArthurVassilvitskii2007` on a sample of the rows. The best start is
    continued on all rows by Lloyd's sweeps :cite:`Lloyd1982`, each O(n clusters dimensions).

    Parameters
    ----------
    points : ndarray, shape (n, blocks * dimensions)
    clusters : int
        At most n.
    tolerance : float
        Accepted share of rows that are closer to another centre.
    maxiter : int
        Largest number of sweeps.
    starts : int
        Number of random starts.
    labels : ndarray, shape (n,), optional
        Initial clusters, instead of random starts.
    callback : callable, optional
        ``callback(sweep, labels, share) -> stop?``.
    seed : int

    Examples
    --------
    >>> block_kmeans(np.array([[0.0], [0.1], [5.0], [5.1]]), 2).labels.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    seed = check_seed(seed)
    if labels is None:
        labels = _nearest(points, _starting_centres(points, clusters, starts, seed))[0]
    history: list[float] = []
    while True:
        centres = _centres(points, labels, clusters)
        following, distances = _nearest(points, centres)
        _fill_empty(following, distances, clusters)
        history.append(float(np.mean(following != labels)))
        sweep = len(history) - 1
        if callback is not None and callback(sweep, labels, history[-1]):
            return KMeansResult(labels, np.array(history), Status.INTERRUPTED)
        if history[-1] <= tolerance:
            return KMeansResult(labels, np.array(history), Status.CONVERGED)
        if sweep >= maxiter:
            return KMeansResult(labels, np.array(history), Status.MAX_ITERATIONS)
        labels = following


def _starting_centres(points: np.ndarray, clusters: int, starts: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    generator = np.random.default_rng(seed)
    sample = points
    if points.shape[0] > SAMPLE:
        sample = points[np.sort(generator.choice(points.shape[0], SAMPLE, replace=False))]
    with without_warnings():  # about fewer distinct rows than clusters: some stay empty
        make: Any = KMeans
        model = make(clusters, n_init=starts, random_state=seed % 2**32).fit(sample)
    return np.asarray(model.cluster_centers_, dtype=points.dtype)


def _nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of each row and its squared distance."""
    n = points.shape[0]
    labels, distances = np.empty(n, dtype=np.int64), np.empty(n)
    squares = np.einsum("ij,ij->i", centres, centres)
    for first in range(0, n, CHUNK):
        part = points[first : first + CHUNK]
        relative = squares - 2.0 * (part @ centres.T)
        nearest = np.argmin(relative, axis=1)
        labels[first : first + CHUNK] = nearest
        distances[first : first + CHUNK] = relative[np.arange(nearest.size), nearest] + np.einsum(
            "ij,ij->i", part, part
        )
    return labels, distances


def _centres(points: np.ndarray, labels: np.ndarray, clusters: int) -> np.ndarray:
    counts = np.maximum(np.bincount(labels, minlength=clusters), 1)
    sums = [np.bincount(labels, weights=column, minlength=clusters) for column in points.T]
    return (np.stack(sums, axis=1) / counts[:, None]).astype(points.dtype)


def _fill_empty(labels: np.ndarray, distances: np.ndarray, clusters: int) -> None:
    """Move the rows farthest from their centres into empty clusters, unless all rows coincide with their centres."""
    empty = np.flatnonzero(np.bincount(labels, minlength=clusters) == 0)
    for cluster in empty:
        farthest = int(np.argmax(distances))
        if distances[farthest] <= 1e-12 or np.count_nonzero(labels == labels[farthest]) == 1:
            return
        labels[farthest], distances[farthest] = cluster, 0.0
