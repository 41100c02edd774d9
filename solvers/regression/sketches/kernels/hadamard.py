"""Selected rows of the Walsh-Hadamard transform of the columns of a matrix.

A transform of length N = N1 N2 consists of transforms of length N2 within each run of N2 rows, followed by transforms
of length N1 across the runs. Both fit in the cache, and of the second only those that contribute to a selected row are
formed. The matrix is read once, one panel of columns at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["PANEL", "hadamard_rows"]

PANEL = 16  # columns transformed together, two cache lines of a row

compiled = njit(cache=True)


@njit(inline="always")
def _butterflies(values: np.ndarray, width: int) -> None:
    """Transform ``values.reshape(-1, width)`` along its first axis in place, two levels at a time."""
    run, total = width, values.size
    while 4 * run <= total:
        for start in range(0, total, 4 * run):
            first, second = values[start : start + run], values[start + run : start + 2 * run]
            third, fourth = values[start + 2 * run : start + 3 * run], values[start + 3 * run : start + 4 * run]
            for i in range(run):
                a, b, c, d = first[i], second[i], third[i], fourth[i]
                first[i] = (a + b) + (c + d)
                second[i] = (a - b) + (c - d)
                third[i] = (a + b) - (c + d)
                fourth[i] = (a - b) - (c - d)
        run *= 4
    if run < total:
        first, second = values[:run], values[run:]
        for i in range(run):
            a, b = first[i], second[i]
            first[i] = a + b
            second[i] = a - b


@compiled
def hadamard_rows(
    out: np.ndarray, x: np.ndarray, signs: np.ndarray, run: int, starts: np.ndarray, blocks: np.ndarray, to: np.ndarray
) -> None:
    """Write selected rows of the unnormalised transform of ``signs * x``, padded with zeros, to `out`.

    Parameters
    ----------
    out : ndarray, shape (s, k)
    x : ndarray, shape (m, k)
    signs : ndarray, shape (m,)
    run : int
        Length N2 of a run, a power of two.
    starts, blocks, to : ndarray of int
        Selected rows, ordered by their remainder j modulo N2: row ``blocks[e] * N2 + j`` is written to ``out[to[e]]``
        for e from ``starts[j]`` up to ``starts[j + 1]``. ``starts[-1]`` holds the number of runs.
    """
    rows, columns = x.shape
    runs = starts[-1]
    held = np.empty(runs * run * PANEL, x.dtype)
    across = np.empty(runs * PANEL, x.dtype)
    for left in range(0, columns, PANEL):
        width = min(PANEL, columns - left)
        for block in range(runs):
            first = block * run
            part = held[first * width : (first + run) * width]
            filled = max(0, min(run, rows - first))
            for i in range(filled):
                sign = signs[first + i]
                for c in range(width):
                    part[i * width + c] = sign * x[first + i, left + c]
            part[filled * width :] = 0.0
            if filled > 0:
                _butterflies(part, width)
        for j in range(run):
            if starts[j] == starts[j + 1]:
                continue
            for block in range(runs):
                source = (block * run + j) * width
                for c in range(width):
                    across[block * width + c] = held[source + c]
            _butterflies(across[: runs * width], width)
            for e in range(starts[j], starts[j + 1]):
                source = blocks[e] * width
                for c in range(width):
                    out[to[e], left + c] = across[source + c]
