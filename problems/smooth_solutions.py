"""Smooth functions on a box that satisfy homogeneous boundary conditions, with their derivatives.

Each is a product of one function per axis. None is a finite sum of eigenfunctions of the Laplacian, for which Krylov
methods would converge in as many steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

import numpy as np

from ritz.operators.stencils.boundary import Sides

__all__ = ["Manufactured", "manufactured_solution"]

Jet: TypeAlias = tuple[np.ndarray, np.ndarray, np.ndarray]  # a function and its first two derivatives


@dataclass(frozen=True, eq=False)
class Manufactured:
    """A product of one function per axis at the unknowns of a grid, with derivatives computed on request.

    Parameters
    ----------
    jets : tuple of (ndarray, ndarray, ndarray)
        For each axis, the function and its first two derivatives, shape ``(n_axis,)`` each.
    """

    jets: tuple[Jet, ...]

    @property
    def value(self) -> np.ndarray:
        """Values of the function, shape ``(n,)``."""
        return self._product((0,) * len(self.jets))

    @property
    def gradient(self) -> tuple[np.ndarray, ...]:
        """Derivative along each axis, shape ``(n,)`` each."""
        return tuple(self._product(orders) for orders in np.eye(len(self.jets), dtype=int))

    @property
    def laplacian(self) -> np.ndarray:
        """Values of the Laplacian, shape ``(n,)``."""
        return sum((self._product(orders) for orders in 2 * np.eye(len(self.jets), dtype=int)), np.zeros(()))

    def _product(self, orders: Iterable[int]) -> np.ndarray:
        return reduce(np.multiply.outer, [jet[order] for jet, order in zip(self.jets, orders, strict=True)]).ravel()


def manufactured_solution(axes: tuple[np.ndarray, ...], lengths: tuple[float, ...], sides: Sides) -> Manufactured:
    """Return a smooth function that is zero on Dirichlet sides, has zero slope on Neumann sides, or is periodic.

    Parameters
    ----------
    axes : tuple of ndarray
        Coordinates along each axis; the box starts at 0.
    lengths : tuple of float
        Side lengths of the box.
    sides : tuple of (str, str)
        Lower and upper condition of each axis.

    Examples
    --------
    >>> middle = manufactured_solution((np.array([0.5]),), (1.0,), (("dirichlet", "dirichlet"),))
    >>> bool(np.isclose(middle.value[0], np.exp(0.5)))
    True
    """
    jets: list[Jet] = []
    for axis, length, pair in zip(axes, lengths, sides, strict=True):
        value, slope, curvature = _jet(pair, axis / length)
        jets.append((value, slope / length, curvature / length**2))
    return Manufactured(tuple(jets))


def _jet(pair: tuple[str, str], t: np.ndarray) -> Jet:
    sine, cosine, growth = np.sin(np.pi * t), np.cos(np.pi * t), np.exp(t)
    if pair == ("dirichlet", "dirichlet"):
        slope = growth * (np.pi * cosine + sine)
        return growth * sine, slope, growth * (2 * np.pi * cosine + (1 - np.pi**2) * sine)
    if pair == ("neumann", "neumann"):  # the antiderivative of the function above
        value = growth * (sine - np.pi * cosine) / (1 + np.pi**2)
        return value, growth * sine, growth * (np.pi * cosine + sine)
    if pair == ("dirichlet", "neumann"):
        return t * np.exp(1 - t), (1 - t) * np.exp(1 - t), (t - 2) * np.exp(1 - t)
    if pair == ("neumann", "dirichlet"):
        value, slope, curvature = _jet(("dirichlet", "neumann"), 1 - t)
        return value, -slope, curvature
    wave, slope = np.sin(2 * np.pi * t), 2 * np.pi * np.cos(2 * np.pi * t)
    value = np.exp(wave)
    return value, slope * value, (slope**2 - 4 * np.pi**2 * wave) * value
