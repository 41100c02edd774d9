"""Trajectories in reduced coordinates, which may change from basis to basis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.problem_types.parametric.full_order_model import initial_state
from ritz.problem_types.parametric.snapshots import apply_product

from .local_model import LocalModel, ReducedState
from .online import OnlineStage, ReducedAnswer, least_error
from .projection.projected_equations import solve_equations

__all__ = ["trajectory"]


def trajectory(stage: OnlineStage, mu: np.ndarray) -> ReducedAnswer:
    """Return the trajectory at mu, by time steps or by regression, whichever kind of model the stage has."""
    return implicit_euler(stage, mu) if isinstance(stage.models[0], LocalModel) else predict(stage, mu)


def implicit_euler(stage: OnlineStage, mu: np.ndarray) -> ReducedAnswer:
    """Return the trajectory of the implicit Euler method at mu.

    Each step is solved in the basis that the classifier names for its time, or in another likely one if the check is
    poor. The previous state keeps its own basis; since the mass between all pairs of bases is known, a change of basis
    loses nothing :cite:`AmsallemZahrFarhat2012`, and no step depends on the number of unknowns.
    """
    times = stage.problem.times
    theta, phi = stage.affine_coefficients(mu)
    order = stage.likeliest(np.column_stack([np.tile(mu, (len(times) - 1, 1)), times[1:]]))
    initial = initial_state(stage.problem.initial, mu, stage.problem.size)
    massive = apply_product(stage.problem.model.mass, initial)
    states: list[ReducedState] = []
    tried: set[int] = set()
    for row, time, step in zip(order, times[1:], np.diff(times), strict=True):
        before = states[-1] if states else None
        place = stage.place(mu, float(time))

        def attempt(
            number: int, time: float = time, step: float = step, before: Any = before, place: int = place
        ) -> ReducedState:
            model = stage.models[number]
            assert isinstance(model, LocalModel)
            switching = model.switching
            assert switching is not None
            if before is None:
                history, checked = switching.tests.conj().T @ massive, switching.checks[place].conj().T @ massive
                start = model.basis.coefficients(initial)
            else:
                a, k = before.coefficients, before.cluster
                history, checked = switching.masses[k] @ a, switching.check_masses[k][place] @ a
                start = switching.transfers[k] @ a
            here = {"time": float(time), "step": float(step)}
            result = solve_equations(model.equations.at(mu, theta, phi, previous=history, **here), start)
            left = model.checks[place].at(mu, theta, phi, previous=checked, **here).residual(result.u)
            return ReducedState(number, result.u, float(np.linalg.norm(left)), result)

        state, numbers = least_error(row, attempt, stage.usual)
        states.append(state)
        tried.update(numbers)
        if not np.isfinite(state.coefficients).all():
            states += [state] * (len(times) - 1 - len(states))
            break
    return _answer(states, tried, initial, np.cumsum([state.error for state in states]))


def predict(stage: OnlineStage, mu: np.ndarray) -> ReducedAnswer:
    """Return the trajectory at mu by regression, each time independently."""
    times = stage.problem.times
    inputs = np.column_stack([np.tile(mu, (len(times), 1)), times])
    order = stage.likeliest(inputs)
    models: Any = stage.models
    states: list[ReducedState] = []
    tried: set[int] = set()
    for row, point in zip(order, inputs, strict=True):
        state, numbers = least_error(row, lambda number, at=point: models[number].states(at[None])[0], stage.usual)
        states.append(state)
        tried.update(numbers)
    if stage.problem.initial is None:
        first = stage.models[states[0].cluster].basis.expand(states[0].coefficients)
    else:
        first = initial_state(stage.problem.initial, mu, len(stage.models[0].basis.modes))
    return _answer(states[1:], tried, first, np.array([state.error for state in states[1:]]))


def _answer(states: list[ReducedState], tried: set[int], initial: np.ndarray, errors: np.ndarray) -> ReducedAnswer:
    sizes = np.array([float(np.linalg.norm(state.coefficients)) for state in states])
    relative = float(np.linalg.norm(errors) / max(float(np.linalg.norm(sizes)), 1e-300))
    return ReducedAnswer(tuple(states), relative if np.isfinite(relative) else np.inf, tuple(sorted(tried)), initial)
