"""Gaussian processes conditioned in closed form, and their hyperparameters by the evidence."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

import ritz
from ritz import PDE
from ritz.solvers.gaussian_process.covariances import dense_posterior as dense
from ritz.solvers.gaussian_process.covariances.covariance import SpectralMixture
from ritz.solvers.gaussian_process.covariances.dense_posterior import condition
from ritz.solvers.gaussian_process.covariances.evidence import maximise_evidence
from ritz.solvers.gaussian_process.covariances.functionals import gram_matrix
from ritz.solvers.gaussian_process.covariances.gram import ROW_LIMIT, factorise
from ritz.solvers.gaussian_process.covariances.observations import observe

SMOOTH = SpectralMixture([1.0], [0.0], [0.5], "squared-exponential")


def error(posterior, exact, points):
    coordinates = tuple(points.T) if points.ndim == 2 else (points,)
    return float(np.linalg.norm(posterior.mean(points) - exact(*coordinates)) / np.linalg.norm(exact(*coordinates)))


def single_tone():
    return PDE(
        (0.0, 2.0 * np.pi), {2: 1.0}, source=lambda x: -1e4 * np.sin(100 * x), boundary=lambda x: np.sin(100 * x),
        exact=lambda x: np.sin(100 * x),
    ), np.array([100.0])  # fmt: skip


def two_tones():
    return PDE(
        (0.0, 2.0 * np.pi), {2: 1.0},
        source=lambda x: 0.5 * (94.0**2 * np.sin(94 * x) - 106.0**2 * np.sin(106 * x)),
        boundary=lambda x: np.sin(6 * x) * np.cos(100 * x),
        exact=lambda x: np.sin(6 * x) * np.cos(100 * x),
    ), np.array([94.0, 106.0])  # fmt: skip


def tone_and_parabola():
    return PDE(
        (0.0, 1.0), {2: 1.0}, source=lambda x: -250_000 * np.sin(500 * x) - 4,
        boundary=lambda x: np.sin(500 * x) - 2 * (x - 0.5) ** 2,
        exact=lambda x: np.sin(500 * x) - 2 * (x - 0.5) ** 2,
    ), np.array([500.0])  # fmt: skip


def mixture(pde, frequencies, off=1e-5):
    (lower, upper) = pde.domain[0]
    length = upper - lower
    tones = SpectralMixture(np.ones(len(frequencies)), frequencies * (1 + off), np.full(len(frequencies), 4.0 * length))
    return tones.with_component(1.0, 0.0, length)


CASES = {
    "single tone": (single_tone, 1e-6, 1e-7),
    "two tones": (two_tones, 1e-6, 1e-7),
    "tone and parabola": (tone_and_parabola, 1e-4, 1e-5),
}


@pytest.mark.parametrize("name", CASES)
def test_high_frequencies(name):
    build, asked, with_evidence = CASES[name]
    pde, frequencies = build()
    nodes = np.linspace(*pde.domain[0], 400)
    points = np.linspace(*pde.domain[0], 300)
    posterior = condition(pde, [mixture(pde, frequencies)], nodes)
    assert error(posterior, pde.exact, points) <= asked
    assert 0.0 < posterior.standard_deviation(points).max() < 1e-2
    assert posterior.residuals["off-grid"] < 1e-6
    learned = maximise_evidence(observe(pde, nodes), [mixture(pde, frequencies)])
    assert learned.log_evidence > posterior.log_evidence
    assert error(learned, pde.exact, points) <= with_evidence
    # Fifteen iterations, the default, end before the maximum, where depends on rounding; more find the frequencies.
    longer = maximise_evidence(observe(pde, nodes), [mixture(pde, frequencies)], maxiter=25)
    assert longer.log_evidence > learned.log_evidence
    np.testing.assert_allclose(longer.frequencies[0][:-1], frequencies, rtol=1e-5)


def test_the_posterior_is_the_textbook_formula():
    pde = PDE((0.0, 1.0), {2: -1.0, 1: lambda x: 1 + x, 0: 2.0}, source=lambda x: np.exp(x), boundary=lambda x: 1 + x)
    covariance, nodes = SpectralMixture([0.7, 0.4], [0.0, 9.0], [0.3, 0.5]), np.linspace(0.05, 0.95, 12)
    noise = 0.1
    posterior = condition(pde, [covariance], nodes, noise=noise, jitter=0.0)
    [learned] = posterior.covariances
    functionals, values = observe(pde, nodes).linearised()
    matrix = gram_matrix([learned], functionals) + np.diag([noise**2] * 12 + [0.0] * 2)
    points = np.array([0.0, 0.31, 0.77])
    cross = posterior._cross(posterior._value(points[:, None]))
    np.testing.assert_allclose(posterior.mean(points), cross @ np.linalg.solve(matrix, values), rtol=1e-8)
    variance = learned.variance - np.einsum("ij,ji->i", cross, np.linalg.solve(matrix, cross.T))
    np.testing.assert_allclose(posterior.variance(points)[1:], variance[1:], rtol=1e-6)
    assert posterior.variance(points)[0] < 1e-12 * learned.variance
    density = multivariate_normal(np.zeros(14), matrix).logpdf(values)
    assert posterior.log_evidence == pytest.approx(density, rel=1e-9)


def test_the_scale_is_the_most_likely():
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: 300 * np.cos(3 * x))
    for noise in (0.0, 1.0):
        posterior = condition(pde, [SMOOTH], np.linspace(0.1, 0.9, 9), noise=noise)
        functionals, values = observe(pde, np.linspace(0.1, 0.9, 9)).linearised()
        errors = np.diag([noise**2] * 9 + [0.0] * 2)

        def evidence(factor, functionals=functionals, posterior=posterior, errors=errors, values=values):
            matrix = gram_matrix([posterior.covariances[0].scaled(factor)], functionals) + errors
            gram = factorise(matrix, posterior.gram.jitter)
            return -0.5 * (gram.quadratic(values) + gram.log_determinant)

        assert evidence(1.0) >= max(evidence(0.9), evidence(1.1)) - 1e-6


def test_the_order_of_points_does_not_matter():
    pde, _ = single_tone()
    generator = np.random.default_rng(0)
    nodes = np.sort(generator.uniform(*pde.domain[0], 250))
    points = np.linspace(*pde.domain[0], 50)
    covariance = SpectralMixture(np.ones(2), np.array([100.0, 0.0]), np.array([1.0, 1.0]))
    first = condition(pde, [covariance], nodes)
    shuffled = generator.permutation(nodes)
    kept = shuffled.copy()
    second = condition(pde, [covariance], shuffled)
    np.testing.assert_array_equal(shuffled, kept)
    np.testing.assert_allclose(second.mean(points), first.mean(points), atol=1e-6)
    np.testing.assert_allclose(second.log_evidence, first.log_evidence, rtol=1e-6)


def plane_wave(x, y):
    return np.sin(3 * x + 2 * y) + x * y


PLANE = {
    "grid": np.stack(np.meshgrid(*[np.linspace(0.0, 1.0, 13)] * 2), axis=-1).reshape(-1, 2),
    "scattered": np.random.default_rng(0).random((150, 2)),
}


@pytest.mark.parametrize("points", PLANE)
def test_the_plane_with_variable_coefficients_and_slopes(points):
    pde = PDE(
        [(0.0, 1.0), (0.0, 1.0)],
        {(2, 0): -1.0, (0, 2): lambda x, y: -1.0 - x, (1, 1): 0.3, (0, 1): lambda x, y: y, (0, 0): 2.0},
        source=lambda x, y: 9 * np.sin(3 * x + 2 * y) + (1 + x) * 4 * np.sin(3 * x + 2 * y)
        + 0.3 * (1 - 6 * np.sin(3 * x + 2 * y)) + y * (2 * np.cos(3 * x + 2 * y) + x) + 2 * plane_wave(x, y),
        boundary=plane_wave,
        conditions={"y+": "neumann"},
        normal_derivative={"y+": lambda x, y: 2 * np.cos(3 * x + 2 * y) + x},
    )  # fmt: skip
    smooth = SpectralMixture([1.0], [0.0], [0.7], "squared-exponential")
    posterior = condition(pde, [smooth, smooth], PLANE[points])
    asked = np.random.default_rng(1).random((200, 2))
    assert error(posterior, plane_wave, asked) < 1e-5
    assert posterior.residuals["off-grid"] < 1e-4
    slope = posterior.mean(asked, (0, 1))
    x, y = asked.T
    np.testing.assert_allclose(slope, 2 * np.cos(3 * x + 2 * y) + x, atol=1e-4)


def test_transport_with_an_open_side():
    pde = PDE(
        [(0.0, 1.0), (0.0, 1.0)], {(1, 0): 2.0, (0, 1): 1.0}, boundary=lambda x, t: np.sin(5 * (x - 2 * t)),
        conditions={"x+": "open", "y+": "open"},
    )  # fmt: skip
    smooth = SpectralMixture([1.0], [0.0], [0.3], "squared-exponential")
    posterior = condition(pde, [smooth, smooth], PLANE["grid"])
    assert error(posterior, lambda x, t: np.sin(5 * (x - 2 * t)), np.random.default_rng(1).random((200, 2))) < 2e-3
    assert not (posterior.observations.boundary[0][0].points == 1.0).all(axis=1).any()


def test_a_reaction_is_linearised_until_it_settles():
    exact = lambda x: np.sin(8 * x)  # noqa: E731
    pde = PDE(
        (0.0, 1.0), {2: 1.0}, source=lambda x: -64 * exact(x) + exact(x) ** 3 - exact(x), boundary=exact,
        reaction=(lambda u: u**3 - u, lambda u: 3 * u**2 - 1),
    )  # fmt: skip
    covariance = [SpectralMixture([1.0], [0.0], [0.3], "squared-exponential")]
    posterior = condition(pde, covariance, np.linspace(0.0, 1.0, 60))
    assert posterior.status is ritz.Status.CONVERGED
    assert 3 <= len(posterior.history) <= 9
    assert error(posterior, exact, np.linspace(0.0, 1.0, 77)) < 1e-6
    stopped = condition(pde, covariance, np.linspace(0.0, 1.0, 60), maxiter=1)
    assert stopped.status is ritz.Status.MAX_ITERATIONS
    learned = maximise_evidence(observe(pde, np.linspace(0.0, 1.0, 60)), covariance, maxiter=5)
    assert learned.log_evidence >= posterior.log_evidence


@settings(max_examples=10, deadline=None)
@given(point=st.floats(0.05, 0.95), order=st.integers(1, 3))
def test_derivatives_of_the_mean(point, order):
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: np.exp(x))
    posterior = condition(pde, [SMOOTH], np.linspace(0.0, 1.0, 12), noise=1e-3)
    h = 1e-3
    before = posterior.mean(point + h * np.array([-2.0, -1.0, 1.0, 2.0]), order - 1)
    expected = (before[0] - 8 * before[1] + 8 * before[2] - before[3]) / (12 * h)
    assert posterior.mean(np.array([point]), order)[0] == pytest.approx(expected, abs=1e-5)


def test_leaving_a_point_out():
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: np.sin(9 * x), boundary=1.0)
    nodes, noise = np.linspace(0.0, 1.0, 9), 0.01
    covariance = [SpectralMixture([1.0], [0.0], [0.4])]
    posterior = condition(pde, covariance, nodes, noise=noise)
    scaled = posterior.covariances
    errors: list[float] = []
    for out in range(9):
        kept = np.delete(nodes, out)
        functionals, values = observe(pde, kept, boundary_points=[0.0, 1.0]).linearised()
        matrix = gram_matrix(scaled, functionals) + np.diag([noise**2] * 8 + [0.0] * 2)
        there = observe(pde, nodes[[out]], boundary_points=[0.0]).linearised()[0][0]
        cross = np.concatenate([dense.covariance_matrix(scaled, there, part) for part in functionals], axis=1)
        errors.append(float(np.sin(9 * nodes[out]) - (cross @ np.linalg.solve(matrix, values))[0]))
    size = np.linalg.norm(np.sin(9 * nodes))
    assert posterior.residuals["held-out"] == pytest.approx(float(np.linalg.norm(errors) / size), rel=1e-5)


def test_ninety_percent_intervals_cover_ninety_percent():
    """Draws from the prior of u, whose source is what is observed."""
    pde = PDE((0.0, 1.0), {2: 1.0}, source=0.0)
    covariance = SpectralMixture([1.0, 0.5], [0.0, 20.0], [0.15, 0.4])
    nodes, points = np.linspace(0.0, 1.0, 25), np.linspace(0.02, 0.98, 17)
    functionals, _ = observe(pde, nodes).linearised()
    asked = dense.evaluation(points[:, None], (0,))
    joint = gram_matrix([covariance], [*functionals, asked])
    draws = np.linalg.cholesky(joint + 1e-12 * np.diag(joint.diagonal()))
    normal = np.random.default_rng(5).standard_normal((len(joint), 80))
    inside: list[float] = []
    for draw in (draws @ normal).T:
        source, ends, truth = draw[:25], draw[25:27], draw[27:]
        known = PDE((0.0, 1.0), {2: 1.0}, boundary=lambda x, ends=ends: np.where(x < 0.5, ends[0], ends[1]))
        # A prior of the wrong size by a factor of 100, which the evidence is to find.
        posterior = condition(known, [covariance.scaled(100.0)], nodes, source)
        outside = np.abs(posterior.mean(points) - truth) > 1.6448536 * posterior.standard_deviation(points)
        inside.append(1.0 - float(outside.mean()))
    assert 0.80 <= np.mean(inside) <= 0.99


def test_samples():
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: np.exp(x))
    posterior = condition(pde, [SpectralMixture([1.0], [0.0], [0.3])], np.linspace(0.0, 1.0, 7), noise=1.0)
    points = np.array([0.0, 0.3, 0.55, 1.0])
    draws = posterior.sample(points, 4000, seed=1)
    assert draws.shape == (4000, 4)
    deviation = posterior.standard_deviation(points)
    np.testing.assert_allclose(draws.mean(axis=0), posterior.mean(points), atol=float(5 * deviation.max() / 60))
    np.testing.assert_allclose(draws.std(axis=0)[1:3], deviation[1:3], rtol=0.06)
    np.testing.assert_array_equal(posterior.sample(points, 2, seed=3), posterior.sample(points, 2, seed=3))


def noisy(noise):
    nodes = np.linspace(0.0, 2.0 * np.pi, 150)
    pde = PDE((0.0, 2.0 * np.pi), {2: 1.0}, source=lambda x: -100 * np.sin(10 * x), boundary=lambda x: np.sin(10 * x))
    values = -100 * np.sin(10 * nodes) + noise * np.random.default_rng(2).standard_normal(150)
    return pde, nodes, values, SpectralMixture([1.0, 1e-3], [10.0, 0.0], [10.0, 3.0])


def test_noise_widens_the_posterior_and_is_learned():
    pde, nodes, values, covariance = noisy(5.0)
    points = np.linspace(0.5, 5.5, 30)
    deviations = [
        condition(pde, [covariance], nodes, noise=noise).standard_deviation(points).mean() for noise in (0.05, 0.5, 5.0)
    ]
    assert deviations[0] < deviations[1] < deviations[2]
    learned = maximise_evidence(observe(pde, nodes, values), [covariance], learn_noise=True, maxiter=40)
    assert learned.noise == pytest.approx(5.0, rel=0.25)
    assert learned.standard_deviation(points).mean() > 3 * deviations[0]
    assert error(learned, lambda x: np.sin(10 * x), points) < 0.1
    clean = noisy(0.05)[2]
    quiet = maximise_evidence(observe(pde, nodes, clean), [covariance], learn_noise=True, maxiter=40)
    assert quiet.noise < 0.2


def test_the_gradient_of_the_evidence():
    from ritz.solvers.gaussian_process.covariances.evidence import _Evidence, _Layout

    pde, nodes, values, covariance = noisy(5.0)
    observations = observe(pde, nodes[::6], values[::6])
    first = dense.condition_on(observations, [covariance], 2.0)
    layout = _Layout(first, True, True)
    objective = _Evidence(layout, first.functionals, first.values, observations.noise_variance(1.0), 1e-10)
    at = layout.start + 0.1 * np.random.default_rng(0).standard_normal(len(layout.start))
    _, gradient = objective(at)
    for index in range(len(at)):
        step = 1e-5 * np.eye(len(at))[index]
        difference = (objective(at + step)[0] - objective(at - step)[0]) / 2e-5
        assert gradient[index] == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_an_alias_is_seen_off_the_grid_only():
    pde, _ = tone_and_parabola()
    nodes = np.linspace(0.0, 1.0, 100)  # 1.25 nodes a wavelength
    alias = 2 * np.pi * 99 - 500.0
    residuals = condition(pde, [mixture(pde, np.array([alias]))], nodes).residuals
    assert residuals["train"] < 1e-6
    assert residuals["off-grid"] > 0.5
    measured = condition(pde, [mixture(pde, np.array([alias]))], nodes, pde.source(nodes))
    assert math.isnan(measured.residuals["off-grid"])


def test_torch_points_come_back_in_torch():
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: np.exp(x))
    posterior = condition(pde, [SMOOTH], torch.linspace(0.0, 1.0, 9).double(), torch.linspace(0.0, 1.0, 9).exp())
    points = torch.tensor([0.2, 0.5], dtype=torch.float64)
    for values in (posterior.mean(points), posterior.variance(points), posterior.sample(points, 3)):
        assert isinstance(values, torch.Tensor)
    assert posterior.condition > 1.0
    assert posterior.frequencies[0].tolist() == [0.0]
    assert len(posterior.weights) == 1


BAR = PDE((0.0, 1.0), {2: 1.0}, source=1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points": []}, "points is empty"),
        ({"points": np.zeros((3, 2))}, r"points has shape \(3, 2\); it must be \(P, 1\) or \(P,\)"),
        ({"points": [0.1, math.nan]}, "points has entries that are NaN"),
        ({"points": [0.1, 1.5]}, "1 points outside the box"),
        ({"points": [0.1, 0.4, 0.1]}, "points holds some twice"),
        ({"points": ["a"]}, "cannot be read"),
        ({"points": np.linspace(0, 1, ROW_LIMIT)}, rf"{ROW_LIMIT + 2} data .* GiB .* at most {ROW_LIMIT}"),
        ({"source": [1.0]}, r"source has shape \(1,\); it must be \(3,\)"),
        ({"source": [1.0, math.nan, 2.0]}, "source has 1 values that are NaN"),
        ({"noise": -1.0}, "noise is -1.0"),
        ({"noise": math.nan}, "noise is nan"),
        ({"boundary_points": [0.5]}, r"boundary_points holds \(0.5,\), which is on no side"),
        ({"covariances": []}, "0 covariances are given for 1 axes"),
        ({"pde": PDE((0.0, 1.0), {4: 1.0})}, "order 4 on both sides .* takes 8"),
        ({"pde": PDE((0.0, 1.0), {2: 1.0}, conditions="periodic")}, "axis x is periodic"),
        ({"pde": PDE((0.0, 1.0), {2: 1.0}, initial=0.0)}, "make time one of its axes"),
    ],
)
def test_bad_data(given, message):
    rough = SpectralMixture([1.0], [0.0], [1.0])
    arguments = {"pde": BAR, "covariances": [rough], "points": [0.1, 0.4, 0.7], **given}
    with pytest.raises(ritz.InvalidProblem, match=message):
        condition(**arguments)


def test_points_given_twice_are_taken_with_noise():
    posterior = condition(BAR, [SMOOTH], [0.2, 0.5, 0.5, 0.8], [1.0, 0.9, 1.1, 1.0], noise=0.1)
    assert np.isfinite(posterior.mean([0.3])).all()
    with pytest.raises(ritz.InvalidProblem, match="derivative is -1"):
        posterior.mean([0.3], -1)


def test_singular_covariances_are_refused_or_helped():
    with pytest.raises(ritz.InvalidProblem, match=r"not positive definite with a relative jitter of 0\.0001"):
        factorise(np.array([[1.0, 1.1], [1.1, 1.0]]), 1e-12)
    with pytest.raises(ritz.InvalidProblem, match="variance that is not positive"):
        factorise(np.zeros((2, 2)), 1e-12)
    helped = factorise(np.ones((3, 3)), 0.0)
    assert 0.0 < helped.jitter <= 1e-12
    np.testing.assert_allclose(np.ones((3, 3)) @ helped.solve(np.ones(3)), np.ones(3), rtol=1e-3)
    matrix = np.diag([4.0, 9.0]) + 1.0
    gram = factorise(matrix, 0.0)
    np.testing.assert_allclose(gram.inverse, np.linalg.inv(matrix), rtol=1e-12)
    np.testing.assert_allclose(gram.inverse_diagonal, np.linalg.inv(matrix).diagonal(), rtol=1e-12)
    assert gram.log_determinant == pytest.approx(np.log(np.linalg.det(matrix)))
    assert gram.condition >= 1.0


@pytest.mark.parametrize("name", ["gp-se", "gp-matern"])
def test_plain_covariances(name):
    pde = PDE((0.0, 1.0), {2: 1.0}, source=lambda x: -144 * np.sin(12 * x), boundary=lambda x: np.sin(12 * x))
    exact = lambda x: np.sin(12 * x)  # noqa: E731
    solution = ritz.solve(pde, name, shape=60, throw=False)
    assert solution.error(exact) < (1e-6 if name == "gp-se" else 0.05)
    assert solution.solver == name
    coarse = ritz.solve(pde, name, shape=15, throw=False)
    assert coarse.error(exact) > solution.error(exact)
    with pytest.raises(ritz.InvalidProblem, match="GiB"):
        ritz.solve(pde, name, shape=5000)
