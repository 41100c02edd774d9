"""Coarse matrices of aggregates."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["coarse_rows", "coarse_sizes", "group_members", "restrict_smooth_vector", "row_aggregates"]


@njit(cache=True, nogil=True)
def restrict_smooth_vector(
    aggregate: np.ndarray, smooth: np.ndarray, prolongation: np.ndarray, coarse: np.ndarray
) -> None:
    """Write the norms of a vector on each aggregate to `coarse`, and the vector divided by them to `prolongation`."""
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
    """Sort the unknowns by aggregate, counting."""
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
def row_aggregates(
    start: np.ndarray, columns: np.ndarray, aggregate: np.ndarray, count: int, sizes: np.ndarray
) -> None:
    """Write the number of aggregates that each row is coupled to."""
    seen = np.full(count, -1, dtype=np.int32)
    for i in range(sizes.size):
        size = 0
        for entry in range(start[i], start[i + 1]):
            d = aggregate[columns[entry]]
            if d >= 0 and seen[d] != i:
                seen[d] = i
                size += 1
        sizes[i] = size
