"""Events: zeros of functions of the state along a trajectory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.problem_types.evolution.trajectory import hermite

from .state import Point

__all__ = ["Event", "between", "check_events"]


def between(t: float, start: Point, end: Point) -> np.ndarray:
    """Return the state at a time within a step."""
    return hermite(t, start.t, end.t, start.u, end.u, start.rate, end.rate)


def check_events(events: Any) -> None:
    """Raise `InvalidProblem` unless `events` is a sequence of functions."""
    if not isinstance(events, Sequence) or not all(callable(event) for event in events):
        raise InvalidProblem(f"events is {events!r}; give a list of functions event(t, u) -> float")
    for event in events:
        direction = getattr(event, "direction", 0)
        if direction not in (-1, 0, 1):
            raise InvalidProblem(f"the direction of an event is {direction!r}; it must be -1, 0 or 1")


class Event:
    """An event function and the zeros found so far.

    Parameters
    ----------
    function : callable
        ``function(t, u) -> float``, perhaps with attributes ``terminal`` and ``direction``.
    """

    def __init__(self, function: Callable[[float, np.ndarray], float]):
        self._function = function
        self.terminal = bool(getattr(function, "terminal", False))
        self._direction = float(getattr(function, "direction", 0))
        self.times: list[float] = []
        self.states: list[np.ndarray] = []

    def find(self, start: Point, end: Point) -> float | None:
        """Return the time at which the function vanishes within a step, or None."""
        before, after = self._value(start.t, start.u), self._value(end.t, end.u)
        crossing = (before < 0.0 <= after and self._direction >= 0) or (before > 0.0 >= after and self._direction <= 0)
        if not crossing:
            return None
        if after == 0.0:
            return end.t
        from scipy.optimize import brentq

        found: Any = brentq(lambda t: self._value(t, between(t, start, end)), start.t, end.t, xtol=1e-14 * abs(end.t))
        return float(found)

    def record(self, t: float, u: np.ndarray) -> None:
        """Keep a zero."""
        self.times.append(t)
        self.states.append(u)

    def _value(self, t: float, u: np.ndarray) -> float:
        value: Any = np.asarray(self._function(t, u))
        if value.size != 1 or value.dtype.kind not in "biuf":
            raise InvalidProblem(f"an event returns {value!r}; it must return one real number")
        return float(value.ravel()[0])
