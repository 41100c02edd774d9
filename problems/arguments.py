"""Checks of the arguments that problems share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem, UnknownName
from ritz.grid import Grid
from ritz.operators.stencils.boundary import BoundaryLike, Sides, parse_boundary

__all__ = ["cell_grid", "cell_values", "check_choice", "check_integer", "check_number", "check_shape", "check_sides"]


def check_shape(shape: Any, dimensions: Sequence[int] = (1, 2, 3)) -> tuple[int, ...]:
    """Return `shape` as a tuple of positive ints, its length being one of `dimensions`."""
    sizes = [shape] if isinstance(shape, Integral) else shape
    wanted = " or ".join(map(str, dimensions))
    try:
        valid = not isinstance(sizes, str) and all(_is_integer(n) and int(n) > 0 for n in sizes)
        valid = valid and len(sizes) in dimensions
    except TypeError:
        valid = False
    if not valid:
        raise InvalidProblem(f"shape is {shape!r}; it must hold {wanted} positive integers, the cells along each axis")
    return tuple(int(n) for n in sizes)


def check_integer(name: str, value: Any, minimum: int = 0) -> int:
    """Return `value` as an int of at least `minimum`."""
    if not _is_integer(value) or value < minimum:
        raise InvalidProblem(f"{name} is {value!r}; it must be an integer of at least {minimum}")
    return int(value)


def check_number(name: str, value: Any, above: float = -np.inf, below: float = np.inf) -> float:
    """Return `value` as a finite float strictly between `above` and `below`."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)) or not np.isfinite(float(value)):
        raise InvalidProblem(f"{name} is {value!r}; it must be a finite number")
    if not above < float(value) < below:
        bounds = [f"greater than {above:g}"] * (above > -np.inf) + [f"less than {below:g}"] * (below < np.inf)
        raise InvalidProblem(f"{name} is {value!r}; it must be {' and '.join(bounds)}")
    return float(value)


def check_choice(name: str, value: Any, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`; otherwise raise `UnknownName` with close matches."""
    known = list(known)
    if value not in known:
        raise UnknownName(name, value, known)
    return value


def check_sides(name: str, boundary: BoundaryLike, dimension: int) -> Sides:
    """Return the condition of both sides of every axis, see `ritz.operators.stencils.boundary.parse_boundary`."""
    try:
        return parse_boundary(boundary, dimension)
    except TypeError:
        raise InvalidProblem(
            f"{name} is {boundary!r}; give 'dirichlet', 'neumann', 'periodic', 'mixed' or a mapping from sides"
        ) from None


def cell_grid(shape: tuple[int, ...], solid: np.ndarray | None = None) -> tuple[Grid, float]:
    """Return the grid of the centres of cubic cells that fill a box with longest side 1, and the cells' side."""
    h = 1.0 / max(shape)
    return Grid.uniform(shape, spacing=h, origin=h / 2, solid=solid), h


def cell_values(name: str, values: Any, shape: tuple[int, ...], ignore: np.ndarray | None = None) -> np.ndarray:
    """Return positive cell values of the grid's shape as float64; those where `ignore` holds are not looked at."""
    try:
        cells = np.asarray(values)
        cells = cells if cells.dtype.kind == "c" else cells.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidProblem(f"{name} cannot be read as an array of numbers") from None
    if cells.shape != shape:
        raise InvalidProblem(f"{name} has shape {cells.shape}; the grid has {shape}")
    if cells.dtype.kind == "c":
        raise InvalidProblem(f"{name} is complex; it must hold positive real numbers")
    looked_at = cells if ignore is None else cells[~ignore]
    wrong = np.count_nonzero(~((looked_at > 0) & np.isfinite(looked_at)))
    if wrong:
        raise InvalidProblem(f"{name} has {wrong} cells that are not positive finite numbers")
    return cells if ignore is None else np.where(ignore, 1.0, cells)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
