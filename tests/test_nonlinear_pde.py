"""PDEs with a reaction, and with open sides: rates of convergence, and how solves end."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import ritz
from ritz import PDE, InvalidProblem, Status
from ritz.problem_types.pde.discretisation import Discretisation, unknowns_of_cells
from ritz.problems import gp_hm
from ritz.problems.pdes.manufactured import Wave, from_exact
from ritz.problems.pdes.separable import Separable, polynomial
from ritz.solvers.collocation.chebyshev import Chebyshev

ORDERS = {"second-order": 2, "fourth-order": 4}
CUBIC = (lambda u: u**3 - u, lambda u: 3 * u**2 - 1)
GROWTH = (np.exp, np.exp)  # Bratu's: given to -Laplace u, its slope makes the linearisation more definite
TERMS: dict[str, Any] = {
    "allen-cahn-1d": ({(2,): 1.0}, "dirichlet", CUBIC),
    "bratu-1d": ({(2,): -1.0, (1,): 2.0}, "mixed", GROWTH),
    "neumann-1d": ({(2,): -1.0}, "neumann", (np.sinh, np.cosh)),
    "allen-cahn-2d": ({(2, 0): 1.0, (0, 2): 1.0}, "dirichlet", CUBIC),
    "bratu-2d": ({(2, 0): -1.0, (0, 2): lambda x, y: -1.0 - x * y}, {"y+": "neumann"}, GROWTH),
    "periodic-2d": ({(2, 0): -1.0, (0, 2): -1.0}, "periodic", (np.sinh, np.cosh)),
    "advection-2d": ({(1, 0): 1.5, (0, 1): 1.0}, {"x+": "open", "y+": "open"}, None),
    "heat-2d": ({(2, 0): -0.3, (0, 1): 1.0}, {"y+": "open"}, None),
    "reaction-diffusion-2d": ({(2, 0): -0.3, (0, 1): 1.0}, {"x+": "neumann", "y+": "open"}, CUBIC),
}


def problem_named(name: str) -> PDE:
    terms, conditions, reaction = TERMS[name]
    dimension = int(name[-2])
    if conditions == "mixed":
        conditions = {"x+": "neumann"}
    frequencies = (2 * np.pi,) * 2 if conditions == "periodic" else (2.3, 1.7)
    wave = Wave(frequencies[:dimension], (0.4, 0.9)[:dimension])
    return from_exact(wave, [(0.0, 1.0)] * dimension, terms, conditions, name, reaction)


@pytest.mark.parametrize("scheme", ORDERS)
@pytest.mark.parametrize("name", TERMS)
def test_finite_differences_have_their_order(name: str, scheme: str):
    problem = problem_named(name)
    cells = (32, 64, 128) if problem.dimension == 1 else (24, 36, 54)
    errors = []
    for count in cells:
        shape = unknowns_of_cells(problem.sides, count)
        solution = ritz.solve(problem, "finite-difference", order=ORDERS[scheme], shape=shape, rtol=1e-11)
        errors.append(solution.error(problem.exact))
    slope = -np.polyfit(np.log(cells), np.log(errors), 1)[0]
    assert abs(slope - ORDERS[scheme]) <= 0.25, (slope, errors)


@pytest.mark.parametrize("name", TERMS)
def test_collocation_is_spectral(name: str):
    problem = problem_named(name)
    errors = [ritz.solve(problem, "chebyshev", shape=count, rtol=1e-12).error(problem.exact) for count in (5, 9, 18)]
    assert errors[-1] < 1e-10, errors
    if "periodic" not in name:
        assert errors[1] < 1e-2 * errors[0]


@pytest.mark.parametrize("solver", ["chebyshev", "finite-difference"])
def test_newton_keeps_the_contract(solver: str):
    problem = gp_hm.allen_cahn_2d("cosines", frequency=6.0)
    seen: list[tuple[int, float]] = []

    def watch(iteration: int, x: np.ndarray, residual: float) -> bool:
        seen.append((iteration, residual))
        return False

    solution = ritz.solve(problem, solver, shape=30, callback=watch)
    assert solution.solver == solver
    assert solution.converged
    assert [residual for _, residual in seen] == solution.history.tolist()
    assert len(solution.history) == solution.iterations + 1
    assert len(solution.stats["linear iterations"]) == solution.iterations
    assert solution.residual == solution.history[-1] <= 1e-8
    start = solution.x.copy()
    again = ritz.solve(problem, solver, shape=30, x0=start, rtol=1e-7)
    assert again.iterations == 0
    np.testing.assert_array_equal(again.x, start)

    early = ritz.solve(problem, solver, shape=30, maxiter=1, throw=False)
    assert (early.status, early.iterations) == (Status.MAX_ITERATIONS, 1)
    stopped = ritz.solve(problem, solver, shape=30, callback=lambda *_: True, throw=False)
    assert (stopped.status, stopped.iterations) == (Status.INTERRUPTED, 0)
    with pytest.raises(InvalidProblem, match="one right-hand side at a time"):
        Chebyshev(shape=8).prepare(problem).solve(np.ones((64, 2)))


def test_values_at_the_open_side_are_part_of_the_solution():
    problem = gp_hm.heat(frequency=8.0)
    solution = ritz.solve(problem, "chebyshev", shape=24)
    x = np.linspace(0, 1, 9)
    final = np.stack([x, np.ones(9)], axis=1)
    assert problem.exact is not None
    np.testing.assert_allclose(solution.interpolate(final), problem.exact(*final.T), atol=1e-10)


def test_strong_nonlinearity_is_damped():
    """From zero, full steps leave the basin: exp overflows."""
    problem = PDE((0.0, 1.0), {2: -1.0}, 0.0, 20.0, reaction=(lambda u: np.exp(u), lambda u: np.exp(u)))
    solution = ritz.solve(problem, "chebyshev", shape=80)
    assert solution.converged
    assert (np.diff(solution.history) < 0).all()


def test_no_solution_is_said_so():
    """Bratu's equation has none beyond a coefficient of 3.51."""
    problem = PDE((0.0, 1.0), {2: 1.0}, 0.0, reaction=(lambda u: 8 * np.exp(u), lambda u: 8 * np.exp(u)))
    solution = ritz.solve(problem, "chebyshev", shape=20, throw=False)
    assert solution.status in (Status.STAGNATED, Status.MAX_ITERATIONS, Status.SINGULAR)
    assert np.isfinite(solution.x).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"terms": {(2, 0): 1.0, (0, 2): 1.0}, "conditions": {"y+": "open"}}, r"axis y are open.*use 'dirichlet'"),
        ({"terms": {(1, 0): 1.0, (0, 1): 1.0}, "conditions": "open"}, "axis x are open.*not 0"),
    ],
)
@pytest.mark.parametrize("solver", ["chebyshev", "finite-difference", "auto"])
def test_sides_that_need_a_condition_cannot_be_open(changes: dict[str, Any], said: str, solver: str):
    with pytest.raises(InvalidProblem, match=said):
        ritz.solve(PDE([(0, 1), (0, 1)], **changes), solver)


def test_open_sides_are_exact_for_polynomials_of_the_scheme():
    exact = Separable([(polynomial(1.0, 2.0, -1.0), polynomial(0.5, -1.0, 3.0))])
    terms: dict[Any, Any] = {(1, 0): 2.0, (0, 1): 1.0}
    problem = from_exact(exact, [(0, 1), (0, 2)], terms, {"x+": "open", "y+": "open"})
    for scheme in ("second-order", "fourth-order", "chebyshev"):
        system = problem.discretize((6, 7), scheme)
        x = np.linalg.solve(system.operator.to_dense(), system.rhs)
        np.testing.assert_allclose(x, system.exact, atol=1e-10)  # pyright: ignore[reportArgumentType]


def test_auto_takes_what_is_nonlinear_or_open():
    for problem in (gp_hm.allen_cahn_1d(frequency=8.0), gp_hm.heat(frequency=9.0)):
        solution = ritz.solve(problem)
        assert solution.stats["chosen"].startswith("chebyshev")
        assert solution.error(problem.exact) < 1e-8
    mixing = replace(problem_named("bratu-2d"), domain=[(0, 1), (0, 1)])
    assert ritz.solve(mixing).error(mixing.exact) < 1e-8


def test_the_linear_part_of_a_nonlinear_pde_has_its_boundary_data_apart():
    problem = problem_named("bratu-1d")
    for scheme in (*ORDERS, "chebyshev"):
        discretisation = Discretisation(problem, 20, scheme)
        weights = 1.0 if discretisation.weights is None else discretisation.weights
        x = discretisation.grid.coordinates()
        expected = weights * problem.source(*x)  # pyright: ignore[reportCallIssue]
        np.testing.assert_allclose(discretisation.linear_part.rhs - discretisation.boundary_part, expected, atol=1e-9)
        with pytest.raises(InvalidProblem, match="nonlinear"):
            _ = discretisation.system
