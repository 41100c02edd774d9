"""Steps of the backward differentiation formula of second order, with variable step sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .implicit_reaction import ImplicitReaction
from .runge_kutta import RungeKutta
from .shifted_systems import ShiftedSystems
from .state import Point, Step

__all__ = ["BackwardDifferences"]


class BackwardDifferences:
    """BDF2 :cite:`HairerWanner1996`; an explicit reaction is extrapolated :cite:`AscherRuuthWetton1995`.

    One solve a step. The error is estimated by third differences of the last four states, and by second differences of
    an extrapolated reaction. The first two steps are those of a Runge-Kutta method.

    Parameters
    ----------
    systems : ShiftedSystems
    newton : ImplicitReaction, optional
        Solver of nonlinear steps; the reaction is extrapolated if None.
    """

    history = 3

    def __init__(self, systems: ShiftedSystems, newton: ImplicitReaction | None = None):
        self._systems, self._newton, self._evolution = systems, newton, systems.evolution
        self._start = RungeKutta(systems, 2, newton)

    def attempt(self, points: Sequence[Point], dt: float, allowed: np.ndarray) -> Step:
        """Return the step of size `dt` from the last of `points`, whose error should not exceed `allowed`."""
        if len(points) < self.history:
            return self._start.attempt(points, dt, allowed)
        older, before, start = points[-3:]
        last = start.t - before.t
        ratio = dt / last
        lead = (1.0 + 2.0 * ratio) / (1.0 + ratio)
        past = (1.0 + ratio) * start.u - (ratio**2 / (1.0 + ratio)) * before.u
        shift, t = lead / dt, start.t + dt
        rhs = past / dt
        if self._evolution.forcing is not None:
            rhs += self._evolution.forcing(t)
        # The parabola through the last three states.
        first, second = (start.u - before.u) / last, (before.u - older.u) / (before.t - older.t)
        guess = start.u + dt * first + (dt * (dt + last) / (start.t - older.t)) * (first - second)
        reaction = self._evolution.reaction
        extrapolated: np.ndarray | None = None
        if self._newton is not None:
            u = self._newton.solve(t, shift, rhs, guess, allowed)
        else:
            if reaction is not None:
                assert start.reaction is not None
                assert before.reaction is not None
                extrapolated = (1.0 + ratio) * start.reaction - ratio * before.reaction
                rhs += extrapolated
            u = self._systems.solve(shift, rhs, guess, allowed)
        now = None if reaction is None else np.asarray(reaction(t, u))
        rate = shift * u - past / dt
        slope = rate if now is None else rate - (now if extrapolated is None else extrapolated)
        # The third divided difference, of the new state and the last three.
        third = (u - guess) / (dt * (dt + last) * (t - older.t))
        error = (dt**3 * (1.0 + ratio) ** 2 / (ratio * (1.0 + 2.0 * ratio))) * third
        if extrapolated is not None and now is not None:
            error += (now - extrapolated) / shift
        return Step(Point(t, u, slope, now), error, 2)
