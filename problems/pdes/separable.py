"""Functions of one variable with their derivatives, and sums of products of such functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb
from typing import Any, TypeAlias

import numpy as np

from ritz.problem_types.pde.pde import MultiIndex

__all__ = ["Profile", "Separable", "bump", "chirp", "decay", "layer", "polynomial", "product", "total", "wave"]

Profile: TypeAlias = Callable[[np.ndarray, int], Any]
"""``profile(x, order)`` returns a derivative of a function of one variable; order 0 is the function itself."""


@dataclass(frozen=True, eq=False)
class Separable:
    """A sum of products of one function per axis, with all derivatives.

    Parameters
    ----------
    products : sequence of sequence of Profile
        Products, each with one function per axis.

    Examples
    --------
    >>> tilted = Separable([(wave(2.0), polynomial(0.0, 1.0))])  # y sin 2x
    >>> float(tilted(np.float64(0.0), np.float64(3.0), order=(1, 0)))
    6.0
    """

    products: Sequence[Sequence[Profile]]

    def __call__(self, *coordinates: Any, order: MultiIndex | None = None) -> Any:
        """Return the derivative given by a multi-index, by default the value."""
        orders = order or (0,) * len(coordinates)
        sum_: Any = 0.0
        for profiles in self.products:
            value: Any = 1.0
            for profile, x, k in zip(profiles, coordinates, orders, strict=True):
                value = value * profile(x, k)
            sum_ = sum_ + value
        return sum_


def wave(frequency: float, *, amplitude: float = 1.0, phase: float = 0.0) -> Profile:
    """Return ``amplitude sin(frequency x + phase)``, with the frequency in radians per unit length."""
    return lambda x, order: amplitude * frequency**order * np.sin(frequency * x + phase + 0.5 * np.pi * order)


def polynomial(*coefficients: float) -> Profile:
    """Return ``c0 + c1 x + c2 x^2 + ...``."""
    given = np.polynomial.Polynomial(np.array(coefficients))
    return lambda x, order: given.deriv(order)(x) if order else given(x)


def decay(rate: float) -> Profile:
    """Return ``exp(-rate x)``."""
    return lambda x, order: (-rate) ** order * np.exp(-rate * x)


def chirp(sweep: float, start: float) -> Profile:
    """Return ``sin(sweep x^2 + start x)``, whose frequency grows with x, with two derivatives."""

    def profile(x: np.ndarray, order: int) -> Any:
        angle, rate = sweep * x**2 + start * x, 2 * sweep * x + start
        if order == 0:
            return np.sin(angle)
        if order == 1:
            return rate * np.cos(angle)
        return 2 * sweep * np.cos(angle) - rate**2 * np.sin(angle)

    return profile


def bump(centre: float, width: float) -> Profile:
    """Return ``exp(-((x - centre) / width)^2 / 2)``, with all derivatives from Hermite polynomials."""

    def profile(x: np.ndarray, order: int) -> Any:
        t = (x - centre) / width
        hermite = np.polynomial.hermite_e.hermeval(t, [0.0] * order + [1.0])
        return (-1.0 / width) ** order * hermite * np.exp(-0.5 * t**2)

    return profile


def layer(centre: float, width: float) -> Profile:
    """Return ``tanh((x - centre) / width)``, with two derivatives."""

    def profile(x: np.ndarray, order: int) -> Any:
        value = np.tanh((x - centre) / width)
        return (value, (1 - value**2) / width, -2 * value * (1 - value**2) / width**2)[order]

    return profile


def product(first: Profile, second: Profile) -> Profile:
    """Return the product of two functions of the same variable."""
    return lambda x, order: sum(comb(order, k) * first(x, k) * second(x, order - k) for k in range(order + 1))


def total(*profiles: Profile) -> Profile:
    """Return the sum of functions of the same variable."""
    return lambda x, order: sum(profile(x, order) for profile in profiles)
