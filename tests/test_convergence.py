"""Discretisation errors fall at the rate the theory gives: every scheme on every manufactured PDE."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import ritz
from ritz.problem_types.pde.discretisation import Discretisation, unknowns_of_cells
from ritz.problems.pdes.manufactured import NAMES
from ritz.registry import figures
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver

ORDERS = {"second-order": 2, "fourth-order": 4}
CELLS = {
    # coarse enough for rounding, fine enough for the leading error term to rule
    ("second-order", 1): (32, 64, 128),
    ("second-order", 2): (24, 48, 96),
    ("second-order", 3): (16, 24, 36),
    ("fourth-order", 1): (48, 72, 108),
    ("fourth-order", 2): (48, 72, 108),
    ("fourth-order", 3): (32, 44, 60),
}
NODES = (5, 7, 9)


@cache
def discrete_error(name: str, scheme: str, shape: tuple[int, ...] | int) -> float:
    """Return the root-mean-square error at the unknowns; the system is solved far beyond it."""
    discretisation = Discretisation(ritz.problems.manufactured(name), shape, scheme)
    system = discretisation.system
    assert system.exact is not None
    if discretisation.factors is not None and len(discretisation.axes) == 3:  # a sparse LU would take minutes
        factors = [np.asarray(factor.todense()) for factor in discretisation.factors]
        x = KroneckerSumSolver(factors, discretisation.singular)(discretisation.rhs)
        assert np.linalg.norm(system.rhs - system.operator @ x) <= 1e-10 * np.linalg.norm(system.rhs)
    else:
        x = ritz.solve(system, "lu", rtol=1e-10).x
    return float(np.sqrt(np.mean((x - system.exact) ** 2)))


@pytest.mark.parametrize("scheme", ORDERS)
@pytest.mark.parametrize("name", NAMES)
def test_finite_differences_have_their_order(name: str, scheme: str):
    problem = ritz.problems.manufactured(name)
    cells = CELLS[scheme, problem.dimension]
    errors = [discrete_error(name, scheme, unknowns_of_cells(problem.sides, count)) for count in cells]
    slope = -np.polyfit(np.log(cells), np.log(errors), 1)[0]
    assert abs(slope - ORDERS[scheme]) <= 0.15, (slope, errors)


@pytest.mark.parametrize("name", NAMES)
def test_collocation_is_spectral(name: str):
    problem = ritz.problems.manufactured(name)
    solution = ritz.solve(problem, "chebyshev", shape={1: 20, 2: 18, 3: 15}[problem.dimension])
    assert solution.error(problem.exact) < 1e-10
    if "periodic" in name:
        return  # a single wave: exact from the start
    errors = [ritz.solve(problem, "chebyshev", shape=count).error(problem.exact) for count in NODES]
    rates = -np.diff(np.log(errors)) / np.diff(NODES)
    # exponential: at least a factor e^1.5 for each node, and no slower as nodes are added
    assert (rates > 1.5).all(), (errors, rates)
    assert rates[-1] > 0.9 * rates[0], (errors, rates)


@pytest.mark.parametrize("scheme", ORDERS)
@pytest.mark.parametrize("name", ["diffusion-1d", "mixed-2d", "channel-2d"])
def test_values_between_the_nodes_have_the_order_of_the_scheme(name: str, scheme: str):
    problem = ritz.problems.manufactured(name)
    generator = np.random.default_rng(0)
    points = generator.uniform(size=(200, problem.dimension))
    points[:20] = generator.integers(0, 2, (20, problem.dimension))  # corners
    assert problem.exact is not None
    exact = problem.exact(*points.T)
    errors = []
    for count in (24, 48, 96):
        solution = ritz.solve(
            problem,
            "finite-difference",
            order=ORDERS[scheme],
            shape=unknowns_of_cells(problem.sides, count),
            rtol=1e-11,
        )
        errors.append(float(np.sqrt(np.mean((solution.interpolate(points) - exact) ** 2))))
    slope = np.log2(errors[-2] / errors[-1])
    assert abs(slope - ORDERS[scheme]) <= 0.15, (slope, errors)


def test_the_figure_shows_the_orders():
    entry = figures["convergence-orders"]
    data = entry.compute(quick=True)
    for errors in data.values():
        for scheme, order in ORDERS.items():
            slope = np.polyfit(np.log(errors["spacing"]), np.log(errors[scheme]), 1)[0]
            assert abs(slope - order) < 0.5
    canvas = entry.plot(data)
    left, right = canvas.axes
    assert len(left.lines) == 2 * len(data)
    assert len(right.lines) == len(data)
