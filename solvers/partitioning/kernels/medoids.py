"""Compiled swaps of medoids."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["swap_medoids"]


@njit(cache=True, nogil=True)
def swap_medoids(columns: np.ndarray, medoids: np.ndarray, order: np.ndarray, least_gain: float) -> None:
    """Swap medoids for candidates in place, trying one candidate at a time, until no swap reduces the loss.

    Parameters
    ----------
    columns : ndarray, shape (count, count)
        Row c holds the dissimilarities of all elements from candidate c.
    medoids : ndarray of int, shape (clusters,)
    order : ndarray of int, shape (count,)
        Order in which candidates are tried.
    least_gain : float
        Smallest reduction of the loss, relative to it, for which a swap is made.
    """
    clusters, count = medoids.size, order.size
    nearest = np.empty(count, dtype=np.int64)
    first, second = np.empty(count), np.empty(count)
    change = np.empty(clusters)
    loss = _two_nearest(columns, medoids, nearest, first, second)
    since, place = 0, 0  # candidates tried since the last swap
    while since < count:
        candidate = order[place]
        place = (place + 1) % count
        since += 1
        change[:] = 0.0
        gain = 0.0
        for element in range(count):
            distance = columns[candidate, element]
            if distance < first[element]:
                gain += distance - first[element]
            elif distance < second[element]:
                change[nearest[element]] += distance - first[element]
            else:
                change[nearest[element]] += second[element] - first[element]
        out = np.argmin(change)
        if change[out] + gain < -least_gain * loss:
            medoids[out] = candidate
            loss = _two_nearest(columns, medoids, nearest, first, second)
            since = 0


@njit(cache=True, nogil=True)
def _two_nearest(
    columns: np.ndarray, medoids: np.ndarray, nearest: np.ndarray, first: np.ndarray, second: np.ndarray
) -> float:
    """Write the nearest medoid of each element and its dissimilarities from the two nearest; return the loss."""
    loss = 0.0
    for element in range(nearest.size):
        best, least, next_least = 0, np.inf, np.inf
        for k in range(medoids.size):
            distance = columns[medoids[k], element]
            if distance < least:
                best, least, next_least = k, distance, least
            elif distance < next_least:
                next_least = distance
        nearest[element], first[element], second[element] = best, least, next_least
        loss += least
    return loss
