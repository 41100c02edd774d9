"""Stopping criteria: tolerances, iteration limits and callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np

from ritz.arguments import check_integer
from ritz.backend import Array, machine_epsilon
from ritz.errors import InvalidProblem

__all__ = ["Callback", "check_tolerances", "default_maxiter", "iteration_limit"]

Callback: TypeAlias = Callable[[int, Array, float], Any]
"""``callback(iteration, x, relative residual) -> stop?``, where `x` is the live iterate: copy it to keep it."""


def check_tolerances(rtol: Any, atol: Any, dtype: np.dtype[Any]) -> None:
    """Raise `InvalidProblem` if a tolerance is not a non-negative number, or if `dtype` cannot reach it."""
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
            raise InvalidProblem(f"{name} is {value!r}; it must be a non-negative number")
    finest = 4 * machine_epsilon(dtype)
    if rtol < finest and atol == 0.0:
        raise InvalidProblem(
            f"rtol={rtol:g} is below what {dtype} can reach; use rtol >= {finest:.1e}"
            + ("" if dtype == np.float64 else ", or a float64 system")
        )


def default_maxiter(size: int) -> int:
    """Return the default iteration limit for a system with `size` unknowns."""
    return min(10 * size, 20_000)


def iteration_limit(maxiter: int | None, default: int) -> int:
    """Return `maxiter`, or `default` if it is None.

    Raises
    ------
    InvalidProblem
        If `maxiter` is negative or not an integer.
    """
    limit = check_integer("maxiter", maxiter, least=0, optional=True)
    return default if limit is None else limit
