"""Newton's method: rates, damping, and every way it ends."""

from __future__ import annotations

import numpy as np
import pytest

from ritz import InvalidProblem, Status
from ritz.newton import newton


def arctangent(u):
    return np.arctan(u)


def tangent_step(u, F, tolerance):
    return F * (1 + u**2)


def test_converges_quadratically_and_leaves_the_start_alone():
    start = np.array([3.0, 5.0])
    result = newton(lambda u: u**3 - np.array([8.0, 27.0]), lambda u, F, _: F / (3 * u**2), start, rtol=1e-14)
    np.testing.assert_allclose(result.u, [2.0, 3.0], rtol=1e-12)
    np.testing.assert_array_equal(start, [3.0, 5.0])
    assert result.status is Status.CONVERGED
    rates = np.log(result.history[2:5]) / np.log(result.history[1:4])
    assert (rates > 1.5).all(), result.history


def test_a_step_that_overshoots_is_shortened():
    """Undamped, Newton's method for the arctangent diverges from here."""
    result = newton(arctangent, tangent_step, np.array([5.0]), rtol=1e-12)
    assert result.status is Status.CONVERGED
    assert (np.diff(result.history) < 0).all()


def test_inexact_solves_are_asked_for_no_more_than_they_need():
    asked = []

    def rough(u, F, tolerance):
        asked.append(tolerance)
        return F / (3 * u**2) * (1 + 0.9 * tolerance)

    result = newton(lambda u: u**3 - 8.0, rough, np.array([3.0]), rtol=1e-12)
    assert result.status is Status.CONVERGED
    assert asked[0] == pytest.approx(0.1)
    assert min(asked) < 1e-3
    assert len(result.history) <= 8


@pytest.mark.parametrize(
    ("residual", "solve", "start", "options", "status"),
    [
        (arctangent, tangent_step, 1.0, {"maxiter": 1}, Status.MAX_ITERATIONS),
        (arctangent, tangent_step, 1.0, {"callback": lambda *_: True}, Status.INTERRUPTED),
        (lambda u: u**2 + 1, lambda u, F, _: F / (2 * u), 1.7, {}, Status.STAGNATED),
        (lambda u: u**2 - 1, lambda u, F, _: F / (2 * u), 0.0, {}, Status.SINGULAR),
        (lambda u: u / 0.0, tangent_step, 0.0, {}, Status.NON_FINITE),
        (arctangent, tangent_step, 0.0, {}, Status.CONVERGED),
    ],
)
def test_every_end(residual, solve, start, options, status):
    result = newton(residual, solve, np.array([start]), **options)
    assert result.status is status
    assert len(result.history) >= 1
    assert np.isfinite(result.u).all()


def test_an_interrupt_keeps_the_last_iterate():
    def interrupted(u, F, tolerance):
        if abs(u[0]) < 0.5:
            raise KeyboardInterrupt
        return tangent_step(u, F, tolerance)

    result = newton(arctangent, interrupted, np.array([1.2]))
    assert result.status is Status.INTERRUPTED
    assert abs(result.u[0]) < 0.5
    assert result.history[-1] == min(result.history)


def test_the_limit_must_be_a_number():
    with pytest.raises(InvalidProblem, match="maxiter is -1"):
        newton(arctangent, tangent_step, np.ones(1), maxiter=-1)
