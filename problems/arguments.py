"""Checks of the arguments of problems on grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ritz.arguments import is_integer
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators.stencils.boundary import BoundaryLike, Sides, parse_boundary

__all__ = ["cell_grid", "cell_values", "check_shape", "check_sides"]


def check_shape(shape: Any, dimensions: Sequence[int] = (1, 2, 3)) -> tuple[int, ...]:
    """Return `shape` as a tuple of positive integers whose length is one of `dimensions`."""
    sizes = [shape] if is_integer(shape) else shape
    wanted = " or ".join(map(str, dimensions))
    try:
        valid = not isinstance(sizes, str) and all(is_integer(n) and int(n) > 0 for n in sizes)
        valid = valid and len(sizes) in dimensions
    except TypeError:
        valid = False
    if not valid:
        raise InvalidProblem(f"shape is {shape!r}; it must hold {wanted} positive integers, the cells along each axis")
    return tuple(int(n) for n in sizes)


def check_sides(name: str, boundary: BoundaryLike, dimension: int) -> Sides:
    """Return the conditions on both sides of each axis; see `ritz.operators.stencils.boundary.parse_boundary`."""
    try:
        return parse_boundary(boundary, dimension)
    except TypeError:
        raise InvalidProblem(
            f"{name} is {boundary!r}; give 'dirichlet', 'neumann', 'periodic', 'mixed' or a mapping from sides"
        ) from None


def cell_grid(shape: tuple[int, ...], solid: np.ndarray | None = None) -> tuple[Grid, float]:
    """Return the grid of cell centres of a box of cubic cells with longest side 1, and the side of a cell."""
    h = 1.0 / max(shape)
    return Grid.uniform(shape, spacing=h, origin=h / 2, solid=solid), h


def cell_values(name: str, values: Any, shape: tuple[int, ...], ignore: np.ndarray | None = None) -> np.ndarray:
    """Return positive cell values as float64; cells in the mask `ignore` are not checked and become 1."""
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
