"""Every registered solver keeps the same contract on every registered problem it takes, on NumPy and torch."""

import numpy as np
import pytest
from contract import (
    OPTIONS,
    RTOL,
    STRUCTURE,
    Pairing,
    compatible,
    convert,
    has_dtype,
    installed_solvers,
    is_linear,
    missing_extra,
    refusals,
)
from systems import NAMES, SYSTEMS, small_instance, system

import ritz
from ritz.backend import asarray_like, to_numpy
from ritz.registry import solvers

LINEAR = compatible(linear=True)
OF_LINEAR_SYSTEMS = [name for name in installed_solvers() if issubclass(ritz.LinearSystem, solvers[name].solves)]


def ordinary(solver_name):
    """Return the name of a positive definite system that a solver of linear systems takes."""
    return "poisson" if solver_name in STRUCTURE else "poisson-2d"


@pytest.mark.parametrize(
    ("solver_name", "problem_name", "backend", "dtype"),
    [
        (*pair, backend, dtype)
        for pair in LINEAR
        for backend in ("numpy", "torch")
        for dtype in ("float32", "float64")
        if has_dtype(pair[1], dtype)
    ],
)
def test_solution(solver_name, problem_name, backend, dtype):
    pairing = Pairing(solver_name, problem_name, backend, dtype)
    problem = pairing.problem()
    rhs = to_numpy(problem.rhs).copy()
    prepared = pairing.prepare(problem)
    solution = prepared.solve(rtol=RTOL[dtype])
    pairing.expect_solution(solution, problem, problem.rhs, RTOL[dtype])
    pairing.expect(np.array_equal(to_numpy(problem.rhs), rhs), "an unchanged right-hand side")

    again = pairing.prepare(problem).solve(rtol=RTOL[dtype])
    pairing.expect(np.array_equal(to_numpy(again.x), to_numpy(solution.x)), "the same answer a second time")
    pairing.expect(again.iterations == solution.iterations, "the same iterations a second time")

    doubled = prepared.solve(2 * problem.rhs, rtol=RTOL[dtype])
    pairing.expect_solution(doubled, problem, 2 * problem.rhs, RTOL[dtype])


@pytest.mark.parametrize(("solver_name", "problem_name"), compatible(linear=False))
def test_solution_of_other_kinds(solver_name, problem_name):
    """PDEs, graphs, regression and parametric problems, which bring their own arrays."""
    pairing, problem = Pairing(solver_name, problem_name), system(problem_name)
    special = isinstance(problem, ritz.PDE) and (
        problem.reaction is not None or any("open" in pair for pair in problem.sides)
    )
    try:
        solution = ritz.solve(problem, solver_name, throw=False, **OPTIONS.get(solver_name, {}))
    except ritz.InvalidProblem:
        pairing.expect(special, "a solution")
        pairing.expect_refusal("(open|nonlinear).*use")  # which not every solver of PDEs has to take
        return
    pairing.expect_record(solution)
    pairing.expect(np.isfinite(to_numpy(solution.x)).all(), "finite entries of x")


@pytest.mark.parametrize(("solver_name", "problem_name", "pattern"), refusals())
def test_refusal(solver_name, problem_name, pattern):
    """One problem for each reason a solver has to refuse one: its kind, a lack of symmetry, a lack of structure."""
    Pairing(solver_name, problem_name).expect_refusal(pattern)


@pytest.mark.parametrize("solver_name", [name for name in solvers.names() if missing_extra(name)])
def test_solver_without_its_package_says_what_to_install(solver_name):
    assert "pip install 'ritz[" in missing_extra(solver_name)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize(("solver_name", "problem_name"), LINEAR)
def test_right_hand_sides(solver_name, problem_name, backend):
    """Zero, several at once, a starting vector that is a solution, and one that is far off."""
    pairing = Pairing(solver_name, problem_name, backend)
    problem, expect = pairing.problem(), pairing.expect
    prepared = pairing.prepare(problem)
    matrix = problem.operator.to_dense()
    generator = np.random.default_rng(7)
    n = problem.size

    zero = problem.rhs * 0.0
    for x0 in (None, convert(generator.standard_normal(n), backend)):
        solution = prepared.solve(zero, x0=x0)
        expect(solution.converged, f"convergence for b = 0: {solution}")
        expect(solution.residual == 0.0, f"no residual for b = 0, got {solution.residual:.3e}")
        expect(not to_numpy(solution.x).any(), "x = 0 for b = 0")

    b = to_numpy(problem.rhs)
    other = matrix @ generator.standard_normal(n)
    block = convert(np.stack([b, 0.0 * b, other], axis=1), backend)
    before = to_numpy(block).copy()
    solution = prepared.solve(block)
    pairing.expect_solution(solution, problem, block, 1e-8)
    expect(not to_numpy(solution.x)[:, 1].any(), "a zero column for a zero column")
    expect(np.array_equal(to_numpy(block), before), "an unchanged block of right-hand sides")

    single = prepared.solve(problem.rhs, rtol=1e-8)
    if single.converged:
        start = to_numpy(single.x).copy()
        warm = prepared.solve(problem.rhs, x0=single.x, rtol=2e-8)
        expect(warm.converged, f"convergence from a solution: {warm}")
        expect(warm.iterations == 0, f"no iteration from a solution, got {warm.iterations}")
        expect(warm.history[0] <= 2e-8, f"the residual of the start in history[0], got {warm.history[0]:.3e}")
        expect(np.array_equal(to_numpy(single.x), start), "an unchanged starting vector")
    far = asarray_like(1e3 * generator.standard_normal(n), problem.rhs)
    from_far = prepared.solve(problem.rhs, x0=far, rtol=1e-6)
    pairing.expect_solution(from_far, problem, problem.rhs, 1e-6, x0=far)
    expect(from_far.history[0] > 1e-6, f"the residual of a far start in history[0], got {from_far.history[0]:.3e}")


@pytest.mark.parametrize("solver_name", OF_LINEAR_SYSTEMS)
def test_throw_and_return(solver_name):
    pairing = Pairing(solver_name, ordinary(solver_name))
    problem = pairing.problem()
    stopped = ritz.solve(problem, solver_name, maxiter=0, throw=False)
    pairing.expect(stopped.status is ritz.Status.MAX_ITERATIONS, f"MAX_ITERATIONS for maxiter=0, got {stopped.status}")
    pairing.expect(stopped.iterations == 0, f"no iteration for maxiter=0, got {stopped.iterations}")
    pairing.expect_record(stopped)
    with pytest.raises(ritz.ConvergenceError, match=r"MAX_ITERATIONS.*raise maxiter") as caught:
        ritz.solve(problem, solver_name, maxiter=0)
    np.testing.assert_array_equal(caught.value.solution.x, stopped.x)


@pytest.mark.parametrize("solver_name", OF_LINEAR_SYSTEMS)
def test_callback(solver_name):
    """A callback sees each iteration with its residual, and stops the solve."""
    pairing = Pairing(solver_name, ordinary(solver_name))
    problem, seen = pairing.problem(), []

    def watch(iteration, x, residual):
        assert x.shape == problem.rhs.shape
        seen.append((iteration, residual))

    solution = ritz.solve(problem, solver_name, callback=watch)
    calls = (solution.iterations, solution.iterations + 1)  # the last iterate may go straight to the user
    pairing.expect(len(seen) in calls, f"{calls} calls of the callback, got {len(seen)}")
    before_last = seen[: solution.iterations]
    assert [iteration for iteration, _ in before_last] == list(range(solution.iterations))
    np.testing.assert_array_equal([residual for _, residual in before_last], solution.history[:-1])
    stopped = ritz.solve(problem, solver_name, callback=lambda *_: True, throw=False)
    pairing.expect(stopped.status is ritz.Status.INTERRUPTED, f"INTERRUPTED by the callback, got {stopped.status}")
    pairing.expect(stopped.iterations == 0, f"no iteration after the first call, got {stopped.iterations}")


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SYSTEMS])
def test_registered_problems_are_named_and_finite(name):
    problem = small_instance(name)
    assert problem.name
    if is_linear(name):
        assert np.isfinite(to_numpy(system(name).rhs)).all()


@pytest.mark.parametrize("solver_name", OF_LINEAR_SYSTEMS)
def test_sequence(solver_name):
    """Each solver marches through a sequence of systems, starting from the solution before."""
    problem = system(ordinary(solver_name))
    sequence = ritz.SystemSequence(problem.operator, problem.rhs, lambda u: u, lambda u, x: u + 0.01 * x, steps=3)
    trajectory = ritz.solve(sequence, solver_name)
    assert len(trajectory.steps) == 3
    assert all(step.converged for step in trajectory.steps)
    u = to_numpy(problem.rhs)
    matrix = problem.operator.to_dense()
    for _ in range(3):
        u = u + 0.01 * np.linalg.solve(matrix, u)
    np.testing.assert_allclose(trajectory.state, u, rtol=1e-6)
    if trajectory.steps[0].iterations > 1:
        assert trajectory.steps[1].history[0] < 1.0
