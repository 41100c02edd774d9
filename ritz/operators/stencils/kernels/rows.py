"""What the loops of stencil products share: rows of a grid taken many at a time.

Products are written plane by plane, on flat arrays. The coupling of a cell is the one to its next neighbour along an
axis; that of the last cell leads back to the first and is zero unless the axis is periodic. Reading around the end of
an axis, or past the end of a row into the next one, is therefore always allowed, and no kernel asks which boundary
condition holds. Loops run over many rows at once, because rows are too short to be vectorised well; the ends that
they get wrong are written again while they are in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["CHUNK", "around", "compiled", "inlined", "part", "where", "whole_or_inner"]

CHUNK = 4096  # numbers that a loop writes before the ends of their rows are written again

# Fused multiply-add is the one liberty taken with the order of rounding.
compiled = njit(cache=True, nogil=True, fastmath={"contract"})
inlined = njit(inline="always")


@inlined
def around(i: int, n: int) -> tuple[int, int]:
    """Return the places before and after place i of n that lie in a ring."""
    return (i - 1 if i > 0 else n - 1), (i + 1 if i < n - 1 else 0)


@inlined
def part(x: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return `count` entries from `start` on; loops over parts have no negative index, so they are vectorised."""
    return x[start : start + count]


@inlined
def whole_or_inner(at: int, count: int, whole: bool) -> tuple[int, int]:
    """Return a run of cells, or the run without its first and last, whose neighbours may lie outside the arrays."""
    return (at, count) if whole else (at + 1, count - 2)


@inlined
def where(condition: int, value: float) -> float:
    """Return `value` or zero."""
    return value if condition else type(value)(0)
