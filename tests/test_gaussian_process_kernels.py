"""Covariances along an axis: derivatives, matrices, agreement with GPyTorch."""

import math

import gpytorch
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.solvers.gaussian_process import MixtureKernel
from ritz.solvers.gaussian_process.covariances.covariance import SpectralMixture, axis_matrices, toeplitz
from ritz.solvers.gaussian_process.covariances.functionals import (
    Functional,
    covariance_matrix,
    evaluation,
    gram_matrix,
)

ENVELOPES = ("squared-exponential", "matern52")
MIXTURE = ([0.7, 0.2, 1.3], [0.0, 4.0, 11.0], [0.4, 1.5, 0.8])


@st.composite
def mixtures(draw, envelope):
    count = draw(st.integers(1, 4))
    numbers = st.floats(0.2, 3.0)
    weights, lengthscales = (draw(st.lists(numbers, min_size=count, max_size=count)) for _ in range(2))
    frequencies = draw(st.lists(st.floats(0.0, 20.0), min_size=count, max_size=count))
    return SpectralMixture(weights, frequencies, lengthscales, envelope)


@pytest.mark.parametrize("envelope", ENVELOPES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_derivative_is_that_of_the_one_before(envelope, data):
    covariance = data.draw(mixtures(envelope))
    order = data.draw(st.integers(1, 8 if envelope == "squared-exponential" else 4))
    distance = data.draw(st.floats(-2.0, 2.0))
    rate = float((covariance.frequencies + 3.0 / covariance.lengthscales).max())
    step = 1e-3 / rate
    nodes = distance + step * np.array([-2.0, -1.0, 1.0, 2.0])
    before = covariance.derivative(nodes, order - 1)
    expected = (before[0] - 8.0 * before[1] + 8.0 * before[2] - before[3]) / (12.0 * step)
    size = float(covariance.variance) * rate**order
    # Across distance 0 the fourth derivative of the Matern function bends.
    kink = envelope == "matern52" and order == 4 and abs(distance) < 2.0 * step
    found = covariance.derivative(np.array([distance]), order)[0]
    assert found == pytest.approx(expected, abs=(1e-2 if kink else 1e-7) * size)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_torch_gives_the_same_and_differentiates_it(envelope):
    distance = np.linspace(-1.0, 1.0, 7)
    fields = [torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in MIXTURE]
    ours = SpectralMixture(*MIXTURE, envelope).derivative(distance, 2)
    theirs = SpectralMixture(*fields, envelope).derivative(torch.tensor(distance), 2)
    np.testing.assert_allclose(theirs.detach().numpy(), ours, rtol=1e-13)

    def value(*fields):
        return SpectralMixture(*fields, envelope).derivative(torch.tensor(distance), 4)

    assert torch.autograd.gradcheck(value, fields)


@pytest.mark.parametrize("order", range(5))
@pytest.mark.parametrize("envelope", ENVELOPES)
def test_uniform_grids_take_a_row_only(envelope, order):
    covariance, grid = SpectralMixture(*MIXTURE, envelope), np.linspace(-1.0, 2.0, 30)
    [fast] = axis_matrices(covariance, grid, grid, [order])
    np.testing.assert_allclose(
        fast, covariance.derivative(grid[:, None] - grid, order), rtol=1e-9, atol=1e-9 * 11**order
    )
    tensors = SpectralMixture(*(torch.tensor(field, dtype=torch.float64) for field in MIXTURE), envelope)
    [same] = axis_matrices(tensors, grid, grid, [order])
    np.testing.assert_allclose(same.numpy(), fast, rtol=1e-12, atol=1e-12 * 11**order)


def test_toeplitz_of_one_value():
    assert toeplitz(np.array([2.0])).tolist() == [[2.0]]


def test_blocks_of_large_matrices(monkeypatch):
    import ritz.solvers.gaussian_process.covariances.covariance as module

    covariance, points = SpectralMixture(*MIXTURE), np.random.default_rng(0).random(40)
    whole = axis_matrices(covariance, points, points[:11], [0, 2])
    monkeypatch.setattr(module, "BLOCK", 100)
    for left, right in zip(axis_matrices(covariance, points, points[:11], [0, 2]), whole, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_covariance_of_derivatives_in_the_plane(envelope):
    """Mixed derivatives of the product, on both sides, by finite differences of the covariance of values."""
    covariances = [
        SpectralMixture([1.0], [3.0], [0.7], envelope),
        SpectralMixture([0.5, 1.0], [0.0, 2.0], [1.0, 0.5], envelope),
    ]
    generator = np.random.default_rng(1)
    left, right = generator.random((4, 2)), generator.random((3, 2))
    scale = generator.random(4)
    found = covariance_matrix(
        covariances, Functional(left, {(1, 1): scale, (0, 0): np.ones(4)}), evaluation(right, (0, 1))
    )

    def values(shift_left, shift_right):
        return covariance_matrix(
            covariances, evaluation(left + shift_left, (0, 0)), evaluation(right + shift_right, (0, 0))
        )

    h = 2e-3
    x, y = np.array([h, 0.0]), np.array([0.0, h])
    expected = np.zeros((4, 3))
    for sign in (1.0, -1.0):
        expected += sign * (values(0 * x, sign * y)) / (2 * h)
        for a in (1.0, -1.0):
            for b in (1.0, -1.0):
                expected += scale[:, None] * sign * a * b * values(a * x + b * y, sign * y) / (8 * h**3)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3)


def test_gram_matrices_are_symmetric_and_definite():
    covariances = [SpectralMixture(*MIXTURE)]
    points = np.linspace(0.0, 1.0, 6)[:, None]
    functionals = [Functional(points, {(2,): np.arange(1.0, 7.0), (0,): np.ones(6)}), evaluation(points[[0, -1]], (1,))]
    matrix = gram_matrix(covariances, functionals)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > 0.0


def test_a_component_more():
    extended = SpectralMixture([1.0], [9.0], [2.0]).with_component(0.5, 0.0, 0.3)
    assert extended.size == 2
    assert extended.variance == 1.5
    assert extended.scaled(2.0).weights.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (([1.0], [1.0, 2.0], [1.0]), r"frequencies has shape \(2,\)"),
        (([], [], []), "Q > 0"),
        (([-1.0], [1.0], [1.0]), "weights has the entry -1; they must be non-negative"),
        (([1.0], [1.0], [0.0]), "lengthscales has the entry 0; they must be positive"),
        (([1.0], [math.nan], [1.0]), "frequencies has entries that are NaN"),
    ],
)
def test_bad_mixtures(fields, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        SpectralMixture(*fields)


def test_unknown_envelope_and_too_many_derivatives():
    with pytest.raises(ritz.UnknownName, match="matern52"):
        SpectralMixture([1.0], [0.0], [1.0], "matern")
    rough = SpectralMixture([1.0], [0.0], [1.0])
    rough.check_derivatives(2)
    with pytest.raises(
        ritz.InvalidProblem, match=r"order 3 on both sides.*takes 6: use envelope 'squared-exponential'"
    ):
        rough.check_derivatives(3)
    with pytest.raises(ritz.InvalidProblem, match="no derivative of order 5"):
        rough.derivative(np.zeros(1), 5)
    SpectralMixture([1.0], [0.0], [1.0], "squared-exponential").check_derivatives(10)


# GPyTorch

X, Y = (
    torch.linspace(0.0, 1.0, 7).double()[:, None],
    torch.rand(5, 1, generator=torch.Generator().manual_seed(0)).double(),
)


def set_to(kernel, **values):
    kernel = kernel.double()
    for name, value in values.items():
        setattr(kernel, name, torch.tensor(value, dtype=torch.float64))
    return kernel


@pytest.mark.parametrize(
    ("envelope", "theirs"),
    [("squared-exponential", gpytorch.kernels.RBFKernel), ("matern52", lambda: gpytorch.kernels.MaternKernel(nu=2.5))],
)
def test_plain_covariances_are_those_of_gpytorch(envelope, theirs):
    ours = MixtureKernel(SpectralMixture([1.0], [0.0], [0.3], envelope))
    theirs = set_to(theirs(), lengthscale=0.3)
    torch.testing.assert_close(ours(X, Y).to_dense(), theirs(X, Y).to_dense(), rtol=1e-9, atol=1e-9)


def test_mixtures_are_those_of_gpytorch():
    theirs = gpytorch.kernels.SpectralMixtureKernel(num_mixtures=2).double()
    theirs = set_to(
        theirs,
        mixture_weights=[0.4, 1.5],
        mixture_means=[[[0.6]], [[2.0]]],
        mixture_scales=[[[0.3]], [[1.1]]],
    )
    lengths = 1.0 / (2.0 * np.pi * np.array([0.3, 1.1]))
    ours = MixtureKernel(
        SpectralMixture([0.4, 1.5], 2.0 * np.pi * np.array([0.6, 2.0]), lengths, "squared-exponential")
    )
    torch.testing.assert_close(ours(X, Y).to_dense(), theirs(X, Y).to_dense(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("envelope", "theirs"),
    [("squared-exponential", gpytorch.kernels.RBFKernelGrad), ("matern52", gpytorch.kernels.Matern52KernelGrad)],
)
def test_derivatives_are_those_of_gpytorch(envelope, theirs):
    ours = MixtureKernel(SpectralMixture([1.0], [0.0], [0.4], envelope), orders=(0, 1))
    theirs = set_to(theirs(), lengthscale=0.4)
    for a, b in ((X, X), (X, Y)):
        torch.testing.assert_close(ours(a, b).to_dense(), theirs(a, b).to_dense(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours(X, diag=True), torch.diagonal(ours(X).to_dense()), rtol=1e-9, atol=1e-9)


def test_second_derivatives_and_batches():
    kernel = MixtureKernel(SpectralMixture(*MIXTURE), orders=(2, 0))
    points = torch.stack([X[:5], Y])
    matrices = kernel(points).to_dense()
    assert matrices.shape == (2, 10, 10)
    torch.testing.assert_close(matrices[1], kernel(Y).to_dense())
    assert torch.linalg.eigvalsh(matrices).min() > -1e-9


def test_a_model_of_gpytorch_learns_the_frequency():
    class Model(gpytorch.models.ExactGP):
        def __init__(self, x, y, likelihood):
            super().__init__(x, y, likelihood)
            self.mean_module = gpytorch.means.ZeroMean()
            self.covar_module = MixtureKernel(SpectralMixture([1.0], [18.5], [2.0]))

        def forward(self, x):
            return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))

    x = torch.linspace(0.0, 1.0, 40).double()
    y = torch.sin(20.0 * x)
    likelihood = gpytorch.likelihoods.GaussianLikelihood().double()
    likelihood.noise = 1e-3
    model = Model(x, y, likelihood).double().train()
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        optimiser.zero_grad()
        loss = -objective(model(x), y)
        loss.backward()
        optimiser.step()
    assert float(model.covar_module.frequencies[0].detach()) == pytest.approx(20.0, abs=0.2)
    model.eval()
    between = x[:-1] + 0.5 / 39
    with torch.no_grad():
        assert (model(between).mean - torch.sin(20.0 * between)).abs().max() < 0.01


def test_products_over_axes_and_what_is_refused():
    product = MixtureKernel(2, active_dims=[0]) * MixtureKernel(1, "squared-exponential", active_dims=[1])
    points = torch.cat([X, X.flip(0)], dim=1)
    assert torch.linalg.eigvalsh(product(points).to_dense()).min() > 0.0
    with pytest.raises(ritz.InvalidProblem, match=r"active_dims=\[0\]"):
        MixtureKernel(1)(points).to_dense()
    with pytest.raises(ritz.InvalidProblem, match="takes 6"):
        MixtureKernel(1, orders=(0, 3))
    with pytest.raises(ritz.InvalidProblem, match="no batch_shape"):
        MixtureKernel(1, batch_shape=torch.Size([2]))


def test_kernels_come_back_from_their_state():
    kernel = MixtureKernel(SpectralMixture(*MIXTURE))
    other = MixtureKernel(3)
    other.load_state_dict(kernel.state_dict())
    torch.testing.assert_close(other(X).to_dense(), kernel(X).to_dense())
