"""Counts of the entries and operations of a sparse factorisation, by an elimination that follows the pattern alone."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["eliminate"]

VARIABLE, ELEMENT, GONE = 0, 1, 2


@njit(cache=True, nogil=True)
def _compact(store: np.ndarray, position: np.ndarray, length: np.ndarray, state: np.ndarray, need: int) -> tuple:
    """Return the lists that are still in use, one after the other, in a new array with room for `need` more."""
    total = 0
    for i in range(state.size):
        if state[i] != GONE:
            total += length[i]
    fresh = np.empty(total + max(need, total // 2 + 16), store.dtype)
    free = 0
    for i in range(state.size):
        if state[i] != GONE:
            for entry in range(length[i]):
                fresh[free + entry] = store[position[i] + entry]
            position[i] = free
            free += length[i]
    return fresh, free


@njit(cache=True, nogil=True)
def eliminate(
    start: np.ndarray, items: np.ndarray, row_start: np.ndarray, row_items: np.ndarray, effort: float
) -> tuple[float, float, int, float]:
    """Eliminate the unknowns of a pattern in an approximate order of minimum degree :cite:`Amestoy1996`.

    An eliminated unknown becomes an *element*, the set of the unknowns that it couples. Unknowns that nothing but the
    new element couples are eliminated with it. With rows as first elements, this is the pattern of the normal
    equations, which bounds that of LU factors with any row exchanges :cite:`GeorgeNg1985`.

    Parameters
    ----------
    start, items : ndarray of int32
        For each unknown, the unknowns that it is coupled with or, if there are rows, the rows it stands in.
    row_start, row_items : ndarray of int32
        For each row, the unknowns in it; empty for a symmetric pattern.
    effort : float
        Entries of lists to look at before stopping.

    Returns
    -------
    entries : float
        Entries of one triangular factor.
    operations : float
        Sum of the squares of their numbers by column, which is about half the multiplications of a Cholesky
        factorisation.
    front : int
        Largest number of entries in a column.
    done : float
        Share of the unknowns that were eliminated; less than one if stopped.
    """
    n, rows = start.size - 1, max(row_start.size - 1, 0)
    store = np.empty(3 * items.size // 2 + row_items.size + 3 * n + 16, np.int32)
    position, length = np.empty(n + rows, np.int64), np.zeros(n + rows, np.int64)
    state, size = np.zeros(n + rows, np.int8), np.zeros(n + rows, np.int64)
    outside, stamp = np.zeros(n + rows, np.int64), np.zeros(n + rows, np.int64)
    elements, degree, seen = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    head, after, before = np.full(n + 1, -1, np.int32), np.full(n, -1, np.int32), np.full(n, -1, np.int32)
    crowded = max(16.0, 10.0 * np.sqrt(n))
    dense, free = 0, 0
    for i in range(n):
        if start[i + 1] - start[i] > crowded:
            state[i] = GONE
            dense += 1
    for r in range(rows):
        position[n + r] = free
        state[n + r] = ELEMENT if row_start[r + 1] - row_start[r] <= crowded else GONE
        if state[n + r] == ELEMENT:
            for entry in range(row_start[r], row_start[r + 1]):
                if state[row_items[entry]] != GONE:
                    store[free] = row_items[entry]
                    free += 1
        length[n + r] = size[n + r] = free - position[n + r]
    for i in range(n):
        position[i] = free
        if state[i] == GONE:
            continue
        for entry in range(start[i], start[i + 1]):
            j = items[entry] + (n if rows else 0)
            if j != i and state[j] != GONE:
                store[free] = j
                free += 1
                degree[i] += max(size[j] - 1, 0) if rows else 1
        length[i] = free - position[i]
        if rows:
            elements[i] = length[i]
            degree[i] = min(degree[i], n - dense - 1)
            free += 1  # room for the first element that it joins, should all its rows be left
        after[i] = head[degree[i]]
        if head[degree[i]] >= 0:
            before[head[degree[i]]] = i
        head[degree[i]] = i
    entries = dense * (n - 0.5 * dense)
    operations = dense * float(dense) * (n - dense)
    front, least, gone, now = dense, 0, dense, 0
    steps = float(items.size)
    while gone < n and steps <= effort:
        while head[least] < 0:
            least += 1
        pivot = head[least]
        head[least] = after[pivot]
        if after[pivot] >= 0:
            before[after[pivot]] = -1
        if free + degree[pivot] + 1 > store.size:
            store, free = _compact(store, position, length, state, degree[pivot] + n + 16)
        now += 1
        seen[pivot] = now
        begin, old, count = free, position[pivot], length[pivot]
        for place in range(count):
            item = store[old + place]
            if place < elements[pivot]:
                if state[item] != ELEMENT:
                    continue
                steps += length[item]
                for inside in range(position[item], position[item] + length[item]):
                    j = store[inside]
                    if state[j] == VARIABLE and seen[j] != now:
                        seen[j] = now
                        store[free] = j
                        free += 1
                state[item] = GONE
            elif state[item] == VARIABLE and seen[item] != now:
                seen[item] = now
                store[free] = item
                free += 1
        state[pivot] = ELEMENT
        position[pivot], length[pivot] = begin, free - begin
        for place in range(begin, free):
            i = store[place]
            steps += length[i] + elements[i] + 2
            for inside in range(position[i], position[i] + elements[i]):
                e = store[inside]
                if state[e] == ELEMENT:
                    if stamp[e] != now:
                        stamp[e], outside[e] = now, size[e]
                    outside[e] -= 1
        together = 1
        rest = free - begin
        for place in range(begin, free):
            i = store[place]
            d = degree[i]
            if before[i] >= 0:
                after[before[i]] = after[i]
            else:
                head[d] = after[i]
            if after[i] >= 0:
                before[after[i]] = before[i]
            first = write = position[i]
            last, split = first + length[i], first + elements[i]
            beyond = 0
            for inside in range(first, split):
                e = store[inside]
                if state[e] == ELEMENT and e != pivot:
                    if outside[e] == 0:  # all that it couples is in the new element
                        state[e] = GONE
                    else:
                        beyond += outside[e]
                        store[write] = e
                        write += 1
            kept = write
            for inside in range(split, last):
                j = store[inside]
                if state[j] == VARIABLE and seen[j] != now:
                    beyond += 1
                    store[write] = j
                    write += 1
            if beyond == 0:
                state[i] = GONE
                together += 1
                continue
            # The new element goes to the front: one item at least has left the list.
            store[write] = store[kept]
            store[kept] = store[first]
            store[first] = pivot
            elements[i], length[i] = kept - first + 1, write - first + 1
            degree[i] = min(degree[i], beyond)
        write = begin
        for place in range(begin, free):
            if state[store[place]] == VARIABLE:
                store[write] = store[place]
                write += 1
        for k in range(together):
            height = float(rest + 1 - k + dense)
            entries += height
            operations += height * height
        front = max(front, rest + 1 + dense)
        gone += together
        free = write
        left = write - begin
        length[pivot] = size[pivot] = left
        if left == 0:
            state[pivot] = GONE
        for place in range(begin, free):
            i = store[place]
            d = min(degree[i] + left - 1, n - gone - 1)
            degree[i] = d
            before[i], after[i] = -1, head[d]
            if head[d] >= 0:
                before[head[d]] = i
            head[d] = i
            least = min(least, d)
    return entries, operations, front, gone / n
