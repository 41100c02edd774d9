"""Checks of the options that the Gaussian-process solvers share."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES

__all__ = ["check_frequencies", "check_noise", "coordinates"]


def check_noise(noise: Any) -> float | Literal["learn"]:
    """Return the standard deviation of the noise as a float, or ``"learn"``.

    Raises
    ------
    InvalidProblem
        If `noise` is neither ``"learn"`` nor one finite number that is not negative.
    """
    if isinstance(noise, str) and noise == "learn":
        return "learn"
    if not isinstance(noise, Real) or isinstance(noise, bool) or not 0.0 <= float(noise) < np.inf:
        raise InvalidProblem(
            f"noise is {noise!r}; give one standard deviation for the whole source, 0 or more, or 'learn'"
        )
    return float(noise)


def check_frequencies(frequencies: Any, dimension: int) -> tuple[np.ndarray, ...]:
    """Return positive angular frequencies, one array per axis.

    Raises
    ------
    InvalidProblem
        If there is not one array of finite numbers that are not negative per axis.
    """
    wrong = f"frequencies is {frequencies!r}; give one array of angular frequencies for each of {dimension} axes"
    if not isinstance(frequencies, (Sequence, np.ndarray)) or np.ndim(np.asarray(frequencies, dtype=object)) == 0:
        raise InvalidProblem(wrong)
    plain = dimension == 1 and all(np.ndim(value) == 0 for value in frequencies)
    given = (frequencies,) if plain else tuple(frequencies)
    if len(given) != dimension:
        raise InvalidProblem(f"frequencies has {len(given)} arrays; give one for each of {dimension} axes")
    try:
        arrays = [np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in given]
    except (TypeError, ValueError):
        raise InvalidProblem(wrong) from None
    for axis, values in zip(AXES, arrays, strict=False):
        if values.ndim != 1 or not (np.isfinite(values).all() and (values >= 0.0).all()):
            raise InvalidProblem(f"frequencies along {axis} must be finite and not negative")
    return tuple(values[values > 0.0] for values in arrays)


def coordinates(name: str, values: Any) -> np.ndarray:
    """Return coordinates as an array of float64.

    Raises
    ------
    InvalidProblem
        If they cannot be read as real numbers.
    """
    try:
        return np.asarray(to_numpy(values), dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidProblem(f"{name} cannot be read as an array of numbers") from None
