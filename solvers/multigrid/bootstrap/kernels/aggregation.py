"""Strong couplings, prolongations and coarse matrices of aggregates."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "coarse_rows",
    "coarse_sizes",
    "count_strong",
    "group_members",
    "join_strongest",
    "largest_couplings",
    "restrict_smooth_vector",
    "strong_rows",
]


@njit(cache=True, nogil=True)
def restrict_smooth_vector(
    aggregate: np.ndarray, smooth: np.ndarray, prolongation: np.ndarray, coarse: np.ndarray
) -> None:
    """Write the norm of a vector on each aggregate to `coarse`, and the normalised vector to `prolongation`."""
    coarse[:] = 0.0
    for i in range(aggregate.size):
        if aggregate[i] >= 0:
            coarse[aggregate[i]] += smooth[i] ** 2
    for c in range(coarse.size):
        coarse[c] = np.sqrt(coarse[c])
    for i in range(aggregate.size):
        prolongation[i] = smooth[i] / coarse[aggregate[i]] if aggregate[i] >= 0 else 0.0


@njit(cache=True, nogil=True)
def group_members(aggregate: np.ndarray, group_start: np.ndarray, members: np.ndarray) -> None:
    """Sort the unknowns by aggregate, by counting."""
    count = group_start.size - 1
    group_start[:] = 0
    for c in aggregate:
        if c >= 0:
            group_start[c + 1] += 1
    for c in range(count):
        group_start[c + 1] += group_start[c]
    place = group_start[:count].copy()
    for i in range(aggregate.size):
        c = aggregate[i]
        if c >= 0:
            members[place[c]] = i
            place[c] += 1


@njit(cache=True, nogil=True)
def join_strongest(
    start: np.ndarray, columns: np.ndarray, values: np.ndarray, smooth: np.ndarray, aggregate: np.ndarray
) -> None:
    """Let each unknown without an aggregate follow its strongest couplings until it finds an aggregate to join.

    Couplings grow along the way. Unknowns that end at a pair without an aggregate, or at an unknown without negative
    couplings, stay without one.
    """
    for first in range(aggregate.size):
        i, before = first, -1
        while aggregate[i] < 0:
            best, largest = -1, 0.0
            for entry in range(start[i], start[i + 1]):
                j = columns[entry]
                size = -values[entry] * (smooth[i] * smooth[j])
                if j != i and size > largest:
                    best, largest = j, size
            if best < 0 or best == before:
                break
            before, i = i, best
        aggregate[first] = aggregate[i]


@njit(cache=True, nogil=True)
def coarse_sizes(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    aggregate: np.ndarray,
    group_start: np.ndarray,
    members: np.ndarray,
    sizes: np.ndarray,
) -> None:
    """Write the number of entries in each coarse row."""
    seen = np.full(group_start.size - 1, -1, dtype=np.int32)
    for c in range(first, last):
        size = 0
        for member in range(group_start[c], group_start[c + 1]):
            i = members[member]
            for entry in range(start[i], start[i + 1]):
                d = aggregate[columns[entry]]
                if d >= 0 and seen[d] != c:
                    seen[d] = c
                    size += 1
        sizes[c] = size


@njit(cache=True, nogil=True)
def coarse_rows(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    aggregate: np.ndarray,
    prolongation: np.ndarray,
    group_start: np.ndarray,
    members: np.ndarray,
    coarse_start: np.ndarray,
    coarse_columns: np.ndarray,
    coarse_values: np.ndarray,
) -> None:
    """Write the rows of ``P^T A P``; columns are not sorted."""
    place = np.full(group_start.size - 1, -1, dtype=np.int64)
    for c in range(first, last):
        end = coarse_start[c]
        for member in range(group_start[c], group_start[c + 1]):
            i = members[member]
            for entry in range(start[i], start[i + 1]):
                j = columns[entry]
                d = aggregate[j]
                if d < 0:
                    continue
                value = prolongation[i] * values[entry] * prolongation[j]
                if place[d] < coarse_start[c]:
                    place[d] = end
                    coarse_columns[end] = d
                    coarse_values[end] = value
                    end += 1
                else:
                    coarse_values[place[d]] += value


@njit(cache=True, nogil=True)
def largest_couplings(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    smooth: np.ndarray,
    largest: np.ndarray,
) -> None:
    """Write the largest off-diagonal ``|a_ij w_i w_j|`` of each row, where w is the smooth vector."""
    for i in range(first, last):
        value = 0.0
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            if j != i:
                value = max(value, abs(values[entry] * smooth[i] * smooth[j]))
        largest[i] = value


@njit(cache=True, nogil=True)
def count_strong(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    bound: np.ndarray,
    both: bool,
    smooth: np.ndarray,
    sizes: np.ndarray,
) -> None:
    """Write the number of strong entries of each row: the diagonal and those that reach the bounds of row or column.

    If `both`, they must reach the bounds of row and column.
    """
    for i in range(first, last):
        size = 1
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            least = max(bound[i], bound[j]) if both else min(bound[i], bound[j])
            if j != i and abs(values[entry] * smooth[i] * smooth[j]) >= least:
                size += 1
        sizes[i] = size


@njit(cache=True, nogil=True)
def strong_rows(
    first: int,
    last: int,
    start: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    bound: np.ndarray,
    both: bool,
    smooth: np.ndarray,
    strong_start: np.ndarray,
    strong_columns: np.ndarray,
    strong_values: np.ndarray,
) -> None:
    """Write the strong entries, and lump the others onto the diagonal such that the product with `smooth` is unchanged.

    The diagonal is the first entry of its row.
    """
    for i in range(first, last):
        place = strong_start[i]
        diagonal = values.dtype.type(0)
        end = place + 1
        for entry in range(start[i], start[i + 1]):
            j = columns[entry]
            least = max(bound[i], bound[j]) if both else min(bound[i], bound[j])
            if j == i:
                diagonal += values[entry]
            elif abs(values[entry] * smooth[i] * smooth[j]) >= least:
                strong_columns[end] = j
                strong_values[end] = values[entry]
                end += 1
            elif smooth[i] != 0.0:
                diagonal += values[entry] * (smooth[j] / smooth[i])
        strong_columns[place] = i
        strong_values[place] = diagonal
