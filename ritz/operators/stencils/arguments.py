"""Checks of the arguments of stencils."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ritz.arguments import is_integer
from ritz.backend import to_numpy
from ritz.errors import InvalidProblem

__all__ = [
    "cell_values",
    "couplings",
    "entries",
    "finite",
    "floating",
    "grid_shape",
    "mask",
    "not_negative",
    "positive",
]

SMALLEST, LARGEST = 1e-100, 1e100  # keeps a coefficient over a squared spacing within range


def grid_shape(shape: Any) -> tuple[int, ...]:
    """Return the number of cells along each axis."""
    cells = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    if not 1 <= len(cells) <= 3 or not all(is_integer(n) and n > 0 for n in cells):
        raise InvalidProblem(f"shape is {shape!r}; it must be one to three positive numbers of cells")
    return tuple(int(n) for n in cells)


def floating(dtype: Any) -> np.dtype:
    """Return `dtype` as a NumPy dtype, which must be float32 or float64."""
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
    """Return one positive number per axis; a single number serves every axis."""
    found = numbers(name, values)
    if found.shape not in ((), (dimension,)):
        raise InvalidProblem(f"{name} has shape {found.shape}; it must be one number or {dimension}, one per axis")
    if not ((found >= SMALLEST) & (found <= LARGEST)).all():
        raise InvalidProblem(f"{name} is {values!r}; it must be positive, between {SMALLEST:.0e} and {LARGEST:.0e}")
    return tuple(np.broadcast_to(found, (dimension,)).tolist())


def cell_values(coefficient: Any, shape: tuple[int, ...], solid: np.ndarray | None) -> np.ndarray:
    """Return the positive coefficient of each cell; solid cells may hold anything."""
    values = numbers("coefficient", coefficient)
    if values.shape != shape:
        raise InvalidProblem(
            f"coefficient has shape {values.shape}; it must be a number, {len(shape)} numbers (one per axis), or cell"
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
    """Return one finite number as a float."""
    found = numbers(name, value)
    if found.ndim or not np.isfinite(found):
        raise InvalidProblem(f"{name} is {value!r}; it must be one finite number")
    return float(found)


def not_negative(name: str, values: Any) -> np.ndarray:
    """Return finite non-negative numbers as a float64 array."""
    found = numbers(name, values)
    bad = ~(np.isfinite(found) & (found >= 0))
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        place = f" at {where}" if where else ""
        raise InvalidProblem(f"{name} is {found[where]}{place}; it must be at least 0 and finite everywhere")
    return found


def couplings(values: Sequence[Any]) -> tuple[np.ndarray, ...]:
    """Return the couplings along each axis as float64 arrays of the grid's shape."""
    found = tuple(not_negative(f"couplings[{axis}]", along) for axis, along in enumerate(values))
    shapes = [along.shape for along in found]
    if not 1 <= len(found) <= 3 or shapes != [shapes[0]] * len(found) or len(shapes[0]) != len(found):
        raise InvalidProblem(
            f"couplings have the shapes {shapes}; there must be one array per axis, for one to three axes, each of the"
            " grid's shape (its last layer couples back to the first, 0 unless the axis is periodic)"
        )
    grid_shape(shapes[0])
    for axis, along in enumerate(found):
        if along.shape[axis] == 1 and along.any():
            raise InvalidProblem(f"couplings[{axis}] must be 0: a cell has no neighbour along an axis of one cell")
    return found


def entries(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return entries of an operator as a read-only array of its dtype."""
    with np.errstate(over="ignore"):
        converted = values.astype(dtype)
    if not np.isfinite(converted).all():
        raise InvalidProblem(
            f"coefficient over squared spacing reaches {np.abs(values).max():.1e}, beyond the range of {dtype}"
        )
    converted.flags.writeable = False
    return converted
