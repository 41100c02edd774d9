"""Shared parts of the loops for stencil products, which work on many rows of a grid at once.

Products are computed plane by plane, on flat arrays. The coupling of a cell is the one to the next cell along an axis;
that of the last cell leads back to the first and is zero unless the axis is periodic. It is therefore always safe to
read around the end of an axis, or past the end of a row into the next, and kernels need not know the boundary
conditions. Loops run over many rows at once, because single rows are too short to be vectorised well; the ends of
rows, which come out wrong, are overwritten while they are still in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["CHUNK", "around", "compiled", "inlined", "part", "where", "whole_or_inner"]

CHUNK = 4096  # entries that a loop writes before it overwrites the ends of their rows

# Fused multiply-add is the only departure from strict rounding.
compiled = njit(cache=True, nogil=True, fastmath={"contract"})
inlined = njit(inline="always")


@inlined
def around(i: int, n: int) -> tuple[int, int]:
    """Return the positions before and after position i in a ring of n."""
    return (i - 1 if i > 0 else n - 1), (i + 1 if i < n - 1 else 0)


@inlined
def part(x: np.ndarray, start: int, count: int) -> np.ndarray:
    """Return `count` entries from `start` on; loops over such parts need no negative indices and so are vectorised."""
    return x[start : start + count]


@inlined
def whole_or_inner(at: int, count: int, whole: bool) -> tuple[int, int]:
    """Return the start and length of a run of cells, without its two end cells unless `whole` is true.

    The neighbours of end cells may lie outside the arrays.
    """
    return (at, count) if whole else (at + 1, count - 2)


@inlined
def where(condition: int, value: float) -> float:
    """Return `value` if `condition` is nonzero, else zero."""
    return value if condition else type(value)(0)
