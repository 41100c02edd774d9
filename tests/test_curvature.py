"""Hessians and their kin of torch functions: against dense ones, on every kind of input, and where they must refuse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import Phase, given, settings
from operator_checks import SEEDS, check_entries, check_product, check_promises, check_scipy
from torch import nn

import ritz
from ritz.errors import InvalidProblem, KinkWarning
from ritz.operators import EmpiricalFisher, GaussNewton, Hessian, Jacobian, Tag
from ritz.solvers.spectrum import eigenvalues, trace


def perceptron(dtype=torch.float64, activation=nn.Tanh, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 5), activation(), nn.Linear(5, 4)).to(dtype)


def convolutional(dtype=torch.float64):
    torch.manual_seed(1)
    layers = (nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 3, 3, padding=1), nn.SiLU())
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(48, 4)).to(dtype)


def samples(model, dtype=torch.float64, sizes=(7,)):
    generator = torch.Generator().manual_seed(2)
    shape = (3,) if isinstance(model[0], nn.Linear) else (1, 4, 4)
    return [
        (
            torch.randn(size, *shape, generator=generator, dtype=torch.float64).to(dtype),
            torch.randint(4, (size,), generator=generator),
        )
        for size in sizes
    ]


def one_hot(batch):
    return F.one_hot(batch[1], 4).to(batch[0].dtype)


LOSSES = {
    "cross_entropy": lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
    "mse_loss": lambda model, batch: F.mse_loss(model(batch[0]), one_hot(batch)),
    "huber_loss": lambda model, batch: F.huber_loss(model(batch[0]), one_hot(batch), delta=0.4),
    "binary": lambda model, batch: F.binary_cross_entropy_with_logits(model(batch[0]), one_hot(batch)),
    "squares": lambda model, batch: (model(batch[0]) - 0.5).square().mean(),
}


def dense(model, loss, batches):
    """Return the Hessian of the mean loss by torch's own double loop over the entries of the parameters."""
    names = [name for name, each in model.named_parameters() if each.requires_grad]
    values = tuple(dict(model.named_parameters())[name].detach().double() for name in names)
    twin = {name: each.double() for name, each in [*model.named_parameters(), *model.named_buffers()]}
    total = sum(len(x) for x, _ in batches)

    def of(*point):
        state = {**twin, **dict(zip(names, point, strict=True))}

        def call(x):
            return torch.func.functional_call(model, state, (x,))

        return sum(loss(call, (x.double(), y)) * len(x) / total for x, y in batches)

    blocks = torch.autograd.functional.hessian(of, values)
    rows = [torch.cat([b.reshape(v.numel(), -1) for b in row], dim=1) for row, v in zip(blocks, values, strict=True)]
    return torch.cat(rows).numpy()


# --- agreement


@pytest.mark.parametrize(
    ("name", "make"),
    [*((name, perceptron) for name in LOSSES), ("cross_entropy", convolutional), ("mse_loss", convolutional)],
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_hessian_agrees_with_the_dense_one(name, make, dtype, tolerance):
    model = make(dtype)
    batches = samples(model, dtype, (7, 3))
    H, exact = Hessian(LOSSES[name], model, batches), dense(make(dtype), LOSSES[name], batches)
    generator = np.random.default_rng(0)
    X = generator.standard_normal((len(exact), 11)).astype(H.dtype)
    expected = exact @ X
    for product in (H @ X, np.stack([H @ x for x in X.T], axis=1)):  # in blocks, and one by one
        assert product.dtype == H.dtype
        errors = np.linalg.norm(product - expected, axis=0)
        assert (errors <= tolerance * np.linalg.norm(expected, axis=0)).all()
    assert abs(H.to_dense() - H.to_dense().T).max() <= tolerance * abs(exact).max()


def test_losses_go_in_blocks():
    model = perceptron()
    batches = samples(model)
    for name in ("mse_loss", "huber_loss", "squares"):
        H = Hessian(LOSSES[name], model, batches)
        H.to_dense()
        assert H._parts[0].transposed.in_blocks


@pytest.mark.parametrize(
    "layer",
    [
        lambda: torch.nn.Conv2d(1, 4, 3, padding=1),
        lambda: torch.nn.Conv2d(1, 4, 3, stride=2),
        lambda: torch.nn.ConvTranspose2d(1, 4, 3),
    ],
)
def test_convolutions_go_in_blocks(layer):
    torch.manual_seed(0)
    model = torch.nn.Sequential(layer(), torch.nn.SiLU(), torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.Tanh()).double()
    H = Hessian(lambda model, x: model(x).square().mean(), model, [torch.randn(2, 1, 6, 6, dtype=torch.float64)])
    X = np.random.default_rng(0).standard_normal((H.shape[0], 5))
    np.testing.assert_allclose(H @ X, np.stack([H @ x for x in X.T], axis=1), atol=1e-12)
    assert H._parts[0].transposed.in_blocks


@settings(max_examples=3, deadline=None, phases=[Phase.generate])
@given(SEEDS)
def test_operators_of_functions_are_operators(seed):
    """What every operator must do: blocks, tensors, transposes, gradients, SciPy."""
    generator = np.random.default_rng(seed)
    n, m = (int(value) for value in generator.integers(1, 5, 2))
    root = torch.from_numpy(generator.standard_normal((m, n)))
    point = torch.from_numpy(generator.standard_normal(n))

    def outputs(x):
        return torch.tanh(root @ x)

    J = (1.0 - np.tanh((root @ point).numpy()) ** 2)[:, None] * root.numpy()
    curvature = root.numpy().T @ np.diag(3.0 * (root @ point).numpy() ** 2 * 2.0) @ root.numpy()
    cases = [
        (Jacobian(outputs, point), J),
        (GaussNewton(outputs, lambda z: (z * z).sum(), point), 2.0 * J.T @ J),
        (EmpiricalFisher(outputs, point), J.T @ J / m),
        (Hessian(lambda x: 0.5 * ((root @ x) ** 4).sum(), point, chunk=2), curvature),
    ]
    for operator, matrix in cases:
        check_product(operator, matrix, generator)
        check_entries(operator, matrix)
        check_promises(operator, matrix)
        check_scipy(operator, matrix, generator)


@settings(max_examples=4, deadline=None, phases=[Phase.generate])
@given(SEEDS)
def test_hessian_is_the_difference_of_gradients(seed):
    model = perceptron(seed=seed % 1000)
    batch = samples(model)[0]
    H = Hessian(LOSSES["cross_entropy"], model, [batch])
    v = np.random.default_rng(seed).standard_normal(H.shape[0])

    def gradient(step):
        moved = {
            name: each.detach() + step * torch.from_numpy(part).view_as(each)
            for (name, each), part in zip(model.named_parameters(), H.named(v).values(), strict=True)
        }
        moved = {name: each.requires_grad_() for name, each in moved.items()}
        loss = LOSSES["cross_entropy"](lambda x: torch.func.functional_call(model, moved, (x,)), batch)
        return torch.cat([each.flatten() for each in torch.autograd.grad(loss, list(moved.values()))]).numpy()

    difference = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
    np.testing.assert_allclose(H @ v, difference, atol=1e-8 * np.linalg.norm(v))


def test_gauss_newton_fisher_and_jacobian_of_a_network():
    model = perceptron()
    batches = samples(model, sizes=(5, 4))

    def outputs(model, batch):
        return model(batch[0])

    J = Jacobian(outputs, model, batches)
    assert J.shape == (9 * 4, J.shape[1])
    matrix = J.to_dense()
    probabilities = torch.cat([torch.softmax(model(x), dim=1) for x, _ in batches]).detach().numpy()
    G = GaussNewton(outputs, lambda z, batch: F.cross_entropy(z, batch[1]), model, batches)
    rows = matrix.reshape(9, 4, -1)
    inner = [np.diag(p) - np.outer(p, p) for p in probabilities]
    exact = sum(each.T @ middle @ each for each, middle in zip(rows, inner, strict=True)) / 9
    np.testing.assert_allclose(G.to_dense(), exact, atol=1e-13)
    labels = torch.cat([y for _, y in batches]).numpy()
    gradients = np.einsum("ij,ijk->ik", probabilities - np.eye(4)[labels], rows)
    fisher = EmpiricalFisher(lambda model, b: F.cross_entropy(model(b[0]), b[1], reduction="none"), model, batches)
    np.testing.assert_allclose(fisher.to_dense(), gradients.T @ gradients / 9, atol=1e-13)
    np.testing.assert_allclose(fisher.gradients.to_dense(), gradients, atol=1e-13)
    assert Tag.SEMIDEFINITE in fisher.tags
    # A linear model has no curvature of its own, so that its Gauss-Newton matrix is its Hessian.
    linear = nn.Sequential(nn.Linear(3, 4)).double()
    G = GaussNewton(outputs, lambda z, batch: F.cross_entropy(z, batch[1]), linear, batches)
    np.testing.assert_allclose(G.to_dense(), Hessian(LOSSES["cross_entropy"], linear, batches).to_dense(), atol=1e-14)


def test_blocks_of_layers_are_those_of_the_whole():
    model = perceptron()
    batches = samples(model)
    operators = [
        Hessian(LOSSES["cross_entropy"], model, batches),
        GaussNewton(lambda m, b: m(b[0]), lambda z, b: F.cross_entropy(z, b[1]), model, batches),
        EmpiricalFisher(lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="none"), model, batches),
    ]
    for whole in operators:
        matrix = whole.to_dense()
        part = whole.slices["2.weight"]
        np.testing.assert_allclose(whole.block("2.weight").to_dense(), matrix[part, part], atol=1e-14)
        layer = np.r_[whole.slices["0.weight"], whole.slices["0.bias"]]
        np.testing.assert_allclose(whole.block("0").to_dense(), matrix[np.ix_(layer, layer)], atol=1e-14)
        assert whole.block(["0", "2"]).shape == whole.shape
        with pytest.raises(InvalidProblem, match=r"'1' is not a parameter; there are 0\.weight"):
            whole.block("1")


def test_batches_add_up_to_the_whole():
    model = perceptron()
    x, y = samples(model, sizes=(12,))[0]
    whole = Hessian(LOSSES["cross_entropy"], model, [(x, y)]).to_dense()
    parts = [(x[:5], y[:5]), (x[5:6], y[5:6]), (x[6:], y[6:])]
    np.testing.assert_allclose(Hessian(LOSSES["cross_entropy"], model, parts).to_dense(), whole, atol=1e-14)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=5, shuffle=True)
    shuffled = Hessian(LOSSES["cross_entropy"], model, loader)
    np.testing.assert_allclose(shuffled.to_dense(), whole, atol=1e-14)
    np.testing.assert_array_equal(shuffled.to_dense(), shuffled.to_dense())
    sums = Hessian(
        lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="sum"), model, parts, reduction="sum"
    ).to_dense()
    np.testing.assert_allclose(sums, 12 * whole, atol=1e-13)
    for chunk in (1, 100):
        chunked = Hessian(LOSSES["cross_entropy"], model, parts, chunk=chunk)
        np.testing.assert_allclose(chunked.to_dense(), whole, atol=1e-14)


def test_small_losses_are_as_accurate_as_large_ones():
    model = perceptron()
    batches = samples(model)
    whole = Hessian(LOSSES["cross_entropy"], model, batches).to_dense()
    small = Hessian(lambda m, b: 1e-8 * LOSSES["cross_entropy"](m, b), model, batches).to_dense()
    np.testing.assert_allclose(1e8 * small, whole, atol=1e-14)


def test_solvers_and_spectrum_take_them():
    model = perceptron()
    batches = samples(model)
    G = GaussNewton(lambda m, b: m(b[0]), lambda z, b: F.cross_entropy(z, b[1]), model, batches)
    rhs = np.random.default_rng(0).standard_normal(G.shape[0])
    damped = G + 0.1 * ritz.operators.Diagonal(np.ones(G.shape[0]))
    solution = ritz.solve(damped, rhs, "cg", rtol=1e-10)
    np.testing.assert_allclose(solution.x, np.linalg.solve(G.to_dense() + 0.1 * np.eye(len(rhs)), rhs), atol=1e-8)
    exact = np.linalg.eigvalsh(G.to_dense())
    np.testing.assert_allclose(eigenvalues(G, 3).values, exact[::-1][:3], rtol=1e-10)
    assert trace(G, 60).value == pytest.approx(exact.sum(), rel=1e-12)


# --- parameters


def test_frozen_unused_and_tied_parameters():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
            self.second.weight = self.first.weight  # tied
            self.frozen, self.unused = nn.Linear(3, 4), nn.Linear(2, 2)
            self.frozen.requires_grad_(False)
            self.norm = nn.BatchNorm1d(3)

        def forward(self, x):
            return self.frozen(torch.tanh(self.norm(self.second(torch.tanh(self.first(x))))))

    model = Model().double().eval()
    batch = (torch.randn(6, 3, dtype=torch.float64), torch.randint(4, (6,)))
    H = Hessian(LOSSES["cross_entropy"], model, [batch])
    assert [*H.slices] == ["first.weight", "first.bias", "second.bias", "unused.weight", "unused.bias",
                           "norm.weight", "norm.bias"]  # fmt: skip
    matrix = H.to_dense()
    assert not matrix[H.slices["unused.weight"]].any()
    np.testing.assert_allclose(matrix, dense(model, LOSSES["cross_entropy"], [batch]), atol=1e-13)
    assert (EmpiricalFisher(lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="none"), model, [batch])
            .to_dense()[H.slices["unused.bias"]] == 0).all()  # fmt: skip


def test_functions_of_tensors_in_every_form():
    a, b = torch.tensor([2.0, 3.0], dtype=torch.float64), torch.tensor(5.0, dtype=torch.float64)
    expected = [[0.0, 5.0, 3.0], [5.0, 0.0, 2.0], [3.0, 2.0, 0.0]]
    inside = Hessian(lambda p: p[0].prod() * p[1], [a, b]).to_dense()  # the derivatives of prod are rounded
    np.testing.assert_allclose(inside, expected, atol=1e-15)
    assert Hessian(lambda p: p["a"][0] * p["a"][1] * p["b"], {"a": a, "b": b}).to_dense().tolist() == expected
    assert Hessian(lambda p: p[0] * p[1] * p[2], torch.cat([a, b[None]])).to_dense().tolist() == expected
    linear = Hessian(lambda p: p.sum(), a)
    assert linear.to_dense().tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert (linear @ np.ones(2)).tolist() == [0.0, 0.0]


def test_nothing_outside_changes():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(), nn.Linear(4, 4)).double().eval()
    for each in model.parameters():
        each.grad = torch.ones_like(each)
    state = {name: each.clone() for name, each in model.state_dict().items()}
    batch = samples(model)[0]
    kept = batch[0].clone()
    torch.manual_seed(5)
    random = torch.get_rng_state()
    H = Hessian(lambda m, b: F.cross_entropy(m(b[0]), b[1]) + 0.0 * torch.rand(()), model, [batch])
    before = H @ np.ones(H.shape[0])
    H.to_dense()
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(batch[0], kept)
    assert not model.training
    assert all((each.grad == 1.0).all() and each.requires_grad for each in model.parameters())
    assert all(torch.equal(each, state[name]) for name, each in model.state_dict().items())
    with torch.no_grad():  # nor does the operator change with the model
        for each in model.parameters():
            each.mul_(2.0)
        np.testing.assert_array_equal(H @ np.ones(H.shape[0]), before)


# --- refusals


def refuse(match, loss, parameters, *data, kind=Hessian):
    with pytest.raises(InvalidProblem, match=match):
        kind(loss, parameters, *data)


def test_bad_losses_are_refused():
    model = perceptron()
    batches = samples(model)
    refuse(r"shape \(7, 4\); it must return one number", lambda m, b: m(b[0]), model, batches)
    refuse("returned a float", lambda m, b: 1.0, model, batches)
    refuse("does not depend on the parameters", lambda m, b: model(b[0]).sum().detach(), model, batches)
    refuse("loss is nan", lambda m, b: m(b[0]).sum() * float("nan"), model, batches)
    refuse("products are NaN or infinite", lambda x: (x**1.5).sum(), torch.zeros(2))
    refuse("do not depend", lambda m, b: b[0], model, batches, kind=Jacobian)
    refuse(
        r"returned \(\); it must return one number per sample", LOSSES["squares"], model, batches, kind=EmpiricalFisher
    )


def test_bad_parameters_are_refused():
    model = perceptron()
    refuse("no entry that requires a gradient", LOSSES["squares"], perceptron().requires_grad_(False), samples(model))
    refuse("no entry that requires a gradient", lambda p: p.sum(), torch.zeros(0))
    refuse("torch.complex64", lambda p: p.abs().sum(), torch.ones(2, dtype=torch.complex64))
    refuse("float32 on cpu, torch.float64", lambda p: p[0] + p[1], [torch.ones(1), torch.ones(1).double()])
    refuse("generator; give a torch.nn.Module", LOSSES["squares"], model.parameters(), samples(model))
    refuse("holds a float", lambda p: p[0], [1.0])


def test_bad_data_are_refused():
    model = perceptron()
    x, y = samples(model)[0]
    refuse("data holds no batch", LOSSES["squares"], model, [])
    refuse("batch 1 of data is empty", LOSSES["squares"], model, [(x, y), (x[:0], y[:0])])
    refuse("give a list of batches", LOSSES["squares"], model, (x, y))
    refuse("give a list of batches", LOSSES["squares"], model, x)
    with pytest.raises(InvalidProblem, match="reduction is 'total'"):
        Hessian(LOSSES["squares"], model, [(x, y)], reduction="total")
    with pytest.raises(InvalidProblem, match="chunk is 0"):
        Hessian(LOSSES["squares"], model, [(x, y)], chunk=0)


def test_models_that_depend_on_chance_or_on_the_batch_are_refused():
    model = nn.Sequential(nn.Linear(3, 30), nn.Dropout(0.5), nn.Linear(30, 4)).double()
    for kind in (Hessian, Jacobian):
        refuse("two answers for the same input", LOSSES["cross_entropy"], model, samples(model), kind=kind)
    assert Hessian(LOSSES["cross_entropy"], model.eval(), samples(model)).shape == (244, 244)
    normalised = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double()
    refuse("BatchNorm1d in training mode", LOSSES["cross_entropy"], normalised, samples(normalised))


def test_kinks_are_warned_of_and_gauss_newton_has_none():
    model = perceptron(activation=nn.ReLU)
    with pytest.warns(KinkWarning, match="Relu.*GaussNewton"):
        Hessian(LOSSES["cross_entropy"], model, samples(model))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        GaussNewton(lambda m, b: m(b[0]), lambda z, b: F.cross_entropy(z, b[1]), model, samples(model))
        smooth = perceptron(activation=nn.Softplus)
        Hessian(LOSSES["cross_entropy"], smooth, samples(smooth))


def test_dense_forms_of_large_models_are_refused():
    H = Hessian(lambda p: (p**4).sum(), torch.ones(5000, dtype=torch.float64))
    with pytest.raises(InvalidProblem, match="5000 columns are too many"):
        H.to_dense()
    np.testing.assert_allclose(H @ np.ones(5000), 12.0)
