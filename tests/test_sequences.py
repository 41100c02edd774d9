"""Sequences of systems: where each step starts, and what that saves."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.backend import to_numpy
from ritz.operators import Stencil
from ritz.registry import solvers
from ritz.sequences.extrapolation import Extrapolation

FIELDS = np.random.default_rng(0).standard_normal((3, 2250))


def prescribed(solution, steps, convert=np.asarray):
    """Return a sequence whose solutions are ``solution(step)``."""
    operator = Stencil((50, 45))

    def rhs(step):
        return convert(operator @ solution(step))

    return ritz.SystemSequence(operator, 0, rhs, lambda step, x: step + 1, steps)


@pytest.mark.parametrize("solver", ["cg", "mic-cg", "amg-cg"])
@pytest.mark.parametrize("convert", [np.asarray, torch.tensor], ids=["numpy", "torch"])
@pytest.mark.parametrize("degree", [1, 2])
def test_polynomials_in_time_are_foreseen(solver, convert, degree):
    def solution(step):
        return sum(FIELDS[power] * step**power for power in range(degree + 1))

    trajectory = ritz.solve(prescribed(solution, 10, convert), solver, rtol=1e-6)
    assert trajectory.converged
    assert trajectory.stats["iterations"][0] > 1
    assert max(trajectory.stats["iterations"][-3:]) <= 1
    assert isinstance(trajectory.x, torch.Tensor) == (convert is torch.tensor)
    np.testing.assert_allclose(to_numpy(trajectory.x), solution(9), atol=1e-3 * np.abs(solution(9)).max())


def test_decay_at_few_rates_is_foreseen():
    rates = np.array([0.9, 0.6, 0.2])
    trajectory = ritz.solve(prescribed(lambda step: (rates**step) @ FIELDS, 9), "cg", rtol=1e-5)
    assert max(trajectory.stats["iterations"][-3:]) <= 1
    assert trajectory.stats["guesses"][0] == "zero"
    assert set(trajectory.stats["guesses"][1:]) <= {"least squares", "quadratic"}


def iterations_from_previous(sequence, solver, rtol):
    prepared = solvers[solver]().prepare(sequence.first())
    taken = []

    def answer(rhs):
        taken.append(prepared.solve(rhs, x0=taken[-1].x if taken else None, rtol=rtol))
        return taken[-1].x

    for _ in sequence.march(answer):
        pass
    return sum(step.iterations for step in taken)


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
@pytest.mark.parametrize("solver", ["cg", "mic-cg"])
@pytest.mark.parametrize(
    "sequence",
    [
        ritz.problems.heat((48, 47), steps=12),
        ritz.problems.heat((48, 47), steps=12, dt=1e-2, scheme="crank-nicolson"),
        ritz.problems.heat((14, 15, 12), steps=12, boundary="neumann"),
        ritz.problems.pressure_projection((48, 48), steps=12),
    ],
    ids=["heat", "heat, long steps", "heat 3-D", "pressure"],
)
def test_fewer_iterations_than_from_the_previous_solution(sequence, solver, rtol):
    trajectory = ritz.solve(sequence, solver, rtol=rtol)
    iterations = trajectory.stats["iterations"]
    assert [step.iterations for step in trajectory.steps] == iterations
    assert sum(iterations) < iterations_from_previous(sequence, solver, rtol)


def test_flows_are_extrapolated():
    trajectory = ritz.solve(ritz.problems.pressure_projection((64, 64), steps=12), "mic-cg", rtol=1e-6)
    assert trajectory.stats["guesses"][6:].count("quadratic") >= 4


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1000),
    scale=st.sampled_from([1e-150, 1e-8, 1.0, 1e120]),
    kind=st.sampled_from(["random", "constant", "zero", "alternating"]),
    columns=st.sampled_from([None, 2]),
)
def test_any_sequence_is_solved(seed, scale, kind, columns):
    """Right-hand sides that nothing follows from, repeat, vanish or swing, tiny and huge."""
    generator = np.random.default_rng(seed)
    shape = (2000,) if columns is None else (2000, columns)
    matrix = sp.diags_array(1.0 + np.arange(2000) % 5).tocsr()
    fields = generator.standard_normal((8, *shape)) * scale
    if kind == "constant":
        fields[:] = fields[0]
    elif kind == "zero":
        fields[2:] = 0.0
    elif kind == "alternating":
        fields[:] = fields[0]
        fields[1::2] *= -1
    sequence = ritz.SystemSequence(matrix, 0, lambda step: fields[step], lambda step, x: step + 1, 8)
    trajectory = ritz.solve(sequence, "gmres", rtol=1e-8)
    assert all(step.converged for step in trajectory.steps)
    np.testing.assert_allclose(matrix @ trajectory.x, fields[-1], atol=1e-7 * np.abs(fields).max())


def test_a_failed_step_keeps_its_status():
    sequence = ritz.problems.heat((24, 24), steps=5, dt=1e-2)
    trajectory = ritz.solve(sequence, "cg", maxiter=2, throw=False)
    assert trajectory.status is ritz.Status.MAX_ITERATIONS
    assert len(trajectory.steps) == len(trajectory.stats["guesses"]) == 1
    with pytest.raises(ritz.ConvergenceError, match="step 1"):
        ritz.solve(sequence, "cg", maxiter=2)


def test_small_systems_start_from_the_previous_solution():
    trajectory = ritz.solve(ritz.problems.heat((20, 20), steps=3), "cg")
    assert trajectory.stats["guesses"] == ["zero", "previous", "previous"]


def test_direct_solvers_start_from_the_previous_solution():
    trajectory = ritz.solve(ritz.problems.heat((48, 48), steps=3), "lu", x0=np.ones(48 * 48))
    assert trajectory.stats["guesses"] == ["given", "previous", "previous"]


def test_the_better_kind_of_the_last_step_is_taken():
    extrapolation = Extrapolation(np.zeros(3))
    blind = np.diag([1.0, 1.0, 0.0])  # least squares cannot see the last entry
    kinds = []
    for step in range(7):
        solution = np.array([1.0, np.cos(7.0 * step), 100.0 * step**2])
        if step:
            kinds.append(extrapolation.guess(blind @ solution)[1])
        extrapolation.append(solution, blind @ solution, 0.0)
    assert kinds[0] == "least squares"
    assert kinds[-1] == "quadratic"
