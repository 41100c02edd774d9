"""Rows of gradients: what is asked of them, and their inner products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array, numpy_dtype, to_numpy
from ritz.errors import InvalidProblem

__all__ = ["check_damping", "check_rows", "gram_matrix"]

SLAB = 4096  # columns over which float32 products are added up in float32


def check_rows(rows: Any, name: str = "gradients") -> Array:
    """Return a matrix of gradients as it is, or say what is wrong with it."""
    rows = rows.detach() if is_torch_array(rows) else np.asarray(rows)
    if rows.ndim != 2 or not rows.shape[0] or not rows.shape[1]:
        raise InvalidProblem(f"{name} have shape {tuple(rows.shape)}; they must be (m, d), one gradient a row")
    if str(numpy_dtype(rows)) not in ("float32", "float64"):
        raise InvalidProblem(f"{name} are {rows.dtype}; they must be float32 or float64")
    return rows


def check_damping(damping: Any) -> float:
    """Return a positive finite number, or say that the damping must be one."""
    if not damping > 0.0 or not math.isfinite(damping):
        raise InvalidProblem(f"damping is {damping!r}; it must be positive, so that there is an inverse")
    return float(damping)


def gram_matrix(rows: Array) -> np.ndarray:
    """Return the inner products of all rows in float64, shape (m, m), in half of m² d multiplications.

    Those of float32 rows are rounded as such within `SLAB` columns, and added up in float64.

    Raises
    ------
    InvalidProblem
        If a row is not finite.
    """
    matrix = rows if is_torch_array(rows) and rows.device.type != "cpu" else to_numpy(rows)
    width = matrix.shape[1] if numpy_dtype(rows) == np.float64 else SLAB
    total = np.zeros((matrix.shape[0],) * 2)
    with np.errstate(invalid="ignore", over="ignore"):  # which is looked for below
        for first in range(0, matrix.shape[1], width):
            part = matrix[:, first : first + width]
            total += to_numpy(part @ part.T)
    if not np.isfinite(total).all():
        bad = np.flatnonzero(~np.isfinite(np.diagonal(total)))
        raise InvalidProblem(f"row {bad[0] if len(bad) else 0} of the gradients is NaN, infinite or overflows")
    return total
