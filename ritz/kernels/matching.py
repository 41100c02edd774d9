"""Weighted matching of the unknowns of a sparse matrix, and the aggregates it makes."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["aggregate_matched", "compatible_weights", "dominant_matching"]

STRONG = 0.25  # share of the largest weight of its row from which on a coupling is matched


@njit(cache=True, nogil=True)
def compatible_weights(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    energy: np.ndarray,
    smooth: np.ndarray,
    weights: np.ndarray,
) -> None:
    """Write ``-2 a_ij w_i w_j / (a_ii w_i^2 + a_jj w_j^2)`` for each entry, zero on the diagonal.

    Parameters
    ----------
    energy : ndarray, shape (n,)
        ``a_ii w_i^2``.
    """
    for i in range(first, last):
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            total = energy[i] + energy[j]
            if j == i or not total > 0.0:
                weights[entry] = 0.0
            else:
                weights[entry] = -2.0 * values[entry] * (smooth[i] * smooth[j]) / total


@njit(cache=True, nogil=True)
def dominant_matching(start: np.ndarray, columns: np.ndarray, weights: np.ndarray, partner: np.ndarray) -> None:
    """Write the partner of each unknown, -1 for those left over, by the Suitor algorithm.

    Each unknown proposes to the neighbour of largest weight that holds no better proposal; who is displaced proposes
    anew. Among equal weights the smaller number goes first, which makes the matching unique: that of picking edges
    from the heaviest on. Couplings without weight, or weak in the row of the unknown, are not proposed along.
    """
    n = partner.size
    suitor = np.full(n, -1, dtype=np.int32)
    held = np.zeros(n, dtype=weights.dtype)
    for i in range(n):
        current = i
        while current >= 0:
            largest = weights.dtype.type(0)
            for entry in range(start[current], start[current + 1]):
                largest = max(largest, weights[entry])
            least = STRONG * largest
            best, weight = -1, weights.dtype.type(0)
            for entry in range(start[current], start[current + 1]):
                value, j = weights[entry], columns[entry]
                if value <= 0 or value < least or value < weight or (value == weight and j > best):
                    continue
                if value > held[j] or (value == held[j] and current < suitor[j]):
                    best, weight = j, value
            displaced = -1
            if best >= 0:
                displaced = suitor[best]
                suitor[best], held[best] = current, weight
            current = displaced
    for i in range(n):
        j = suitor[i]
        partner[i] = j if j >= 0 and suitor[j] == i else -1


@njit(cache=True, nogil=True)
def aggregate_matched(
    start: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    partner: np.ndarray,
    first: bool,
    last: bool,
    aggregate: np.ndarray,
) -> int:
    """Return how many aggregates there are, numbered by their first members: pairs, and what is left over.

    Parameters
    ----------
    first : bool
        Whether an unknown without a coupling of positive weight gets -1: relaxation is exact for it.
    last : bool
        Whether an unknown left over joins the aggregate it is coupled to the strongest.
    """
    n, count = partner.size, 0
    choice = partner.copy()
    for i in range(n):
        aggregate[i] = -1
        if partner[i] >= 0:
            continue
        best, weight = i, weights.dtype.type(0)
        for entry in range(start[i], start[i + 1]):
            if weights[entry] > weight:
                best, weight = columns[entry], weights[entry]
        choice[i] = best if last else i
        if best == i and first:
            choice[i] = -1
    for i in range(n):
        j = choice[i]
        if j < 0 or aggregate[i] >= 0:
            continue
        if partner[i] < 0 and j != i and (partner[j] >= 0 or aggregate[j] >= 0):
            continue  # joins what has a number, or will get one
        aggregate[i] = aggregate[j] = count
        count += 1
    for i in range(n):
        if aggregate[i] < 0 and choice[i] >= 0:
            aggregate[i] = aggregate[choice[i]]
    return count
