"""Every registered solver keeps the same contract on every registered problem, on NumPy and torch."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from systems import NAMES, SYSTEMS, facts, small_instance, system

import ritz
from ritz.backend import asarray_like, numpy_dtype, to_numpy
from ritz.operators import KroneckerSum, Stencil, Tag
from ritz.registry import solvers

RTOL = {"float32": 1e-4, "float64": 1e-8}
EPSILON = {"float32": 1.2e-7, "float64": 2.3e-16}


def constant_on_box(problem):
    operator = problem.operator
    return isinstance(operator, KroneckerSum) or (isinstance(operator, Stencil) and operator.constant)


def on_grid(problem):
    return isinstance(problem.operator, Stencil) or problem.grid is not None


# Solvers that need to know how the unknowns lie, and which operators they take.
FEW = {"maxiter": 3, "points": 50, "side_points": 10, "width": 8}  # what training reaches is tested in test_neural.py
REDUCED = {"size": 4, "samples": 40}
TRAINED = {"pinn": FEW, "rff-pinn": FEW, "pod": REDUCED, "local-reduced-basis": {**REDUCED, "clusters": 2}}
STRUCTURED = {"multigrid": on_grid, "transform": constant_on_box, "tridiagonal-transform": constant_on_box}
STRUCTURED["attributes-kmeans"] = lambda graph: bool(graph.attribute_blocks)


def ordinary(solver_name):
    """Return the name of a positive definite system that the solver takes, if it takes linear systems."""
    return "poisson" if solver_name in STRUCTURED else "poisson-2d"


def is_linear(problem_name):
    return isinstance(system(problem_name), ritz.LinearSystem)


def convert(values, backend):
    return torch.tensor(values) if backend == "torch" else values


def make(problem_name, backend, dtype):
    """Return the system in a backend and a dtype."""
    made = system(problem_name)
    try:
        made = made.astype(dtype)
    except ritz.InvalidProblem as error:
        pytest.skip(str(error))
    return replace(made, rhs=convert(to_numpy(made.rhs), backend))


def prepare(solver_name, problem):
    try:
        return solvers[solver_name]().prepare(problem)
    except ritz.MissingExtra as error:
        pytest.skip(str(error))


def _is_special(pde):
    """Whether a PDE is nonlinear or has open sides, which not every solver of PDEs has to take."""
    return pde.reaction is not None or any("open" in pair for pair in pde.sides)


def _objection(solver_name, problem):
    """Return what a solver says against a problem; nothing if it takes it."""
    try:
        prepare(solver_name, problem)
    except ritz.InvalidProblem as error:
        return str(error)
    return ""


def refused(solver_name, problem_name) -> bool:
    """Whether the pairing does not fit; then check that it is refused, and why."""
    kind, problem = solvers[solver_name], system(problem_name)
    if not isinstance(problem, kind.solves):
        with pytest.raises(ritz.InvalidProblem, match=type(problem).__name__):
            prepare(solver_name, problem)
        return True
    if is_linear(problem_name) and Tag.SYMMETRIC in kind.requires and not facts(problem_name).symmetric:
        with pytest.raises(ritz.InvalidProblem, match=r"symmetric operator.*use"):
            prepare(solver_name, problem)
        return True
    if isinstance(problem, ritz.PDE) and _is_special(problem):
        said = _objection(solver_name, problem)
        if said:
            assert re.search("(open|nonlinear).*use", said)
            return True
    if not STRUCTURED.get(solver_name, lambda problem: True)(problem):
        with pytest.raises(ritz.InvalidProblem, match="use"):
            prepare(solver_name, problem)
        return True
    return False


def check_solution(solution, problem, rhs, solver_name, problem_name, rtol, x0=None):
    """Check what holds for every solution, converged or not."""
    dtype = numpy_dtype(rhs).name
    assert type(solution.x) is type(rhs)
    assert numpy_dtype(solution.x) == numpy_dtype(rhs)
    assert tuple(solution.x.shape) == tuple(rhs.shape)
    assert np.isfinite(to_numpy(solution.x)).all()

    matrix = problem.operator.to_dense().astype(float)
    b, x = to_numpy(rhs).astype(float), to_numpy(solution.x).astype(float)
    norms = np.linalg.norm(b, axis=0)
    norms = np.where(norms > 0, norms, 1.0)
    true = float((np.linalg.norm(b - matrix @ x, axis=0) / norms).max())
    rounding = 20 * EPSILON[dtype] * float((np.linalg.norm(abs(matrix) @ abs(x), axis=0) / norms).max())
    assert solution.residual == pytest.approx(true, rel=1e-3, abs=rounding)
    assert solution.converged == (solution.residual <= rtol)
    if facts(problem_name).easy:
        assert solution.converged, solution
    if x0 is None:
        assert solution.residual <= 1.0 + rounding + 10 * EPSILON[dtype]  # never worse than the zero it started from

    assert isinstance(solution.iterations, int)
    assert len(solution.history) == solution.iterations + 1
    if x0 is None and b.any():
        assert solution.history[0] == pytest.approx(1.0, rel=1e-5)
    assert set(solution.timings) >= {"prepare", "solve"}
    assert all(seconds >= 0.0 for seconds in solution.timings.values())
    assert solution.solver
    if solver_name != "auto":
        assert solution.solver == solver_name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("problem_name", NAMES)
@pytest.mark.parametrize("solver_name", solvers.names())
def test_solution(solver_name, problem_name, backend, dtype):
    if refused(solver_name, problem_name):
        return
    if not is_linear(problem_name):
        if (backend, dtype) == ("numpy", "float64"):  # other kinds bring their own arrays, or none
            check_other_kind(solver_name, system(problem_name))
        return
    problem = make(problem_name, backend, dtype)
    rhs = to_numpy(problem.rhs).copy()
    prepared = prepare(solver_name, problem)
    solution = prepared.solve(rtol=RTOL[dtype])
    check_solution(solution, problem, problem.rhs, solver_name, problem_name, RTOL[dtype])
    np.testing.assert_array_equal(to_numpy(problem.rhs), rhs)

    again = prepare(solver_name, problem).solve(rtol=RTOL[dtype])
    np.testing.assert_array_equal(to_numpy(again.x), to_numpy(solution.x))
    assert again.iterations == solution.iterations

    doubled = prepared.solve(2 * problem.rhs, rtol=RTOL[dtype])
    check_solution(doubled, problem, 2 * problem.rhs, solver_name, problem_name, RTOL[dtype])


def check_other_kind(solver_name, problem):
    """Check the solution of a problem that is no linear system."""
    try:
        solution = ritz.solve(problem, solver_name, throw=False, **TRAINED.get(solver_name, {}))
    except ritz.MissingExtra as error:
        pytest.skip(str(error))
    assert len(solution.history) == solution.iterations + 1
    assert np.isfinite(to_numpy(solution.x)).all()
    assert set(solution.timings) >= {"prepare", "solve"}


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("problem_name", NAMES)
@pytest.mark.parametrize("solver_name", solvers.names())
def test_right_hand_sides(solver_name, problem_name, backend):
    """Zero, several at once, a starting vector that is a solution, and one that is far off."""
    if not is_linear(problem_name) or refused(solver_name, problem_name):
        return
    problem = make(problem_name, backend, "float64")
    prepared = prepare(solver_name, problem)
    matrix = problem.operator.to_dense()
    generator = np.random.default_rng(7)
    n = problem.size

    zero = problem.rhs * 0.0
    for x0 in (None, convert(generator.standard_normal(n), backend)):
        solution = prepared.solve(zero, x0=x0)
        assert solution.converged
        assert solution.residual == 0.0
        assert not to_numpy(solution.x).any()

    b = to_numpy(problem.rhs)
    other = matrix @ generator.standard_normal(n)
    block = convert(np.stack([b, 0.0 * b, other], axis=1), backend)
    before = to_numpy(block).copy()
    solution = prepared.solve(block)
    check_solution(solution, problem, block, solver_name, problem_name, 1e-8)
    assert not to_numpy(solution.x)[:, 1].any()
    np.testing.assert_array_equal(to_numpy(block), before)

    single = prepared.solve(problem.rhs, rtol=1e-8)
    if single.converged:
        start = to_numpy(single.x).copy()
        warm = prepared.solve(problem.rhs, x0=single.x, rtol=2e-8)
        assert warm.converged
        assert warm.iterations == 0
        assert warm.history[0] <= 2e-8
        np.testing.assert_array_equal(to_numpy(single.x), start)
    far = asarray_like(1e3 * generator.standard_normal(n), problem.rhs)
    from_far = prepared.solve(problem.rhs, x0=far, rtol=1e-6)
    check_solution(from_far, problem, problem.rhs, solver_name, problem_name, 1e-6, x0=far)
    assert from_far.history[0] > 1e-6


@pytest.mark.parametrize("solver_name", solvers.names())
def test_throw_and_return(solver_name):
    problem = system(ordinary(solver_name))
    if not isinstance(problem, solvers[solver_name].solves):
        pytest.skip("solves another kind of problem")
    try:
        stopped = ritz.solve(problem, solver_name, maxiter=0, throw=False)
    except ritz.MissingExtra as error:
        pytest.skip(str(error))
    assert stopped.status is ritz.Status.MAX_ITERATIONS
    assert stopped.iterations == 0
    assert len(stopped.history) == 1
    with pytest.raises(ritz.ConvergenceError, match=r"MAX_ITERATIONS.*raise maxiter") as caught:
        ritz.solve(problem, solver_name, maxiter=0)
    np.testing.assert_array_equal(caught.value.solution.x, stopped.x)


@pytest.mark.parametrize("solver_name", solvers.names())
def test_callback(solver_name):
    """A callback sees each iteration with its residual, and stops the solve."""
    problem = system(ordinary(solver_name))
    if not isinstance(problem, solvers[solver_name].solves):
        pytest.skip("solves another kind of problem")
    seen = []

    def watch(iteration, x, residual):
        assert x.shape == problem.rhs.shape
        seen.append((iteration, residual))

    try:
        solution = ritz.solve(problem, solver_name, callback=watch)
    except ritz.MissingExtra as error:
        pytest.skip(str(error))
    assert len(seen) in (solution.iterations, solution.iterations + 1)  # the last iterate may go straight to the user
    before_last = seen[: solution.iterations]
    assert [iteration for iteration, _ in before_last] == list(range(solution.iterations))
    np.testing.assert_array_equal([residual for _, residual in before_last], solution.history[:-1])
    stopped = ritz.solve(problem, solver_name, callback=lambda *_: True, throw=False)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert stopped.iterations == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SYSTEMS])
def test_registered_problems_are_named_and_finite(name):
    problem = small_instance(name)
    assert problem.name
    if is_linear(name):
        assert np.isfinite(to_numpy(system(name).rhs)).all()


@pytest.mark.parametrize("solver_name", solvers.names())
def test_sequence(solver_name):
    """Each solver marches through a sequence of systems, starting from the solution before."""
    if not issubclass(ritz.LinearSystem, solvers[solver_name].solves):
        pytest.skip("solves another kind of problem")
    problem = system(ordinary(solver_name))
    sequence = ritz.SystemSequence(problem.operator, problem.rhs, lambda u: u, lambda u, x: u + 0.01 * x, steps=3)
    try:
        trajectory = ritz.solve(sequence, solver_name)
    except ritz.MissingExtra as error:
        pytest.skip(str(error))
    assert len(trajectory.steps) == 3
    assert all(step.converged for step in trajectory.steps)
    u = to_numpy(problem.rhs)
    matrix = problem.operator.to_dense()
    for _ in range(3):
        u = u + 0.01 * np.linalg.solve(matrix, u)
    np.testing.assert_allclose(trajectory.state, u, rtol=1e-6)
    if trajectory.steps[0].iterations > 1:
        assert trajectory.steps[1].history[0] < 1.0
