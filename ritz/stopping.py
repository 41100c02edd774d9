"""When a solve stops: tolerances, iteration limits and callbacks."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from ritz.backend import Array, machine_epsilon
from ritz.errors import InvalidProblem

__all__ = ["Callback", "check_tolerances", "default_maxiter", "iteration_limit"]

Callback: TypeAlias = Callable[[int, Array, float], Any]
"""``callback(iteration, x, residual) -> stop?``: `x` is the live iterate (copy it to keep it), `residual` relative."""


def check_tolerances(rtol: Any, atol: Any, dtype: np.dtype[Any]) -> None:
    """Raise `InvalidProblem` for tolerances that are no non-negative numbers, or that `dtype` cannot reach."""
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
    """Return the iteration limit when none is given."""
    return min(10 * size, 20_000)


def iteration_limit(maxiter: int | None, default: int) -> int:
    """Return the iteration limit asked for, or the default.

    Raises
    ------
    InvalidProblem
        If `maxiter` is not a whole number, or negative.
    """
    if maxiter is None:
        return default
    if not isinstance(maxiter, Integral) or maxiter < 0:
        raise InvalidProblem(f"maxiter is {maxiter!r}; it must be a non-negative whole number, or None")
    return int(maxiter)
