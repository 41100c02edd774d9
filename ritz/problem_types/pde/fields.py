"""Coefficients and data of a PDE, given as numbers or as functions of the coordinates."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_plain

__all__ = ["Field", "at_time", "check_field", "evaluate", "takes_time"]

Field: TypeAlias = float | Callable[..., Any]
"""A number, or a function ``f(x, y, ...)`` of one NumPy array per axis that returns an array of their shape. It may
change them and return an array that it owns: both are copied."""


def check_field(name: str, field: Any, dimension: int) -> Any:
    """Return `field`, as a float if it is a number.

    Raises
    ------
    InvalidProblem
        If `field` is neither a finite number nor a function.
    """
    if callable(field):
        return field
    if not isinstance(field, Real) or isinstance(field, bool) or not np.isfinite(float(field)):
        arguments = ", ".join("xyz"[:dimension])
        raise InvalidProblem(
            f"{name} is {field!r}; give a finite number, or a function of the coordinates (lambda {arguments}: ...)"
        )
    return float(field)


def evaluate(name: str, field: Field, coordinates: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values of a field at points, in float64 and in the shape of the coordinates.

    Raises
    ------
    InvalidProblem
        If the function does not take one array per axis, or returns another shape, complex numbers, NaN or infinity.

    Examples
    --------
    >>> evaluate("source", lambda x, y: x * y, (np.array([1.0, 2.0]), np.array([3.0, 4.0]))).tolist()
    [3.0, 8.0]
    """
    shape = coordinates[0].shape
    if not callable(field):
        return np.full(shape, float(field))
    try:
        given = field(*(coordinate.copy() for coordinate in coordinates))
    except TypeError as error:
        raise InvalidProblem(f"{name} cannot be called with {len(coordinates)} arrays: {error}") from error
    except Exception as error:
        error.add_note(f"Raised by {name}.")
        raise
    values = as_plain(given, f"what {name} returns")
    if values.dtype.kind not in "biuf":
        raise InvalidProblem(f"{name} returns {values.dtype}; it must return real numbers")
    try:
        values = np.array(np.broadcast_to(values, shape), dtype=np.float64)
    except ValueError:
        raise InvalidProblem(
            f"{name} returns shape {values.shape} for coordinates of shape {shape}; it must act entry by entry"
        ) from None
    finite = np.isfinite(values)
    if not finite.all():
        place = tuple(float(axis[~finite][0]) for axis in coordinates)
        raise InvalidProblem(f"{name} is NaN or infinite at {int((~finite).sum())} points, the first being {place}")
    return values


def takes_time(field: Any, dimension: int) -> bool:
    """Return whether a field is a function of the coordinates and of time, ``f(x, y, t)``.

    Examples
    --------
    >>> takes_time(lambda x, y: x, 2), takes_time(lambda x, y, t: x * t, 2), takes_time(1.0, 2)
    (False, True, False)
    """
    if not callable(field):
        return False
    try:
        signature = inspect.signature(field)
    except (TypeError, ValueError):  # functions written in C
        return False
    return not _binds(signature, dimension) and _binds(signature, dimension + 1)


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def at_time(field: Any, dimension: int, t: float) -> Any:
    """Return a field as a function of the coordinates alone, at time t; fields without time are returned as they are.

    Examples
    --------
    >>> at_time(lambda x, t: x * t, 1, 3.0)(2.0)
    6.0
    """
    if not takes_time(field, dimension):
        return field
    return lambda *coordinates: field(*coordinates, t)
