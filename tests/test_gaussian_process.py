"""The Gaussian-process solver: what it finds, how well it knows it, and what it refuses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz import PDE
from ritz.errors import AliasingWarning, IllConditionedWarning
from ritz.problems import gp_hm
from ritz.problems.pdes.manufactured import NAMES
from ritz.registry import solvers
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver, along_axes
from ritz.solvers.gaussian_process.features import legendre
from ritz.solvers.gaussian_process.features.axis_basis import AxisBasis
from ritz.solvers.gaussian_process.features.galerkin import condition_on_box
from ritz.solvers.gaussian_process.features.interval_posterior import condition_on_interval
from ritz.solvers.gaussian_process.features.linear_model import condition_weights
from ritz.solvers.gaussian_process.features.periodogram import find_tones
from ritz.solvers.gaussian_process.features.spectral_features import SpectralFeatures
from ritz.solvers.gaussian_process.grid_data import Condition, grid_data


def unseen_error(solution: Any, problem: PDE, count: int = 300) -> float:
    """Return the relative error on a uniform grid that is not that of the nodes."""
    axes = [np.linspace(lower, upper, count if problem.dimension < 3 else 40) for lower, upper in problem.domain]
    points = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    assert problem.exact is not None
    exact = problem.exact(*points.T)
    return float(np.linalg.norm(solution.mean(points) - exact) / np.linalg.norm(exact))


CASES_1D = {
    **{case: (gp_hm.poisson_1d(case), 1e-9) for case in ("single_sin", "mix_sin", "sin_cos", "x_time_sinx")},
    "x2_add_sinx": (gp_hm.poisson_1d("x2_add_sinx"), 1e-9),
    "chirp": (gp_hm.poisson_1d("chirp"), 1e-8),
    "bump": (gp_hm.poisson_1d("bump"), 1e-8),
    "layer": (gp_hm.poisson_1d("layer"), 1e-8),
    "tones": (gp_hm.poisson_1d("tones"), 1e-8),
    "other tones": (gp_hm.poisson_1d("tones", seed=7), 1e-8),
    "allen-cahn single_sin": (gp_hm.allen_cahn_1d("single_sin"), 1e-9),
    "allen-cahn sin_cos": (gp_hm.allen_cahn_1d("sin_cos"), 1e-9),
}


@pytest.mark.parametrize("case", CASES_1D)
def test_one_dimension(case: str):
    problem, target = CASES_1D[case]
    solution: Any = ritz.solve(problem, "gp", shape=gp_hm.GRIDS[problem.name])
    assert unseen_error(solution, problem) <= target
    assert solution.residual <= 1e-8


def test_two_points_a_wavelength_are_enough():
    problem = gp_hm.poisson_1d("x2_add_sinx")
    solution: Any = ritz.solve(problem, "gp", shape=165)
    assert unseen_error(solution, problem) <= 1e-8
    assert ritz.solve(problem, "chebyshev", shape=163).error(problem.exact) > 0.1


CASES_ND = {
    "sin_sin": (gp_hm.poisson_2d("sin_sin"), (400, 400), 1e-10),
    "sin_add_cos": (gp_hm.poisson_2d("sin_add_cos"), (200, 200), 1e-10),
    "multiscale": (gp_hm.poisson_2d("multiscale"), (400, 400), 1e-9),
    "bump": (gp_hm.poisson_2d("bump"), (200, 200), 1e-8),
    "allen-cahn mixed": (gp_hm.allen_cahn_2d("mixed"), (400, 400), 1e-7),
    "allen-cahn cosines": (gp_hm.allen_cahn_2d("cosines"), (80, 80), 1e-7),
    "advection": (gp_hm.advection(), (200, 200), 1e-6),
    "heat": (gp_hm.heat(), (200, 200), 1e-8),
    "helmholtz": (gp_hm.helmholtz("plane"), (200, 200), 1e-8),
    "poisson-3d": (gp_hm.poisson_3d(), (64, 64, 64), 1e-8),
}


@pytest.mark.parametrize("case", CASES_ND)
def test_several_dimensions(case: str):
    problem, shape, target = CASES_ND[case]
    solution: Any = ritz.solve(problem, "gp", shape=shape)
    assert unseen_error(solution, problem, 100) <= target


@pytest.mark.parametrize("name", NAMES)
def test_grids_are_chosen_for_every_equation_and_condition(name: str):
    problem = ritz.problems.manufactured(name)
    solution = ritz.solve(problem, "gp")
    assert solution.error(problem.exact) <= 1e-9, solution


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=12)
def test_mixtures_that_no_one_tuned_for(seed: int):
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, 7))
    tones, phases = generator.uniform(1.0, 150.0, count), generator.uniform(0.0, 6.0, count)
    sizes = generator.uniform(0.1, 1.0, count) * np.where(tones > 50.0, 0.1, 1.0)
    lower = float(generator.uniform(-5.0, 5.0))
    upper = lower + float(generator.uniform(0.5, 6.0))

    def wave(x: np.ndarray, order: int = 0) -> np.ndarray:
        angle = np.multiply.outer(x, tones) + phases + 0.5 * np.pi * order
        return (sizes * tones**order * np.sin(angle)).sum(axis=-1)

    problem = PDE((lower, upper), {2: 1.0, 0: 3.0}, lambda x: wave(x, 2) + 3.0 * wave(x), wave, exact=wave)
    solution: Any = ritz.solve(problem, "gp")
    assert unseen_error(solution, problem) <= 1e-8, solution.stats


def test_layers_that_only_boundary_values_show():
    def decay(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(60.0 * x) * np.exp(-60.0 * y)

    problem = PDE([(0, 1), (0, 1)], {(2, 0): 1.0, (0, 2): 1.0}, 0.0, decay, exact=decay)
    assert ritz.solve(problem, "gp").error(decay) <= 1e-8

    def layer(x: np.ndarray) -> np.ndarray:
        return x - np.exp((x - 1.0) / 1e-3)

    problem = PDE((0.0, 1.0), {2: -1e-3, 1: 1.0}, 1.0, layer, exact=layer)
    assert ritz.solve(problem, "gp", shape=60).error(layer) <= 1e-10


def test_coefficients_that_couple_the_axes_are_iterated_on():
    def wave(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.sin(50.0 * x) * np.sin(40.0 * y)

    def coefficient(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return 1.0 + 0.5 * np.sin(3.0 * x) * np.cos(2.0 * y)

    terms = {(2, 0): coefficient, (0, 2): coefficient, (0, 0): lambda x, y: x * y}
    problem = PDE(
        [(0, 1), (0, 1)], terms, lambda x, y: (x * y - 4100.0 * coefficient(x, y)) * wave(x, y), wave, exact=wave
    )
    solution = ritz.solve(problem, "gp", shape=100)
    assert solution.error(wave) <= 1e-9
    assert 1 < solution.iterations < 10


def test_uneven_nodes():
    problem = gp_hm.poisson_1d("x2_add_sinx", frequency=200.0)
    nodes = np.sort(np.random.default_rng(0).uniform(size=200))
    solution: Any = ritz.solve(problem, "gp", points=nodes)
    assert unseen_error(solution, problem) <= 1e-8
    np.testing.assert_array_equal(solution.grid.axes[0], nodes)


def test_frequencies_may_be_given():
    problem = gp_hm.poisson_2d("sin_sin", frequency=9.0)
    solution: Any = ritz.solve(problem, "gp", shape=60, frequencies=([9.0], [9.0]))
    assert solution.error(problem.exact) <= 1e-9
    assert [found.tolist() for found in solution.frequencies] == [[0.0, 9.0]] * 2


def test_the_posterior_mean_has_derivatives():
    problem = gp_hm.poisson_2d("sin_add_cos")
    solution: Any = ritz.solve(problem, "gp", shape=100)
    points = np.random.default_rng(0).uniform(0.5, 5.5, (50, 2))
    step = 1e-5
    for axis, index in enumerate(((1, 0), (0, 1))):
        shift = step * np.eye(2)[axis]
        difference = (solution.mean(points + shift) - solution.mean(points - shift)) / (2 * step)
        np.testing.assert_allclose(solution.mean(points, derivative=index), difference, atol=1e-4)
    laplacian = solution.mean(points, derivative=(2, 0)) + solution.mean(points, derivative=(0, 2))
    np.testing.assert_allclose(laplacian, problem.source(*points.T), atol=1e-6)  # pyright: ignore
    as_tensor = solution.mean(torch.tensor(points))
    assert isinstance(as_tensor, torch.Tensor)
    np.testing.assert_array_equal(as_tensor.numpy(), solution.mean(points))


# How well the posterior knows what it knows.


def prior_draw(features: SpectralFeatures, generator: np.random.Generator) -> Any:
    """Return a function drawn from the prior of features, with its derivatives."""
    points = np.linspace(features.lower, features.upper, 200)
    curvature = np.linalg.norm(features.evaluate(points, 2)[2], axis=0)
    value = np.linalg.norm(features.evaluate(points)[0], axis=0)
    weights = generator.standard_normal(features.count) / np.maximum(curvature, value)
    return lambda x, order=0: features.evaluate(np.ravel(x), order)[order] @ weights


@pytest.mark.parametrize("learned", [False, True])
def test_intervals_cover_in_one_dimension(learned: bool):
    generator = np.random.default_rng(0)
    features = SpectralFeatures(0.0, 2.0, (25.0, 40.0), modulation=3, low_order=6)
    nodes, inside = np.linspace(0.0, 2.0, 120), generator.uniform(0.0, 2.0, 20)
    covered: list[float] = []
    for _ in range(60):
        u = prior_draw(features, generator)
        curvature = u(nodes, 2)
        noise = 0.1 * float(np.std(curvature))
        problem = PDE((0.0, 2.0), {2: 1.0}, 0.0, u)
        data = grid_data(problem, [nodes], curvature + noise * generator.standard_normal(len(nodes)))
        posterior = condition_on_interval(data, features, "learn" if learned else noise)
        assert posterior.noise == pytest.approx(noise, rel=0.35)
        deviation = posterior.variance(inside) ** 0.5
        covered.append(float(np.mean(np.abs(posterior.mean(inside) - u(inside)) <= 1.645 * deviation)))
    assert 0.8 <= np.mean(covered) <= 0.99


def test_intervals_cover_in_two_dimensions():
    generator = np.random.default_rng(1)
    features = SpectralFeatures(0.0, 1.0, (20.0,), modulation=3, low_order=5)
    axis = np.linspace(0.0, 1.0, 50)
    grid = np.meshgrid(axis, axis, indexing="ij")
    inside = generator.uniform(size=(20, 2))
    covered: list[float] = []
    for _ in range(60):
        parts = [(prior_draw(features, generator), prior_draw(features, generator)) for _ in range(3)]

        def u(x: np.ndarray, y: np.ndarray, a: int = 0, b: int = 0, parts: Any = parts) -> np.ndarray:
            return sum(p(x, a) * q(y, b) for p, q in parts).reshape(np.shape(x))

        source = u(*grid, 2, 0) + u(*grid, 0, 2)
        noise = 0.2 * float(np.std(source))
        problem = PDE([(0, 1), (0, 1)], {(2, 0): 1.0, (0, 2): 1.0}, 0.0, u)
        data = grid_data(problem, [axis, axis], source + noise * generator.standard_normal(source.shape))
        posterior = condition_on_box(data, [features, features], "learn")
        assert posterior.noise == pytest.approx(noise, rel=0.1)
        deviation = posterior.variance(inside) ** 0.5
        covered.append(float(np.mean(np.abs(posterior.mean(inside) - u(*inside.T)) <= 1.645 * deviation)))
    assert 0.8 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("dimension", [1, 2])
def test_samples_have_mean_and_variance_of_the_posterior(dimension: int):
    generator = np.random.default_rng(2)
    shape = {1: (80,), 2: (30, 30)}[dimension]
    problem = gp_hm.poisson_1d("single_sin", frequency=9.0) if dimension == 1 else gp_hm.poisson_2d(frequency=4.0)
    axes = [np.linspace(*ends, n) for ends, n in zip(problem.domain, shape, strict=True)]
    source = problem.source(*np.meshgrid(*axes, indexing="ij"))  # pyright: ignore
    noisy = source + 0.5 * generator.standard_normal(shape)
    solution: Any = solvers["gp"](shape=shape, noise="learn").prepare(problem).solve(noisy)
    points = np.stack([generator.uniform(*ends, 12) for ends in problem.domain], axis=1)
    draws = solution.sample(points, count=600, seed=3)
    deviation = solution.standard_deviation(points)
    assert np.abs(draws.mean(axis=0) - solution.mean(points)).max() <= 0.2 * deviation.max()
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.2, atol=0.02 * deviation.max())
    np.testing.assert_array_equal(draws, solution.sample(points, count=600, seed=3))


def test_noise_is_learned_and_widens_the_posterior():
    problem = gp_hm.poisson_1d("single_sin", frequency=30.0)
    generator = np.random.default_rng(0)
    nodes = np.linspace(*problem.domain[0], 300)
    exact: Any = problem.source
    errors = generator.standard_normal(300)
    deviations: list[float] = []
    for noise in (1.0, 10.0, 100.0):
        solution: Any = solvers["gp"](shape=300, noise="learn").prepare(problem).solve(exact(nodes) + noise * errors)
        assert solution.converged
        assert solution.stats["noise"] == pytest.approx(noise, rel=0.2)
        deviations.append(float(solution.standard_deviation(nodes).mean()))
        assert solution.error(problem.exact) * np.sqrt(0.5) <= 3.0 * deviations[-1]
    assert deviations[0] < deviations[1] < deviations[2]
    exactly: Any = solvers["gp"](shape=300).prepare(problem).solve(exact(nodes) + errors)
    assert exactly.status is ritz.Status.STAGNATED


# The pieces.


@given(st.floats(30.0, 250.0), st.floats(30.0, 250.0), st.booleans())
@settings(deadline=None, max_examples=30)
def test_tones_are_found(first: float, second: float, even: bool):
    if abs(first - second) < 25.0:  # four periods over the interval
        second = first + 25.0
    nodes = np.linspace(0.0, 1.0, 200) if even else np.sort(np.random.default_rng(0).uniform(size=260))
    found = find_tones(nodes, np.cos(first * nodes) + 0.3 * nodes * np.sin(second * nodes + 1.0))
    assert np.abs(found.frequencies - first).min() < 0.5
    assert np.abs(found.frequencies - second).min() < 2.0
    assert found.residual < 1e-3


def test_noise_has_no_tones():
    found = find_tones(np.linspace(0, 1, 400), np.random.default_rng(0).standard_normal(400))
    assert len(found.frequencies) == 0


@given(st.integers(1, 12), st.integers(0, 10**6))
@settings(deadline=None, max_examples=30)
def test_legendre_derivatives(count: int, seed: int):
    generator = np.random.default_rng(seed)
    coefficients = generator.standard_normal((count, 2))
    norms = np.sqrt(np.arange(count) + 0.5)[:, None]
    points = generator.uniform(-1.0, 1.0, 5)
    expected = np.polynomial.legendre.legval(points, np.polynomial.legendre.legder(coefficients * norms)).T
    found = legendre.values(points, count) @ legendre.differentiate(coefficients)
    np.testing.assert_allclose(found, expected, atol=1e-9 * (1 + np.abs(expected).max()))
    places, weights = legendre.gauss(count)
    table = legendre.values(places, count)
    np.testing.assert_allclose(table.T @ (weights[:, None] * table), np.eye(count), atol=1e-12)


def test_derivatives_of_features():
    features = SpectralFeatures(1.0, 3.0, (7.0, 15.0), modulation=4, low_order=6, modes=(-3.0 + 0j, 2.0 + 5.0j))
    points, step = np.linspace(1.2, 2.8, 9), 1e-5
    blocks = features.evaluate(points, 3)
    assert [block.shape for block in blocks] == [(9, features.count)] * 4
    for order in range(3):
        below, above = (features.evaluate(points + sign * step, order)[order] for sign in (-1, 1))
        difference = (above - below) / (2 * step)
        np.testing.assert_allclose(blocks[order + 1], difference, atol=1e-6 * np.abs(blocks[order + 1]).max())


def test_an_axis_basis_is_orthonormal_and_keeps_the_span():
    features = SpectralFeatures(0.0, 2.0, (30.0, 45.0))
    conditions = [Condition(((0, 0, 1.0),), "x-"), Condition(((1, 1, 1.0),), "x+")]
    basis = AxisBasis(features, np.linspace(0.0, 2.0, 150), conditions, order=2)
    places, weights = np.polynomial.legendre.leggauss(200)
    values = basis.at(1.0 + places)
    np.testing.assert_allclose(values.T @ (weights[:, None] * values), np.eye(basis.count), atol=1e-11)
    target = (1.0 + places) ** 3 * np.cos(30.0 * (1.0 + places))
    assert np.abs(values @ (values.T @ (weights * target)) - target).max() < 1e-9
    ends = np.array([0.0, 2.0])
    met = np.stack([basis.at(ends)[0] @ basis.change, basis.at(ends, 1)[1] @ basis.change])
    np.testing.assert_allclose(met[:, :2], np.eye(2), atol=1e-9)
    np.testing.assert_allclose(met[:, 2:], 0.0, atol=1e-9)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("dimension", [2, 3])
def test_kronecker_sums_are_solved(symmetric: bool, dimension: int):
    generator = np.random.default_rng(dimension)
    factors = [generator.standard_normal((n, n)) + 5 * np.eye(n) for n in (5, 4, 3)[:dimension]]
    factors = [factor + factor.T for factor in factors] if symmetric else factors
    solver = KroneckerSumSolver(factors)
    x = generator.standard_normal([len(factor) for factor in factors])
    rhs = sum(
        along_axes([factor if other == axis else np.eye(len(factors[other])) for other in range(dimension)], x)
        for axis, factor in enumerate(factors)
    )
    np.testing.assert_allclose(solver(rhs), x, atol=1e-10)
    np.testing.assert_allclose(KroneckerSumSolver(factors)(rhs.ravel()), x.ravel(), atol=1e-10)
    np.testing.assert_allclose(solver.transposed(x).ravel() @ rhs.ravel(), (x * solver(rhs)).sum(), rtol=1e-9)


def test_square_root_form_is_the_posterior():
    generator = np.random.default_rng(0)
    A, noise = generator.standard_normal((30, 12)), 0.3
    y = A @ generator.standard_normal(12) + noise * generator.standard_normal(30)
    found = condition_weights(A, y, noise)
    gram = A @ A.T * found.scale**2 + noise**2 * np.eye(30)
    np.testing.assert_allclose(found.mean, found.scale**2 * A.T @ np.linalg.solve(gram, y), atol=1e-10)
    covariance = found.scale**2 * (np.eye(12) - found.scale**2 * A.T @ np.linalg.solve(gram, A))
    rows = generator.standard_normal((5, 12))
    np.testing.assert_allclose(found.variance(rows), np.diag(rows @ covariance @ rows.T), rtol=1e-6)
    evidence = -0.5 * (y @ np.linalg.solve(gram, y) + np.linalg.slogdet(2 * np.pi * gram)[1])
    assert found.log_evidence == pytest.approx(evidence, rel=1e-9)


def test_features_and_covariances_agree():
    problem = gp_hm.poisson_1d("sin_cos", frequency=20.0)
    points = np.linspace(0.0, 6.0, 50)
    features: Any = ritz.solve(problem, "gp", shape=100)
    dense: Any = ritz.solve(problem, "gp", shape=100, method="dense", rtol=1e-4)
    np.testing.assert_allclose(features.mean(points), dense.mean(points), atol=1e-4)


# What goes wrong, and what is said.

BAR = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: -900.0 * np.sin(30.0 * x), boundary=lambda x: np.sin(30.0 * x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "spectral"}, "method"),
        ({"shape": 3}, "at least 4 nodes"),
        ({"shape": (10, 10)}, "each of 1 axes"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"noise": "some"}, "'learn'"),
        ({"max_components": 0}, "integer of at least 1"),
        ({"shape": 50, "points": np.linspace(0, 1, 50)}, "both given"),
        ({"points": np.array([0.0, 0.5, 0.4, 1.0])}, "do not increase"),
        ({"points": np.array([0.0, 0.5, 0.9, 1.2])}, "out of the box"),
        ({"points": np.zeros((5, 2))}, "one array per axis"),
        ({"frequencies": "welch"}, "periodogram"),
        ({"frequencies": "evidence"}, "method='features'"),
        ({"frequencies": ([1.0], [2.0])}, "each of 1 axes"),
        ({"frequencies": [np.nan]}, "finite"),
    ],
)
def test_bad_options(options: dict[str, Any], message: str):
    with pytest.raises(ritz.RitzError, match=message):
        ritz.solve(BAR, "gp", **options)


@pytest.mark.parametrize(
    ("rhs", "message"),
    [
        (np.full(50, np.nan), "50 entries that are NaN"),
        (np.ones(49), "50 nodes"),
        (np.ones(50, dtype=complex), "complex"),
    ],
)
def test_bad_data(rhs: np.ndarray, message: str):
    with pytest.raises(ritz.InvalidProblem, match=message):
        solvers["gp"](shape=50).prepare(BAR).solve(rhs)


def test_bad_problems():
    with pytest.raises(ritz.InvalidProblem, match="make time one of its axes"):
        ritz.solve(PDE((0.0, 1.0), {2: -1.0}, initial=1.0), "gp")
    lid = PDE([(0, 1), (0, 1)], {(2, 0): 1.0, (0, 2): 1.0}, 0.0, lambda x, y: np.where(y == 1.0, 1.0, 0.0))
    with pytest.raises(ritz.InvalidProblem, match="jumps in the corner"):
        ritz.solve(lid, "gp", shape=20)
    with pytest.raises(ritz.InvalidProblem, match="LinearSystem"):
        ritz.solve(np.eye(3), np.ones(3), "gp")


def test_an_alias_is_seen_between_the_nodes():
    problem = gp_hm.poisson_1d("x2_add_sinx")
    with pytest.warns(AliasingWarning, match=r"alias"):
        solution = ritz.solve(problem, "gp", shape=150, throw=False)
    assert solution.stats["off-grid residual"] > 0.1
    assert solution.status is ritz.Status.STAGNATED
    nodes = np.linspace(0.0, 1.0, 165)
    with pytest.warns(AliasingWarning, match=r"500.*2\.06 nodes per wavelength"):
        solvers["gp"](shape=165).prepare(problem).solve(problem.source(nodes))  # pyright: ignore


@pytest.mark.parametrize("dimension", [1, 2])
def test_resonance(dimension: int):
    terms: Any = {2: 1.0, 0: 9.0} if dimension == 1 else {(2, 0): 1.0, (0, 2): 1.0, (0, 0): 25.0}
    source: Any = (lambda x: x) if dimension == 1 else (lambda x, y: x * y)
    with pytest.warns(IllConditionedWarning, match="resonance"):
        solution = ritz.solve(PDE([(0.0, np.pi)] * dimension, terms, source), "gp", shape=60, throw=False)
    assert solution.status is ritz.Status.SINGULAR


def test_unresolved_solutions_are_not_converged():
    problem = gp_hm.poisson_1d("layer", width=1e-3)
    solution = ritz.solve(problem, "gp", shape=100, throw=False)
    assert solution.status is ritz.Status.STAGNATED
    assert solution.residual > 1e-3
    with pytest.raises(ritz.ConvergenceError, match="STAGNATED") as caught:
        ritz.solve(problem, "gp", shape=100)
    assert np.isfinite(caught.value.solution.x).all()


def test_no_source_at_all():
    solution = ritz.solve(PDE((0.0, 1.0), {2: 1.0}), "gp")
    assert solution.converged
    assert not solution.x.any()
    line = ritz.solve(PDE((0.0, 2.0), {2: 1.0}, boundary=lambda x: 3.0 * x), "gp")
    assert line.error(lambda x: 3.0 * x) < 1e-10


def test_iterations_may_be_limited_watched_and_stopped():
    problem = gp_hm.allen_cahn_1d("single_sin", frequency=20.0)
    stopped = ritz.solve(problem, "gp", shape=100, maxiter=0, throw=False)
    assert stopped.status is ritz.Status.MAX_ITERATIONS
    seen: list[tuple[int, float]] = []

    def watch(iteration: int, u: np.ndarray, residual: float) -> bool:
        assert u.shape == (100,)
        seen.append((iteration, residual))
        return False

    assert ritz.solve(problem, "gp", shape=100, callback=watch).converged
    assert seen[0] == (0, pytest.approx(1.0))
    interrupted = ritz.solve(problem, "gp", shape=100, callback=lambda *_: True, throw=False)
    assert interrupted.status is ritz.Status.INTERRUPTED


def test_a_start_may_be_given():
    problem = gp_hm.allen_cahn_2d("cosines")
    solution = ritz.solve(problem, "gp", shape=80)
    again = ritz.solve(problem, "gp", shape=80, x0=solution.x)
    assert again.iterations < solution.iterations
    assert again.error(solution.x) < 1e-9
    with pytest.raises(ritz.InvalidProblem, match="x0 has shape"):
        ritz.solve(problem, "gp", shape=80, x0=np.ones(5))


def test_measured_values_in_torch_come_back_in_torch():
    nodes = np.linspace(0.0, 1.0, 80)
    source = torch.tensor(BAR.source(nodes))  # pyright: ignore
    solution = solvers["gp"]().prepare(BAR).solve(source)
    assert isinstance(solution.x, torch.Tensor)
    np.testing.assert_allclose(solution.x.numpy(), np.sin(30.0 * nodes), atol=1e-9)


def test_nothing_is_said_where_nothing_is_wrong():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ritz.solve(BAR, "gp")
