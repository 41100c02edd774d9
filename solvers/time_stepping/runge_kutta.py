"""Steps of additive Runge-Kutta methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .implicit_reaction import ImplicitReaction
from .shifted_systems import ShiftedSystems
from .state import Point, Step
from .tableaux import TABLEAUX

__all__ = ["RungeKutta"]


class RungeKutta:
    """Steps of an additive Runge-Kutta method: the linear part implicit, the reaction explicit or implicit too.

    Parameters
    ----------
    systems : ShiftedSystems
    order : {2, 3, 4}
    newton : ImplicitReaction, optional
        Solver of nonlinear stages; the reaction is explicit if None.
    """

    history = 1  # points that a step starts from

    def __init__(self, systems: ShiftedSystems, order: int, newton: ImplicitReaction | None = None):
        self._systems, self._tableau, self._newton = systems, TABLEAUX[order], newton
        self._evolution = systems.evolution
        self._explicit = self._evolution.reaction is not None and newton is None
        parts = 2 if self._explicit else 1
        self._rates = np.empty((self._tableau.stages, parts, *self._evolution.shape))

    def attempt(self, points: Sequence[Point], dt: float, allowed: np.ndarray) -> Step:
        """Return the step of size `dt` from the last of `points`, whose error should not exceed `allowed`."""
        tableau, evolution, start = self._tableau, self._evolution, points[-1]
        rates = self._rates
        shift = 1.0 / (tableau.diagonal * dt)
        rates[0, 0] = start.slope if self._explicit or start.reaction is None else start.rate
        if self._explicit:
            rates[0, 1] = start.reaction
        u = start.u
        for stage in range(1, tableau.stages):
            t = start.t + dt * float(tableau.nodes[stage])
            base = self._combination(dt * tableau.implicit[stage, :stage], dt * tableau.explicit[stage, :stage])
            base += start.u
            ahead = dt * float(tableau.nodes[stage] - tableau.nodes[stage - 1])
            guess = u + ahead * rates[stage - 1].sum(axis=0)
            u = self._stage(t, shift, base, guess, allowed)
            np.subtract(u, base, out=rates[stage, 0])
            rates[stage, 0] *= shift
            if self._explicit:
                rates[stage, 1] = evolution.reaction(t, u)  # pyright: ignore[reportOptionalCall]
        t = start.t + dt
        if self._explicit:
            rest = dt * (tableau.weights - tableau.explicit[-1])
            u += self._combination(0.0 * rest, rest)
        error = self._combination(dt * tableau.error_weights, dt * tableau.error_weights)
        return Step(self._end(t, u), error, tableau.order - 1)

    def _combination(self, implicit: np.ndarray, explicit: np.ndarray) -> np.ndarray:
        """Return the sum of the rates of the first stages with given coefficients."""
        count, parts = len(implicit), self._rates.shape[1]
        coefficients = np.stack([implicit, explicit][:parts], axis=1).ravel()
        return (coefficients @ self._rates[:count].reshape(count * parts, -1)).reshape(self._evolution.shape)

    def _stage(self, t: float, shift: float, base: np.ndarray, guess: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        rhs = shift * base
        if self._evolution.forcing is not None:
            rhs += self._evolution.forcing(t)
        if self._newton is not None:
            return self._newton.solve(t, shift, rhs, guess, allowed)
        return self._systems.solve(shift, rhs, guess, allowed)

    def _end(self, t: float, u: np.ndarray) -> Point:
        evolution = self._evolution
        if self._explicit:
            return Point(t, u, evolution.slope(t, u), evolution.reaction(t, u))  # pyright: ignore[reportOptionalCall]
        last = self._rates[-1, 0].copy()  # the method is stiffly accurate
        if evolution.reaction is None:
            return Point(t, u, last)
        reaction = evolution.reaction(t, u)
        return Point(t, u, last - reaction, reaction)
