"""What a stencil is given, checked one argument at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem

__all__ = ["cell_values", "finite", "floating", "grid_shape", "mask", "positive"]


def grid_shape(shape: Any) -> tuple[int, ...]:
    """Return the cells along each axis."""
    cells = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    if not 1 <= len(cells) <= 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in cells):
        raise InvalidProblem(f"shape is {shape!r}; it must be one to three positive numbers of cells")
    return tuple(int(n) for n in cells)


def floating(dtype: Any) -> np.dtype:
    """Return float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.type not in (np.float32, np.float64):
        raise InvalidProblem(f"dtype is {dtype!r}; a stencil has float32 or float64 entries")
    return found


def numbers(name: str, values: Any) -> np.ndarray:
    """Return real numbers as a float64 array."""
    found = to_numpy(values)
    if found.dtype.kind not in "biuf":
        raise InvalidProblem(f"{name} has dtype {found.dtype}; it must be real numbers")
    return found.astype(np.float64)


def positive(name: str, values: Any, dimension: int) -> tuple[float, ...]:
    """Return one positive number for each axis."""
    found = numbers(name, values)
    if found.shape not in ((), (dimension,)):
        raise InvalidProblem(f"{name} has shape {found.shape}; it must be one number or {dimension}, one an axis")
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise InvalidProblem(f"{name} is {values!r}; it must be positive and finite")
    return tuple(np.broadcast_to(found, (dimension,)).tolist())


def cell_values(coefficient: Any, shape: tuple[int, ...], solid: np.ndarray | None) -> np.ndarray:
    """Return the positive coefficient of each cell; solid cells may hold anything."""
    values = numbers("coefficient", coefficient)
    if values.shape != shape:
        raise InvalidProblem(
            f"coefficient has shape {values.shape}; it must be a number, {len(shape)} numbers (one an axis), or cell"
            f" values of shape {shape}"
        )
    bad = ~(np.isfinite(values) & (values > 0))
    if solid is not None:
        bad &= ~solid
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InvalidProblem(
            f"coefficient is {values[where]} at cell {where} and not positive and finite in {int(bad.sum())} cells"
        )
    return values


def mask(solid: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return a copy of a mask of solid cells, or None if there are none."""
    if solid is None:
        return None
    found = to_numpy(solid)
    if found.shape != shape or found.dtype != bool:
        raise InvalidProblem(
            f"solid has shape {found.shape} and dtype {found.dtype}; it must be a boolean array of shape {shape}"
        )
    if found.all():
        raise InvalidProblem("solid is True in every cell: there is nothing left to solve for")
    return found.copy() if found.any() else None


def finite(name: str, value: Any) -> float:
    """Return one finite number."""
    found = numbers(name, value)
    if found.ndim or not np.isfinite(found):
        raise InvalidProblem(f"{name} is {value!r}; it must be one finite number")
    return float(found)
