"""Weighted matching of the unknowns of a sparse matrix, and aggregation of the matched unknowns."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["accept", "aggregate_matched", "compatible_weights", "finish_proposals", "propose"]

STRONG = 0.25  # share of the largest weight of its row at or above which a coupling is matched along


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
def _best_offer(
    i: int, start: np.ndarray, columns: np.ndarray, weights: np.ndarray, suitor: np.ndarray, held: np.ndarray
) -> tuple[int, np.floating]:
    """Return the unknown to which unknown `i` proposes, or -1, and the weight of the proposal."""
    none = weights.dtype.type(0)
    largest = none
    for entry in range(start[i], start[i + 1]):
        largest = max(largest, weights[entry])
    least = STRONG * largest
    best, weight = -1, none
    for entry in range(start[i], start[i + 1]):
        value, j = weights[entry], columns[entry]
        if value <= 0 or value < least or value < weight or (value == weight and j > best):
            continue
        if value > held[j] or (value == held[j] and i < suitor[j]):
            best, weight = j, value
    return best, weight


@njit(cache=True, nogil=True)
def propose(
    first: int,
    last: int,
    active: np.ndarray,
    start: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    suitor: np.ndarray,
    held: np.ndarray,
    target: np.ndarray,
    offer: np.ndarray,
) -> None:
    """Write the target and the weight of the proposal of each of the `active` unknowns to `target` and `offer`."""
    for k in range(first, last):
        target[k], offer[k] = _best_offer(active[k], start, columns, weights, suitor, held)


@njit(cache=True, nogil=True)
def accept(
    active: np.ndarray, target: np.ndarray, offer: np.ndarray, suitor: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Let each target keep its best proposal; return the unknowns that were refused or displaced."""
    left, count = np.empty_like(active), 0
    for k in range(active.size):
        i, j = active[k], target[k]
        if j < 0:
            continue
        if offer[k] > held[j] or (offer[k] == held[j] and i < suitor[j]):
            i, suitor[j], held[j] = suitor[j], i, offer[k]
        if i >= 0:
            left[count] = i
            count += 1
    return left[:count]


@njit(cache=True, nogil=True)
def finish_proposals(
    active: np.ndarray,
    start: np.ndarray,
    columns: np.ndarray,
    weights: np.ndarray,
    suitor: np.ndarray,
    held: np.ndarray,
    partner: np.ndarray,
) -> None:
    """Let the `active` unknowns propose, and displaced unknowns again; write the partners of mutual proposals."""
    for k in range(active.size):
        current = active[k]
        while current >= 0:
            best, weight = _best_offer(current, start, columns, weights, suitor, held)
            displaced = -1
            if best >= 0:
                displaced = suitor[best]
                suitor[best], held[best] = current, weight
            current = displaced
    for i in range(partner.size):
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
    """Assign aggregates, which are pairs and unmatched unknowns, numbered by first member, and return their count.

    Parameters
    ----------
    first : bool
        Whether unknowns without couplings of positive weight get -1, because relaxation is exact for them.
    last : bool
        Whether an unmatched unknown joins the aggregate of its strongest coupling.
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
            continue  # joins an aggregate that has a number or will get one
        aggregate[i] = aggregate[j] = count
        count += 1
    for i in range(n):
        if aggregate[i] < 0 and choice[i] >= 0:
            aggregate[i] = aggregate[choice[i]]
    return count
