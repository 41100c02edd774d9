"""What an iteration may cost before the next candidate takes over."""

from __future__ import annotations

import math
from collections.abc import Callable

from ritz.arguments import Callback
from ritz.backend import Array

__all__ = ["PATIENCE", "RISKY", "TRIAL", "Budget"]

TRIAL = 5  # iterations after which a candidate on trial is assessed, and between two looks at the others
SLOW = 0.5  # residual reduction factor per iteration above which it has failed
PATIENCE, RISKY = 0.5, 0.2  # share of the alternative before which only good progress is judged; for mere hopes
DECADES = 1.0  # decimal digits that make good progress
CLEAR = 0.5  # share of the least cost of the alternative up to which what is left needs no closer look
MARGIN = 4.0  # times the seconds spent from which the cost of the alternative does not matter yet
LEAST = 0.15  # share of the alternative that every candidate may spend
ACCELERATION = 0.8  # what is left to do, over what the rate so far suggests: Krylov methods become faster


class Budget:
    """A callback that stops a solve which costs more than its alternative, and forwards all else to the user's.

    The rate so far, or of the latter half if that is better, tells how many iterations are left. While they cost less
    than the alternative, the solve goes on; the more it has spent, the less they may cost. Costs are estimates, not
    measured times, so that the same system takes the same way on every run.

    Parameters
    ----------
    callback : Callback or None
        The user's.
    each : float
        Seconds of an iteration.
    alternative : callable
        ``alternative(seconds)`` returns the seconds that another candidate is sure to take, or a lower bound that
        exceeds the given seconds; infinity if there is none.
    goal : float
        Relative residual to reach.
    on_trial : bool
        Whether to stop after five iterations that have not halved the residual each.
    start : int
        Iterations before the first look at the cost.
    patience : float
        Share of the alternative that may be spent before slow progress counts.

    Attributes
    ----------
    slow : bool
        Whether the solve was stopped because it costs too much.
    """

    def __init__(
        self,
        callback: Callback | None,
        each: float,
        alternative: Callable[[float], float],
        goal: float,
        *,
        on_trial: bool = False,
        start: int = TRIAL,
        patience: float = PATIENCE,
    ):
        self._callback, self._each, self._alternative = callback, each, alternative
        self._goal, self._on_trial, self._start = math.log10(max(goal, 1e-300)), on_trial, start
        self._patience = patience
        self._least: list[float] = []  # decimal exponent of the smallest residual so far, by iteration
        self.slow = False

    def __call__(self, iteration: int, x: Array, residual: float) -> bool:
        """Return whether to stop."""
        exponent = math.log10(residual) if residual > 0.0 else -300.0
        self._least.append(min(exponent, self._least[-1]) if self._least else exponent)
        iteration = len(self._least) - 1
        if iteration >= self._start and iteration % TRIAL == 0:
            self.slow = self._costs_too_much(iteration)
        return self.slow or bool(self._callback is not None and self._callback(iteration, x, residual))

    def _costs_too_much(self, iteration: int) -> bool:
        fallen = self._least[0] - self._least[-1]
        if self._on_trial and iteration == TRIAL and fallen < -TRIAL * math.log10(SLOW):
            return True
        spent, left = iteration * self._each, self._each * self.left
        if left < CLEAR * self._alternative(0.0):
            return False
        alternative = self._alternative(MARGIN * spent)
        share = spent / alternative
        if share < LEAST:
            return False
        if share < self._patience:
            return fallen > DECADES and left > 4.0 * alternative
        return left > max(0.1, 1.5 - 0.9 * share) * alternative

    @property
    def left(self) -> float:
        """Estimated number of iterations until the goal is reached."""
        last, half = len(self._least) - 1, len(self._least) // 2
        rates = (self._least[start] - self._least[last] for start in (0, half))
        rate = max(fall / max(last - start, 1) for fall, start in zip(rates, (0, half), strict=True))
        distance = self._least[last] - self._goal
        return ACCELERATION * distance / rate if rate > 0.0 and distance > 0.0 else math.inf if distance > 0.0 else 0.0
