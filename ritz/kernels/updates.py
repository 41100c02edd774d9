"""Vector updates in a single pass, rounded as in NumPy."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["advance", "scale_and_add"]

compiled = njit(cache=True, nogil=True)  # without fused multiply-add, so results equal NumPy's


@compiled
def advance(first: int, last: int, x: np.ndarray, r: np.ndarray, step: float, p: np.ndarray, q: np.ndarray) -> None:
    """Add ``step * p`` to `x` and subtract ``step * q`` from `r`."""
    x, r, p, q = x[first:last], r[first:last], p[first:last], q[first:last]
    for i in range(x.size):
        x[i] += step * p[i]
        r[i] -= step * q[i]


@compiled
def scale_and_add(first: int, last: int, y: np.ndarray, scale: float, x: np.ndarray) -> None:
    """Replace `y` by ``scale * y + x``."""
    x, y = x[first:last], y[first:last]
    for i in range(x.size):
        y[i] = scale * y[i] + x[i]
