"""Separable solves before compiled loops are loaded."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ritz.backend import compiled_loops_pay

from .transform_lines import Line
from .transform_route import SeparableSolve, route_cost

__all__ = ["FirstSolves", "worth_delaying"]

BYTES = 2.0  # that SciPy's products move in a nanosecond
LONGEST = 512  # unknowns along an axis up to which eigenvectors take less time than loading compiled loops


def worth_delaying(lines: list[Line], route: tuple[str, ...]) -> bool:
    """Return whether products with eigenvectors may stand in for a route, until its compiled loops are loaded."""
    return any(way != "dense" for way in route) and max(line.count for line in lines) <= LONGEST


class FirstSolves:
    """Solver that multiplies by eigenvectors at first, and goes over to another route once loading it has paid.

    A script that solves once is done before Numba is imported.

    Parameters
    ----------
    lines : list of Line
        At most `LONGEST` unknowns each.
    solve : callable
        ``solve(route) -> SeparableSolve``.
    route : tuple of str
        The route to go over to.
    """

    def __init__(self, lines: list[Line], solve: Callable[[tuple[str, ...]], SeparableSolve], route: tuple[str, ...]):
        dense = ("dense",) * len(lines)
        self._make, self._route = solve, route
        self._moved = BYTES * route_cost(lines, dense) * prod(line.count for line in lines)
        self._solve: Any = None if compiled_loops_pay(self._moved) else solve(dense)
        self._last = self._solve is None
        if self._last:
            self._solve = solve(route)

    def __call__(self, rhs: np.ndarray) -> np.ndarray:
        """Return the solution for right-hand sides ``(n,)`` or ``(n, k)``."""
        if not self._last and compiled_loops_pay(self._moved * (rhs.shape[1] if rhs.ndim == 2 else 1)):
            self._solve, self._last = self._make(self._route), True
        return self._solve(rhs)
