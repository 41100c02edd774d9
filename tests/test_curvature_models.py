"""Products with derivatives of models of many kinds, against differences of plain gradients."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from curvature_models import MODELS, Cube, function
from torch import nn
from torch.autograd.function import once_differentiable

from ritz.errors import InvalidProblem, KinkWarning
from ritz.operators import EmpiricalFisher, GaussNewton, Hessian, Jacobian
from ritz.solvers.spectrum import trace


def made(name, dtype=torch.float64):
    """Return a model; all of one name are equal (some kinds cannot be copied)."""
    torch.manual_seed(7)
    return MODELS[name]().to(dtype)


def data(name):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    width = made(name)(x.clone()).shape[1]
    return x, 0.3 * torch.ones(5, width, dtype=torch.float64)


def outputs(model, batch):
    return model(batch[0])


def error(z, batch):
    return (z - batch[1]).square().mean() + 0.1 * (z**4).mean()


def loss(model, batch):
    return error(outputs(model, batch), batch)


def losses(model, batch):
    return (outputs(model, batch) - batch[1]).square().mean(1)


def plain_gradients(name, of, move=None):
    """Return gradients of ``of(model)`` by plain differentiation, moved by a vector, as rows."""
    twin = made(name)
    leaves = list(twin.parameters())
    if move is not None:
        with torch.no_grad():
            for each, part in zip(leaves, move.split([leaf.numel() for leaf in leaves]), strict=True):
                each += part.view_as(each)
    values = of(twin).reshape(-1)
    rows = [torch.autograd.grad(each, leaves, retain_graph=True, materialize_grads=True) for each in values]
    return torch.stack([torch.cat([g.to_dense().reshape(-1) for g in row]) for row in rows]).numpy()


def differences(name, of, directions):
    """Return derivatives of the gradient along some directions, as columns, to fourth order."""
    steps = ((8.0, 5e-4), (-8.0, -5e-4), (-1.0, 1e-3), (1.0, -1e-3))
    columns = [
        sum(factor * plain_gradients(name, of, step * v)[0] / 6e-3 for factor, step in steps)
        for v in torch.from_numpy(directions.T)
    ]
    return np.stack(columns, axis=1)


def agree(found, expected, tolerance):
    assert abs(found - expected).max() <= tolerance * abs(expected).max()


def check_products(operator, X, expected, tolerance, transposed=False):
    """Compare products with columns X: in blocks, one by one, in torch, and again."""
    A = operator.T if transposed else operator
    block = A @ X
    agree(block, expected, tolerance)
    agree(np.stack([A @ x for x in X.T], axis=1), expected, tolerance)
    product = A @ torch.from_numpy(X)
    assert isinstance(product, torch.Tensor)
    agree(product.numpy(), expected, tolerance)
    np.testing.assert_array_equal(A @ X, block)  # a product leaves the next one as it is


def check_matrix(operator, X, expected, tolerance):
    matrix = operator.to_dense()
    agree(matrix @ X, expected, tolerance)
    np.testing.assert_allclose(operator.diagonal(), np.diagonal(matrix), atol=tolerance * abs(matrix).max())


@pytest.mark.parametrize("name", MODELS)
def test_products_of_every_kind_of_model(name):
    model, batch = made(name), data(name)
    state, kept = copy.deepcopy(model.state_dict()), copy.deepcopy(batch)
    J = plain_gradients(name, lambda m: outputs(m, copy.deepcopy(batch)))
    gradients = plain_gradients(name, lambda m: losses(m, copy.deepcopy(batch)))
    X = np.random.default_rng(3).standard_normal((J.shape[1], 3)) / np.sqrt(J.shape[1])
    exact = differences(name, lambda m: loss(m, copy.deepcopy(batch)), X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KinkWarning)
        H = Hessian(loss, model, [batch])
    check_products(H, X, exact, 1e-7)
    check_matrix(H, X, exact, 1e-7)
    agree(H.to_dense(), H.to_dense().T, 1e-12)
    operator = Jacobian(outputs, model, [batch])
    check_products(operator, X, J @ X, 1e-12)
    Y = np.random.default_rng(4).standard_normal((len(J), 3))
    check_products(operator, Y, J.T @ Y, 1e-12, transposed=True)
    z = outputs(made(name), copy.deepcopy(batch)).detach()
    inner = torch.autograd.functional.hessian(lambda z: error(z, batch), z).reshape(len(J), -1).numpy()
    check_products(GaussNewton(outputs, error, model, [batch]), X, J.T @ inner @ (J @ X), 1e-12)
    check_matrix(operator, X, J @ X, 1e-12)
    fisher = gradients.T @ (gradients @ X) / len(gradients)
    check_products(EmpiricalFisher(losses, model, [batch]), X, fisher, 1e-12)
    assert all(torch.equal(a, b) for a, b in zip(kept, batch, strict=True))
    assert all(torch.equal(each, state[name]) for name, each in model.state_dict().items())


@pytest.mark.parametrize("name", ["chain in place", "index assignment"])
def test_traces_are_exact_where_they_say_so(name):
    H = Hessian(loss, made(name), [data(name)])
    matrix = differences(name, lambda m: loss(m, copy.deepcopy(data(name))), np.eye(H.shape[0]))
    assert trace(H, 2 * len(matrix)).value == pytest.approx(np.trace(matrix), rel=1e-8)
    last = H.slices["o.weight"]
    assert trace(H.block("o.weight"), 20).value == pytest.approx(np.trace(matrix[last, last]), rel=1e-8)


@pytest.mark.parametrize("name", ["residual block", "lstm", "attention", "weight norm", "layer norm", "convolution"])
def test_products_in_single_precision(name):
    batch = data(name)
    exact = Hessian(loss, made(name), [batch]).to_dense()
    single = Hessian(loss, made(name, torch.float32), [tuple(each.float() for each in batch)])
    agree(single.to_dense(), exact, 2e-5)
    agree(np.stack([single @ e for e in np.eye(len(exact), dtype=np.float32)]), exact, 2e-5)


def test_functions_that_change_their_arguments():
    def cubes(p):
        p *= p.clone()
        return (p * p).sum()  # of fourth powers

    point = torch.tensor([1.0, -2.0], dtype=torch.float64)
    agree(Hessian(cubes, point).to_dense(), np.diag([12.0, 48.0]), 1e-15)
    assert point.tolist() == [1.0, -2.0]
    agree(GaussNewton(lambda p: p**2, cubes, point).to_dense(), np.diag([48.0, 48.0 * 64.0]), 1e-15)


def test_loaders_that_use_their_memory_again():
    def loader():
        x = torch.empty(4, 3, dtype=torch.float64)
        for seed in range(3):
            yield x.normal_(generator=torch.Generator().manual_seed(seed))

    model = nn.Linear(3, 1).double()
    apart = [x.clone() for x in loader()]
    expected = Hessian(lambda m, x: m(x).square().mean(), model, apart).to_dense()
    agree(Hessian(lambda m, x: m(x).square().mean(), model, loader()).to_dense(), expected, 1e-15)


def test_functions_of_no_value_are_symmetric_up_to_rounding():
    def constant(w):  # by cancellation
        return torch.log(torch.exp(3.0 * w)).sum() / 3.0 - w.sum() + 2.0

    H = Hessian(constant, torch.linspace(0.5, 2.0, 6, dtype=torch.float64))
    assert abs(H.to_dense()).max() <= 1e-12
    for scale in (1e-150, 1e150):
        H = Hessian(lambda w, scale=scale: scale * (w**3).sum(), torch.ones(3, dtype=torch.float64))
        agree(H.to_dense() / scale, 6.0 * np.eye(3), 1e-14)


# --- refusals


class Once(Cube):
    backward = staticmethod(once_differentiable(Cube.backward))


class OnceBothWays(Once):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_forward(x)
        return x**3

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return 3.0 * x**2 * tangent


class Detached(Cube):
    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return 3.0 * x.detach() ** 2 * gradient


class InNumPy(Cube):
    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return torch.from_numpy(3.0 * x.detach().numpy() ** 2 * gradient.detach().numpy())


class Lopsided(torch.autograd.Function):
    """|x|² of every row, whose second derivative is not that of a function."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square().sum(1, keepdim=True)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        rolled = x.roll(1, 1)
        return (2.0 * x + rolled - rolled.detach()) * gradient


CHANCE = np.random.default_rng()


def written(operation):
    torch.manual_seed(0)
    return function(lambda m, x: m.o(operation.apply(m.a(x))), a=nn.Linear(3, 4), o=nn.Linear(4, 1)).double()


@pytest.mark.parametrize("operation", [Once, Detached, InNumPy])
def test_operations_without_a_second_derivative_are_refused(operation):
    x = torch.randn(5, 3, dtype=torch.float64)
    with pytest.raises(InvalidProblem, match=f"differ from differences.* backward of {operation.__name__}"):
        Hessian(lambda m, x: m(x).square().mean(), written(operation), [x])


def test_second_derivatives_that_are_not_symmetric_are_refused():
    torch.manual_seed(0)
    layers = {"a": nn.Linear(3, 4), "b": nn.Linear(3, 1)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", KinkWarning)
        model = function(lambda m, x: Lopsided.apply(m.a(x)) + m.b(x).relu(), **layers).double()
        with pytest.raises(InvalidProblem, match=r"not symmetric.*see a\.weight, a\.bias\)"):
            Hessian(lambda m, x: m(x).square().mean(), model, [torch.randn(5, 3, dtype=torch.float64)])


@pytest.mark.parametrize("operation", [Cube, OnceBothWays, Detached])
def test_first_derivatives_are_enough_for_gauss_newton(operation):
    x = torch.randn(5, 3, dtype=torch.float64)
    model = written(operation)
    rows = [torch.autograd.grad(each, list(model.parameters()), retain_graph=True) for each in model(x).flatten()]
    J = np.stack([torch.cat([g.flatten() for g in row]).numpy() for row in rows])
    agree(Jacobian(lambda m, x: m(x), model, [x]).to_dense(), J, 1e-14)
    found = GaussNewton(lambda m, x: m(x), lambda z, x: z.square().mean(), model, [x])
    agree(found.to_dense(), 2.0 / 5.0 * J.T @ J, 1e-14)


@pytest.mark.parametrize("operation", [Once, InNumPy])
def test_jacobians_that_torch_cannot_multiply_are_refused(operation):
    with pytest.raises(InvalidProblem, match="cannot multiply by the derivative"):
        Jacobian(lambda m, x: m(x), written(operation), [torch.randn(5, 3, dtype=torch.float64)])


@pytest.mark.filterwarnings("ignore::ritz.errors.KinkWarning")
@pytest.mark.parametrize(
    "layer",
    [
        lambda: nn.Dropout(1e-3),
        lambda: nn.AlphaDropout(0.2),
        lambda: function(lambda m, x: m.r(x[:, None])[0][:, 0], r=nn.LSTM(3, 3, 2, batch_first=True, dropout=0.1)),
        lambda: function(lambda m, x: m.r(x, x, x)[0], r=nn.MultiheadAttention(3, 1, dropout=0.1)),
        lambda: nn.TransformerEncoderLayer(3, 1, 4),
        lambda: function(lambda m, x: nn.functional.dropout(x, 0.3)),
        lambda: nn.RReLU(),
        lambda: function(lambda m, x: x * (1.0 + 1e-5 * torch.rand(()))),
        lambda: function(lambda m, x: x * (1.0 + 1e-5 * float(CHANCE.random()))),
    ],
)
def test_models_that_depend_on_chance_are_refused(layer):
    model = nn.Sequential(nn.Linear(3, 3), layer(), nn.Linear(3, 1)).double()
    for kind, value in ((Hessian, lambda m, x: m(x).square().mean()), (Jacobian, lambda m, x: m(x))):
        with pytest.raises(InvalidProblem, match="two answers for the same input"):
            kind(value, model, [torch.randn(5, 3, dtype=torch.float64)])


def test_what_torch_differentiates_once_is_named():
    bag = nn.Sequential(nn.EmbeddingBag(5, 2), nn.Tanh()).double()
    with pytest.raises(InvalidProblem, match="_embedding_bag_backward"):
        Hessian(lambda m, x: m(x).square().mean(), bag, [torch.tensor([[0, 1], [3, 3]])])
