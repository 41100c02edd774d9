"""Checks of arguments, with one wording for each kind of mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, TypeAlias

import numpy as np

from ritz.backend import Array, machine_epsilon
from ritz.errors import InvalidProblem, UnknownName

__all__ = [
    "Callback",
    "check_choice",
    "check_integer",
    "check_number",
    "check_seed",
    "check_tolerances",
    "default_maxiter",
    "is_integer",
    "iteration_limit",
]


Callback: TypeAlias = Callable[[int, Array, float], Any]
"""``callback(iteration, x, relative residual) -> stop?``, where `x` is the live iterate: copy it to keep it."""


def is_integer(value: Any) -> bool:
    """Return whether `value` is a Python or NumPy integer; booleans do not count as integers."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def check_integer(name: str, value: Any, least: int = 1, most: int = 2**63 - 1, *, optional: bool = False) -> Any:
    """Return `value` as a Python int if it is an integer within bounds.

    Parameters
    ----------
    name : str
        Name of the argument, for the error message.
    value : int
    least : int
        Smallest value allowed.
    most : int
        Largest value allowed.
    optional : bool
        Whether None is allowed too, and returned as it is.

    Raises
    ------
    InvalidProblem
        If `value` is no integer or out of bounds. The message names the argument, its value and the values allowed.

    Examples
    --------
    >>> check_integer("restart", 30)
    30
    """
    if optional and value is None:
        return None
    if not is_integer(value) or not least <= value <= most:
        bounded = most < 2**63 - 1 or (is_integer(value) and value > most)
        wanted = f"from {least} to {most}" if bounded else f"of at least {least}"
        raise InvalidProblem(f"{name} is {value!r}; it must be an integer {wanted}{', or None' if optional else ''}")
    return int(value)


def check_seed(seed: Any, *, optional: bool = False, name: str = "seed") -> Any:
    """Return `seed` as a Python int if it is an integer from 0 to 2**63 - 1, which NumPy and torch both take."""
    return check_integer(name, seed, least=0, optional=optional)


def check_number(
    name: str,
    value: Any,
    above: float = -math.inf,
    below: float = math.inf,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    infinite: bool = False,
) -> float:
    """Return `value` as a float strictly between `above` and `below`, at least `least` and at most `most`.

    Raises
    ------
    InvalidProblem
        If `value` is no number, NaN, out of bounds, or infinite unless `infinite` allows that.
    """
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        number = math.nan
    else:
        try:
            number = float(value)
        except OverflowError:  # an integer beyond all floats
            number = math.inf
    if math.isnan(number) or not (infinite or math.isfinite(number)):
        raise InvalidProblem(f"{name} is {value!r}; it must be a {'' if infinite else 'finite '}number")
    if number <= above or number >= below < math.inf or not least <= number <= most:
        words = {"at least": least, "greater than": above, "less than": below, "at most": most}
        bounds = [f"{word} {bound:g}" for word, bound in words.items() if math.isfinite(bound)]
        raise InvalidProblem(f"{name} is {value!r}; it must be {' and '.join(bounds)}")
    return number


def check_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False; otherwise raise `InvalidProblem`."""
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidProblem(f"{name} is {value!r}; it must be True or False")
    return bool(value)


def check_choice(name: str, value: Any, known: Iterable[str]) -> str:
    """Return `value` if it is one of `known`; otherwise raise `UnknownName` with close matches."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise UnknownName(name, value, known)
    return value


def check_tolerances(rtol: Any, atol: Any, dtype: np.dtype[Any]) -> None:
    """Raise `InvalidProblem` if a tolerance is not a non-negative number, or if `dtype` cannot reach it."""
    for name, value in (("rtol", rtol), ("atol", atol)):
        check_number(name, value, least=0.0)
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
