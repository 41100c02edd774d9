"""The joint ascent in values and hyperparameters."""

import numpy as np
import pytest
import torch

import ritz
from benchmarks.gaussian_process.gp_map import NestedAutodiff, high_frequency
from ritz import PDE
from ritz.solvers.gaussian_process.grid_data import grid_data
from ritz.solvers.gaussian_process.maximum_a_posteriori.joint_map import JointMap, joint_map

POINTS = np.linspace(0.0, 2.0 * np.pi, 300)


def bar(**changed):
    return PDE(
        (0.0, 1.0),
        {2: 1.0},
        **{"source": lambda x: -25 * np.sin(5 * x), "boundary": lambda x: np.sin(5 * x), **changed},
    )


def data(nodes=30, **changed):
    return grid_data(bar(**changed), [np.linspace(0.0, 1.0, nodes)])


def test_the_published_run():
    """sin 100x, 400 nodes, 30 components: error after 96 steps, and the loss from which the last was taken."""
    before = joint_map(high_frequency(400), maxiter=95)
    assert -before.log_evidence == pytest.approx(4.134e8, rel=1e-3)
    posterior = joint_map(high_frequency(400), maxiter=96)
    exact = np.sin(100 * POINTS)
    error = np.linalg.norm(posterior.mean(POINTS) - exact) / np.linalg.norm(exact)
    assert error == pytest.approx(0.2756, abs=1e-3)
    assert posterior.status is ritz.Status.MAX_ITERATIONS
    assert posterior.history[0] == 1.0
    assert len(posterior.history) == 97


def test_closed_formulas_take_the_same_course_as_nested_differentiation():
    grid, options = high_frequency(40), JointMap(components=4)
    nested = NestedAutodiff(grid, options)
    losses = [nested.step() for _ in range(6)]
    posterior = joint_map(grid, options, maxiter=5)
    assert -posterior.log_evidence == pytest.approx(losses[5], rel=1e-7)
    shorter = NestedAutodiff(grid, options)
    for _ in range(5):
        shorter.step()
    np.testing.assert_allclose(posterior.parts[0].values, shorter.parameters[0].detach().numpy(), rtol=1e-5)
    periods = shorter.parameters[3].detach().numpy()
    np.testing.assert_allclose(posterior.frequencies[0], 2 * np.pi * periods, rtol=1e-7, atol=1e-6)


def test_the_objective_in_the_plane_is_that_of_the_full_covariance():
    """Kronecker algebra against the covariance matrix of all values, and its gradient by finite differences."""
    from ritz.solvers.gaussian_process.maximum_a_posteriori.joint_map import JITTER, _Ascent, _Equation, _Mixture

    pde = PDE(
        [(0.0, 1.0), (0.0, 2.0)], {(2, 0): 1.0, (0, 2): lambda x, y: 1 + x, (1, 1): 0.5},
        source=lambda x, y: x - y, boundary=lambda x, y: x * y, conditions={"y+": "open"},
        reaction=(lambda u: u**3, lambda u: 3 * u**2),
    )  # fmt: skip
    grid = grid_data(pde, [np.linspace(0.0, 1.0, 5), np.linspace(0.0, 2.0, 6)])
    equation = _Equation(grid)
    mixture = _Mixture(equation, 3, 1.0, "matern52")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in mixture.parameters:
            parameter += 0.2 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    run = _Ascent(equation, JointMap(), 1e-8, None)
    loss, _, u = run._loss(mixture)

    covariances = mixture.copy().covariances
    matrices = [
        {order: c.derivative(nodes[:, None] - nodes, order) for order in range(3)}
        for c, nodes in zip(covariances, grid.axes, strict=True)
    ]
    inverses = [np.linalg.inv(along[0] + JITTER * np.eye(len(along[0]))) for along in matrices]
    full = np.kron(*(along[0] + JITTER * np.eye(len(along[0])) for along in matrices))
    first, second = (
        [along[order] @ inverse for order in range(3)] for along, inverse in zip(matrices, inverses, strict=True)
    )
    U = u.reshape(5, 6)
    x = grid.axes[0][:, None]
    H = second_x = first[2] @ U + (1 + x) * (U @ second[2].T) + 0.5 * (first[1] @ U @ second[1].T) + U**3 - grid.source
    assert second_x.shape == (5, 6)
    log_tau, log_v = float(mixture.log_tau.detach()), float(mixture.log_v.detach())
    held = np.zeros((5, 6), dtype=bool)
    held[0] = held[-1] = held[:, 0] = True
    g = (grid.axes[0][:, None] * grid.axes[1])[held]
    expected = -0.5 * (np.linalg.slogdet(full)[1] + u @ np.linalg.solve(full, u))
    expected += 100.0 * (len(g) * log_tau - np.exp(log_tau) * ((U[held] - g) ** 2).sum())
    expected += 0.5 * (30 * log_v - np.exp(log_v) * (H**2).sum())
    assert float(loss.detach()) == pytest.approx(-expected, rel=1e-8)

    loss.backward()
    for parameter in mixture.parameters:
        direction = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
        ends: list[float] = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                parameter += sign * 1e-5 * direction
                ends.append(float(run._loss(mixture)[0].detach()))
                parameter -= sign * 1e-5 * direction
        slope = float((parameter.grad * direction).sum())
        assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(slope, rel=1e-4, abs=1e-3)


def test_it_descends_to_a_tolerance():
    pde = bar(source=lambda x: -900 * np.sin(30 * x), boundary=lambda x: np.sin(30 * x))
    grid = grid_data(pde, [np.linspace(0.0, 1.0, 30)])
    posterior = joint_map(grid, JointMap(components=3, max_frequency=1.0), rtol=0.1, maxiter=600)
    assert posterior.status is ritz.Status.CONVERGED
    assert posterior.history[-1] <= 0.1 < posterior.history[-2]
    assert posterior.residuals["train"] == pytest.approx(posterior.history[-1], rel=0.02)
    assert posterior.residuals["off-grid"] < 0.15
    assert np.isnan(posterior.residuals["held-out"])
    x = np.linspace(0.0, 1.0, 41)
    h = 1e-4
    slope = (posterior.mean(x[1:-1] + h) - posterior.mean(x[1:-1] - h)) / (2 * h)
    np.testing.assert_allclose(posterior.mean(x[1:-1], 1), slope, rtol=1e-3, atol=1e-3)
    assert posterior.condition > 1.0
    assert posterior.noise > 0.0


@pytest.mark.parametrize("dimension", [1, 2])
def test_the_process_passes_through_the_values_of_the_grid(dimension):
    if dimension == 1:
        posterior = joint_map(data(), JointMap(components=3), maxiter=40)
    else:
        pde = PDE([(0.0, 1.0)] * 2, {(2, 0): 1.0, (0, 2): 1.0}, source=lambda x, y: np.sin(4 * x + y), boundary=1.0)
        posterior = joint_map(grid_data(pde, [np.linspace(0.0, 1.0, 9)] * 2), JointMap(components=3), maxiter=40)
    axes = posterior.data.axes
    nodes = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = posterior.parts[0].values.ravel()
    np.testing.assert_allclose(posterior.mean(nodes), values, atol=1e-4 * np.abs(values).max())
    scattered = np.random.default_rng(0).random((20, dimension))
    one_by_one = np.concatenate([posterior.mean(point[None]) for point in scattered])
    np.testing.assert_allclose(posterior.mean(scattered), one_by_one, rtol=1e-9)
    assert posterior.standard_deviation(nodes).max() < 0.02
    between = scattered[:6]
    covariance = posterior.parts[0].covariance(between)
    np.testing.assert_allclose(np.maximum(covariance.diagonal(), 1e-14), posterior.variance(between), atol=1e-9)
    draws = posterior.sample(between, 3, seed=1)
    assert draws.shape == (3, 6)
    np.testing.assert_array_equal(draws, posterior.sample(between, 3, seed=1))
    deviation = np.abs(draws - posterior.mean(between))
    assert (deviation <= 6 * posterior.standard_deviation(between) + 1e-6).all()
    torch_points = torch.tensor(between)
    assert isinstance(posterior.mean(torch_points), torch.Tensor)


def test_uneven_nodes_and_a_plain_envelope():
    nodes = np.linspace(0.0, 1.0, 30) ** 1.2
    options = JointMap(components=4, max_frequency=1.0, envelope="squared-exponential")
    posterior = joint_map(grid_data(bar(), [nodes]), options, maxiter=300)
    assert posterior.history[-1] < 0.3 * posterior.history[0]


def test_a_second_process_fits_the_remainder():
    options = JointMap(components=3, max_frequency=2.0, change_point=0.5)
    posterior = joint_map(data(), options, maxiter=100)
    assert len(posterior.parts) == 2
    assert len(posterior.history) == 101
    frozen = joint_map(data(), JointMap(components=3, max_frequency=2.0), maxiter=50)
    np.testing.assert_array_equal(posterior.parts[0].values, frozen.parts[0].values)
    np.testing.assert_allclose(posterior.history[:51], frozen.history)
    assert posterior.history[-1] < posterior.history[50]
    assert posterior.parts[1].covariances[0].frequencies.tolist() == [0.0]
    assert posterior.frequencies[0].shape == (4,)
    assert posterior.weights[0].shape == (4,)
    # The residual is that of the sum of both.
    assert posterior.residuals["train"] == pytest.approx(posterior.history[-1], rel=0.1)


def test_runs_repeat():
    first, second = (joint_map(data(), JointMap(components=3), maxiter=20) for _ in range(2))
    np.testing.assert_array_equal(first.parts[0].values, second.parts[0].values)


def test_callbacks_see_every_iterate_and_stop():
    seen: list[tuple[int, float]] = []

    def watch(iteration, x, residual):
        assert x.shape == (30,)
        seen.append((iteration, residual))
        return iteration == 7

    stopped = joint_map(data(), JointMap(components=3), maxiter=20, callback=watch)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert [iteration for iteration, _ in seen] == list(range(8))
    np.testing.assert_array_equal([residual for _, residual in seen], stopped.history)


def test_an_interrupt_keeps_the_best_iterate():
    def interrupt(iteration, x, residual):
        if iteration == 12:
            raise KeyboardInterrupt

    stopped = joint_map(data(), JointMap(components=3), maxiter=40, callback=interrupt)
    assert stopped.status is ritz.Status.INTERRUPTED
    best = joint_map(data(), JointMap(components=3), maxiter=12)
    np.testing.assert_array_equal(stopped.parts[0].values, best.parts[0].values)


def test_no_steps_and_steps_too_long():
    start = joint_map(data(), JointMap(components=3), maxiter=0)
    assert start.status is ritz.Status.MAX_ITERATIONS
    assert start.history.tolist() == [1.0]
    threads = torch.get_num_threads()
    wild = joint_map(data(), JointMap(components=3, learning_rate=1e6), maxiter=50)
    assert wild.status is ritz.Status.NON_FINITE
    assert np.isfinite(wild.mean(np.linspace(0, 1, 5))).all()
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"components": 0}, "components is 0"),
        ({"max_frequency": -1.0}, "max_frequency is -1.0; it must be greater than 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"change_point": 1.0}, "change_point is 1.0; it must be greater than 0 and less than 1"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        JointMap(**options)


def test_bad_problems():
    nodes = np.linspace(0.0, 1.0, 9)
    with pytest.raises(ritz.InvalidProblem, match=r"side x\+ is neumann; method 'map' takes Dirichlet and open"):
        joint_map(grid_data(bar(conditions={"x+": "neumann"}), [nodes]))
    with pytest.raises(ritz.InvalidProblem, match="do not hold its end 1, where u is given"):
        joint_map(grid_data(bar(), [nodes[:-1]]))
    with pytest.raises(ritz.InvalidProblem, match="do not increase"):
        grid_data(bar(), [nodes[::-1]])
    with pytest.raises(ritz.UnknownName, match="matern52"):
        JointMap(envelope="matern")
    with pytest.raises(ritz.InvalidProblem, match="derivative of order 6, which envelope 'matern52' does not have"):
        joint_map(grid_data(PDE((0.0, 1.0), {6: 1.0}, source=1.0), [nodes]), JointMap(components=2))
