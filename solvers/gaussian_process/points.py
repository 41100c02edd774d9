"""Checks of points and derivatives at which a posterior is evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.pde.pde import PDE, MultiIndex

__all__ = ["check_points", "like_points", "multi_index"]


def check_points(name: str, points: Any, pde: PDE) -> np.ndarray:
    """Return `points` as an array of shape (P, d).

    Raises
    ------
    InvalidProblem
        If there are no points, or they have a wrong shape, NaN or points outside the box.
    """
    try:
        array = np.asarray(to_numpy(points), dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidProblem(f"{name} cannot be read as an array of numbers") from None
    dimension = pde.dimension
    if array.ndim == 1 and dimension == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] != dimension:
        plain = " or (P,)" if dimension == 1 else ""
        raise InvalidProblem(f"{name} has shape {array.shape}; it must be (P, {dimension}){plain}")
    if len(array) == 0:
        raise InvalidProblem(f"{name} is empty: give at least one point")
    if not np.isfinite(array).all():
        raise InvalidProblem(f"{name} has entries that are NaN or infinite")
    lower, upper = np.array(pde.domain).T
    slack = 1e-12 * (upper - lower)
    outside = ((array < lower - slack) | (array > upper + slack)).any(axis=1)
    if outside.any():
        place = tuple(array[outside][0].tolist())
        raise InvalidProblem(f"{name} holds {int(outside.sum())} points outside the box {pde.domain}, as {place}")
    return array


def multi_index(derivative: int | MultiIndex | None, dimension: int) -> MultiIndex:
    """Return the order of a derivative along each axis, from an integer, a multi-index or None.

    Raises
    ------
    InvalidProblem
        If the number of orders is wrong, or an order is negative.
    """
    index = (0,) * dimension if derivative is None else derivative
    index = (index,) if isinstance(index, int) else tuple(index)
    if len(index) != dimension or any(order < 0 for order in index):
        raise InvalidProblem(f"derivative is {derivative!r}; give {dimension} orders >= 0, along {AXES[:dimension]}")
    return index


def like_points(values: np.ndarray, points: Any) -> Array:
    """Return `values` as a torch tensor if `points` is one."""
    return asarray_like(values, points) if is_torch_array(points) else values
