"""Matrices of gradients as rows: checks and inner products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array, numpy_dtype, to_numpy
from ritz.errors import InvalidProblem

__all__ = ["check_damping", "check_rows", "gram_matrix"]

CHUNK = 4096  # columns over which float32 products are accumulated in float32


def check_rows(rows: Any, name: str = "gradients") -> Array:
    """Return a matrix of gradients, detached, or raise `InvalidProblem` if its shape or dtype is wrong."""
    rows = rows.detach() if is_torch_array(rows) else np.asarray(rows)
    if rows.ndim != 2 or not rows.shape[0] or not rows.shape[1]:
        raise InvalidProblem(f"{name} have shape {tuple(rows.shape)}; it must be (m, d), one gradient per row")
    if str(numpy_dtype(rows)) not in ("float32", "float64"):
        raise InvalidProblem(f"{name} are {rows.dtype}; they must be float32 or float64")
    return rows


def check_damping(damping: Any) -> float:
    """Return `damping` as a float, or raise `InvalidProblem` if it is not positive and finite."""
    if not damping > 0.0 or not math.isfinite(damping):
        raise InvalidProblem(f"damping is {damping!r}; it must be positive and finite for the inverse to exist")
    return float(damping)


def gram_matrix(rows: Array) -> np.ndarray:
    """Return the inner products of all rows in float64, shape (m, m), in m² d / 2 multiplications.

    Products of float32 rows are accumulated in float32 within `CHUNK` columns and in float64 beyond.

    Raises
    ------
    InvalidProblem
        If an entry is not finite or an inner product overflows.
    """
    matrix = rows if is_torch_array(rows) and rows.device.type != "cpu" else to_numpy(rows)
    width = matrix.shape[1] if numpy_dtype(rows) == np.float64 else CHUNK
    total = np.zeros((matrix.shape[0],) * 2)
    with np.errstate(invalid="ignore", over="ignore"):  # checked below
        for first in range(0, matrix.shape[1], width):
            part = matrix[:, first : first + width]
            total += to_numpy(part @ part.T)
    if not np.isfinite(total).all():
        bad = np.flatnonzero(~np.isfinite(np.diagonal(total)))
        raise InvalidProblem(f"row {bad[0] if len(bad) else 0} of the gradients is NaN, infinite or overflows")
    return total
