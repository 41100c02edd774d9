"""Full-order solves of parametric problems that fail, and what they share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from systems import small_instance

import ritz

RANGES = {"a": (0.5, 1.0), "b": (-1.0, 1.0)}


@pytest.mark.parametrize(
    ("solve", "message"),
    [
        (lambda mu: np.array([np.nan]), "NaN or infinity at a = 0.75"),
        (lambda mu: np.ones((2, 2)), r"shape \(2, 2\)"),
        (lambda mu: np.array(["x"]), "numbers"),
    ],
)
def test_failed_solves_name_their_parameters(solve, message):
    problem = ritz.ParametricPDE(solve, RANGES)
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.solve(problem, "full-order")
    with pytest.raises(ritz.InvalidProblem, match=message.split(" at ")[0]):
        problem.snapshots(problem.query[None])


def test_errors_of_the_users_functions_pass_through_with_their_parameters():
    def careless(mu):
        return mu.no_such_attribute

    with pytest.raises(AttributeError, match="no_such_attribute") as caught:
        ritz.solve(ritz.ParametricPDE(careless, RANGES), "full-order")
    assert any("a = 0.75" in note for note in caught.value.__notes__)


def test_diverging_newton_is_an_error():
    term = replace(
        small_instance("moving-reaction").term, function=lambda values, data, mu, t: np.exp(values[:, 0]) + 1.0
    )
    problem = replace(
        small_instance("moving-reaction"),
        affine=ritz.AffineForm([np.zeros((72, 72))], lambda mu: np.ones(1), np.zeros((0, 72))),
    )
    with pytest.raises(ritz.ConvergenceError, match="Newton's method ended") as caught:
        replace(problem, term=term).solution()
    assert isinstance(caught.value.solution, ritz.Solution)
    assert caught.value.solution.x.shape == (72,)
    assert not caught.value.solution.converged


@pytest.mark.parametrize("steps", [0, 2])
def test_a_singular_linear_equation_is_an_error_with_a_solution(steps):
    affine = ritz.AffineForm([np.diag([1.0, 0.0])], lambda mu: np.ones(1), np.ones((1, 2)))
    evolution = {}
    if steps:
        evolution = {
            "mass": np.diag([1.0, 0.0]),
            "times": np.linspace(0.0, 1.0, steps + 1),
            "initial": lambda mu: np.zeros(2),
        }
    problem = ritz.ParametricPDE(None, RANGES, affine=affine, **evolution)
    with pytest.raises(ritz.ConvergenceError, match=r"the linear equation is singular.*a = 0.75") as caught:
        problem.solution()
    found = caught.value.solution
    assert found.status is ritz.Status.SINGULAR
    assert found.x.tolist() == [0.0, 0.0]
    assert (found.iterations, found.residual, found.history.tolist()) == (0, 1.0, [1.0])


def test_an_initial_state_of_another_shape_is_an_error():
    affine = ritz.AffineForm([np.eye(2)], lambda mu: np.ones(1), np.ones((1, 2)))
    evolution = {"mass": np.eye(2), "times": [0.0, 1.0], "initial": lambda mu: np.zeros(3)}
    with pytest.raises(ritz.InvalidProblem, match=r"initial\(mu\) has shape \(3,\); it must be \(2,\)"):
        ritz.ParametricPDE(None, RANGES, affine=affine, **evolution).solution()


def test_newton_keeps_the_preconditioner_of_its_first_step(monkeypatch):
    from ritz.solvers.multigrid.pyamg.preconditioner import RugeStuben

    built = []
    build = RugeStuben.build
    monkeypatch.setattr(RugeStuben, "build", lambda self, operator: built.append(1) or build(self, operator))
    problem = ritz.problems.moving_reaction((150, 150))
    result = problem.full_order([0.4, 0.6, 1.0])
    assert result.iterations[0] >= 4
    assert len(built) == 1
    assert problem.relative_residual(result.u, [0.4, 0.6, 1.0]) < 1e-9
