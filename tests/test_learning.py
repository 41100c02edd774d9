"""Inverse curvature, second-order optimisers, training aids: against dense references, and where they must refuse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_checks import SEEDS
from torch import nn

import ritz
from ritz.errors import InvalidProblem, TrainingError, UnknownName
from ritz.operators import Dense, Hessian, Tag
from ritz.problems.manufactured import Wave, from_exact
from ritz.solution import Status
from ritz.solvers.learning import (
    MFAC,
    AdaHessian,
    LevenbergMarquardt,
    RecursiveInverse,
    SharpnessMonitor,
    SlidingInverse,
    WoodburyInverse,
    hessian_alignment,
    inverse_product,
    jacobian_rows,
    learning_rate,
    linear_head_diagonal,
    quantise,
    quantised,
    sensitivities,
    sharpness,
    with_integers,
)

DAMPING = 1e-3
SHAPES = {"wide": (6, 40), "tall": (40, 6)}


def gradients(shape, seed=0, dtype=np.float64):
    generator = np.random.default_rng(seed)
    return (generator.standard_normal(shape) * generator.uniform(0.1, 3.0, (shape[0], 1))).astype(dtype)


def dense_inverse(G, damping=DAMPING):
    G = np.asarray(G, dtype=np.float64)
    return np.linalg.inv(damping * np.eye(G.shape[1]) + G.T @ G / len(G))


def perceptron(seed=0, dtype=torch.float64, inputs=2):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, 1)).to(dtype)


# --- inverse curvature


def sliding(G, damping):
    inverse = SlidingInverse(G.shape[1], len(G), damping)
    for g in gradients((3, G.shape[1]), seed=9):  # forgotten again
        inverse.update(torch.as_tensor(g).to(G.dtype) if isinstance(G, torch.Tensor) else g.astype(G.dtype))
    for g in G:
        inverse.update(g)
    return inverse


@pytest.mark.parametrize("kind", [WoodburyInverse, RecursiveInverse, sliding])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("tensors", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-3)])
def test_inverses_agree_with_the_dense_one(kind, shape, tensors, dtype, tolerance):
    G = gradients(shape, dtype=dtype)
    given = torch.from_numpy(G) if tensors else G
    inverse, exact = kind(given, DAMPING), dense_inverse(G)
    X = np.random.default_rng(1).standard_normal((shape[1], 3)).astype(dtype)
    for x in (X, X[:, 0]):
        y = inverse @ (torch.from_numpy(x.copy()) if tensors else x)
        assert isinstance(y, torch.Tensor) == tensors
        expected = exact @ x
        assert np.linalg.norm(np.asarray(y) - expected) <= tolerance * np.linalg.norm(expected)
    assert np.abs(inverse.diagonal() - np.diagonal(exact)).max() <= tolerance * np.abs(exact).max()


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(1, 9), st.floats(1e-4, 10.0))
def test_the_window_slides(seed, window, size, damping):
    """After every update, also while it fills up: the inverse for the latest gradients, by the fused product too."""
    inverse, seen = SlidingInverse(size, window, damping), gradients((10, size), seed)
    x = np.ones(size)
    for number, g in enumerate(seen, start=1):
        exact = dense_inverse(seen[max(0, number - window) : number], damping)
        product = inverse.update_and_multiply(g, x) if number % 2 else inverse.update_and_multiply(g)
        expected = exact @ (x if number % 2 else g)
        np.testing.assert_allclose(product, expected, rtol=1e-8, atol=1e-8 * abs(expected).max())
        np.testing.assert_allclose(inverse @ x, exact @ x, rtol=1e-7, atol=1e-8 * abs(exact).max())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_woodbury_shares_its_work(shape):
    G = gradients(shape)
    first = WoodburyInverse(G, DAMPING, weight=2.0)
    for damping in (DAMPING, 10.0):
        matrix = damping * np.eye(shape[1]) + 2.0 * G.T @ G
        inverse = first.damped(damping)
        r = np.random.default_rng(0).standard_normal(shape[0])
        np.testing.assert_allclose(inverse.pull_back(r), np.linalg.solve(matrix, G.T @ r), rtol=1e-7, atol=1e-9)
        assert inverse.log_determinant() == pytest.approx(np.linalg.slogdet(matrix)[1], rel=1e-10)
    assert first.damping == DAMPING


def test_nearly_equal_gradients_in_float32_do_not_break_the_inverse():
    g = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    inverse = SlidingInverse(g.size, 8, 1e-2)
    for number in range(12):
        product = inverse.update_and_multiply(g * np.float32(1.0 + 1e-6 * number))
    assert np.isfinite(product).all()
    assert np.linalg.norm(product) < 2.0 / np.linalg.norm(g)  # g / (λ + |g|²)


def test_the_fastest_way_is_chosen_and_said():
    G = gradients((40, 700))
    x = np.random.default_rng(0).standard_normal((700, 2))
    expected = dense_inverse(G) @ x
    for method in ("auto", "woodbury", "recursion", "cg", "dense"):
        found = inverse_product(G, x, DAMPING, method, rtol=1e-11)
        assert np.linalg.norm(found.x - expected) < 1e-6 * np.linalg.norm(expected)
        assert found.residual < 1e-8
    assert inverse_product(G, x, DAMPING).method == "woodbury"
    assert "passes" in inverse_product(G, x, DAMPING).reason
    easy = inverse_product(gradients((500, 800)), np.ones(800), 1e4)
    assert easy.method == "cg"
    assert easy.products < 12
    matrix = Dense(G.T @ G / 40, tags={Tag.SYMMETRIC, Tag.SEMIDEFINITE})
    assert inverse_product(matrix, torch.from_numpy(x), DAMPING, rtol=1e-6).method == "cg"
    small = inverse_product(Dense(np.diag([1.0, 2.0]), tags={Tag.SYMMETRIC}), np.ones(2), 1.0)
    assert small.method == "dense"
    np.testing.assert_allclose(small.x, [0.5, 1 / 3])
    series = inverse_product(G, x, 10.0, "neumann", rtol=1e-10)
    np.testing.assert_allclose(series.x, dense_inverse(G, 10.0) @ x, atol=1e-8)
    assert series.status is Status.CONVERGED


def test_negative_curvature_ends_conjugate_gradients_and_is_said():
    indefinite = Dense(np.diag([3.0, 1.0, -2.0]), tags={Tag.SYMMETRIC})
    found = inverse_product(indefinite, np.array([1.0, 1.0, 0.1]), 0.5, "cg")
    assert found.status is Status.INDEFINITE
    assert found.x @ np.array([1.0, 1.0, 0.1]) > 0.0  # a direction of descent all the same
    at_once = inverse_product(indefinite, np.array([0.0, 0.0, 1.0]), 0.5, "cg")
    assert at_once.status is Status.INDEFINITE
    assert at_once.x.tolist() == [0.0, 0.0, 1.0]
    with pytest.raises(InvalidProblem, match=r"eigenvalue -2.*give at least 4.*GaussNewton"):
        inverse_product(indefinite, np.ones(3), 0.5)
    assert inverse_product(indefinite, np.ones(3), 0.5, "neumann").status is Status.INDEFINITE


def test_bad_gradients_and_dampings_are_refused():
    G = gradients((3, 5))
    broken = G.copy()
    broken[1, 2] = np.nan
    for match, call in (
        ("damping is 0", lambda: WoodburyInverse(G, 0.0)),
        ("damping is nan", lambda: SlidingInverse(3, 2, float("nan"))),
        (r"shape \(0, 5\)", lambda: WoodburyInverse(G[:0], 1.0)),
        ("must be float32 or float64", lambda: RecursiveInverse(G.astype(int), 1.0)),
        ("row 1 of the gradients is NaN", lambda: WoodburyInverse(broken, 1.0)),
        ("lost in their rounding", lambda: WoodburyInverse(np.vstack([G, G]).repeat(9, 1), 1e-20)),
        ("window is 0", lambda: SlidingInverse(3, 0, 1.0)),
        (r"gradient has shape \(4,\)", lambda: SlidingInverse(5, 2, 1.0).update(np.ones(4))),
        ("gradient is NaN", lambda: SlidingInverse(5, 2, 1.0).update(broken[1])),
        (r"x has shape \(4,\)", lambda: inverse_product(G, np.ones(4), 1.0)),
        ("x holds NaN", lambda: inverse_product(G, np.full(5, np.nan), 1.0)),
        ("must be symmetric", lambda: inverse_product(Dense(np.triu(np.ones((5, 5)))), np.ones(5), 1.0)),
        (
            "needs gradients as rows",
            lambda: inverse_product(Dense(np.eye(5), tags={Tag.SYMMETRIC}), np.ones(5), 1.0, "woodbury"),
        ),
    ):
        with pytest.raises(InvalidProblem, match=match):
            call()
    with pytest.raises(UnknownName, match="did you mean 'woodbury'"):
        inverse_product(G, np.ones(5), 1.0, "woodbery")


# --- optimisers


def fitting(seed=0, samples=12):
    """Return a model, its data, and a smooth loss."""
    model = perceptron(seed)
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(samples, 2, generator=generator, dtype=torch.float64)
    y = torch.sin(3.0 * x).sum(dim=1, keepdim=True)
    return model, (x, y), lambda model, batch: (model(batch[0]) - batch[1]).square().mean()


def flat(model):
    return torch.cat([each.detach().reshape(-1) for each in model.parameters()]).numpy()


@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("every", [1, 3])
def test_adahessian_is_its_update(averaging, every):
    model, batch, loss = fitting()
    lr, (beta1, beta2), eps, decay = 0.1, (0.9, 0.99), 1e-4, 0.05
    optimiser = AdaHessian(
        model.parameters(), lr, (beta1, beta2), eps, decay, update_every=every, averaging=averaging, seed=5
    )
    w, m, v, renewed = flat(model), 0.0, 0.0, 0
    for step in range(1, 8):
        H = Hessian(loss, model, [batch], chunk=1)
        gradient, matrix = H.gradient, H.to_dense()
        if (step - 1) % every == 0:
            signs = torch.Generator().manual_seed(5 + 1_000_003 * (step - 1))
            z = np.concatenate(
                [
                    2.0 * torch.randint(0, 2, each.shape, generator=signs).numpy().reshape(-1) - 1.0
                    for each in model.parameters()
                ]
            )
            D, renewed = abs(matrix @ z), renewed + 1
            if averaging:
                for name, each in model.named_parameters():
                    if each.ndim == 2:
                        part = D[H.slices[name]].reshape(each.shape)
                        D[H.slices[name]] = np.broadcast_to(part.mean(1, keepdims=True), part.shape).reshape(-1)
            v = beta2 * v + (1.0 - beta2) * D**2
        m = beta1 * m + (1.0 - beta1) * gradient
        w = w - lr * decay * w
        w = w - lr * (m / (1.0 - beta1**step)) / (np.sqrt(v / (1.0 - beta2**renewed)) + eps)
        optimiser.step(lambda: loss(model, batch))
        np.testing.assert_allclose(flat(model), w, rtol=1e-6, atol=1e-9)


def test_adahessian_is_newton_on_a_diagonal_quadratic():
    scales = torch.logspace(-2, 3, 9, dtype=torch.float64)
    x = torch.ones(9, dtype=torch.float64, requires_grad=True)
    AdaHessian([x], lr=1.0, eps=0.0).step(lambda: 0.5 * (scales * x * x).sum())
    assert x.abs().max() < 1e-12


def test_mfac_is_its_update():
    model, batch, loss = fitting()
    lr, momentum, damping, window = 0.01, 0.9, 1e-2, 4
    optimiser = MFAC(model.parameters(), lr, momentum, window=window, damping=damping)
    w, velocity, seen = flat(model), 0.0, []
    for _ in range(7):
        seen.append(Hessian(loss, model, [batch]).gradient)
        velocity = momentum * velocity + dense_inverse(np.array(seen[-window:]), damping) @ seen[-1]
        w = w - lr * velocity
        optimiser.step(lambda: loss(model, batch))
        np.testing.assert_allclose(flat(model), w, rtol=1e-8, atol=1e-10)


def residual(model, sample):
    return model(sample[0]) - sample[1]


@pytest.mark.parametrize("samples", [6, 40])
def test_levenberg_marquardt_solves_the_damped_normal_equations(samples):
    """With fewer rows than parameters, and with more."""
    model, batch, loss = fitting(samples=samples)
    before, start = loss(model, batch).item() * samples, flat(model)
    J, r = jacobian_rows(residual, model, batch).numpy(), (model(batch[0]) - batch[1]).detach().numpy()[:, 0]
    H = ritz.operators.Jacobian(lambda model, batch: model(batch[0]), model, [batch])
    np.testing.assert_allclose(J, H.to_dense(), atol=1e-12)
    optimiser = LevenbergMarquardt(model, residual, damping=0.1)
    assert optimiser.step(batch) == pytest.approx(before)
    damping = 0.1 * (J**2).sum(0).max()
    while True:
        step = -np.linalg.solve(J.T @ J + damping * np.eye(J.shape[1]), J.T @ r)
        if np.allclose(flat(model) - start, step, rtol=1e-7, atol=1e-10):
            break
        damping *= 2.0
        assert damping < 1e6, "no damping gives this step"
    assert optimiser.loss == pytest.approx(loss(model, batch).item() * samples)
    assert optimiser.loss < before


def test_levenberg_marquardt_takes_energies_and_several_kinds_of_samples():
    """The Ritz method for -u'' = π² sin πx on (0, 1): the energy of sin πx is -π²/4."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 10), nn.Tanh(), nn.Linear(10, 1)).double()
    nodes, weights = np.polynomial.legendre.leggauss(24)
    x, w = torch.from_numpy(0.5 + 0.5 * nodes)[:, None], torch.from_numpy(0.5 * weights)

    def energy(model, sample):
        x, w = sample
        u, slope = torch.func.jvp(lambda x: x * (1.0 - x) * model(x), (x,), (torch.ones_like(x),))
        return slope * (0.5 * w).sqrt(), -(w * torch.pi**2 * torch.sin(torch.pi * x) * u).sum()

    def nothing(model, sample):
        return 1e-8 * model(sample)

    optimiser = LevenbergMarquardt(model, [energy, nothing])
    for _ in range(30):
        optimiser.step([(x, w), x])
    assert optimiser.loss == pytest.approx(-(np.pi**2) / 4, abs=1e-6)
    u = (x * (1.0 - x) * model(x)).detach()
    assert float((u - torch.sin(torch.pi * x)).abs().max()) < 1e-3


def test_optimisers_say_what_is_wrong():
    model, batch, loss = fitting()
    for options in ({"lr": 0.0}, {"betas": (1.0, 0.9)}, {"update_every": 0}, {"weight_decay": -1.0}):
        with pytest.raises(InvalidProblem, match=f"{next(iter(options))} is"):
            AdaHessian(model.parameters(), **options)
    with pytest.raises(InvalidProblem, match="momentum 1"):
        MFAC(model.parameters(), momentum=1.0)
    with pytest.raises(InvalidProblem, match="are 2 groups"):
        MFAC([{"params": [each]} for each in list(model.parameters())[:2]])
    with pytest.raises(InvalidProblem, match="batch is empty"):
        LevenbergMarquardt(model, residual).step((batch[0][:0], batch[1][:0]))
    with pytest.raises(InvalidProblem, match="gradients have no graph"):
        AdaHessian(model.parameters()).step()
    with pytest.raises(InvalidProblem, match="no parameter that requires a gradient"):
        LevenbergMarquardt(perceptron().requires_grad_(False), residual)
    kept = flat(model)
    for optimiser in (AdaHessian(model.parameters()), MFAC(model.parameters())):
        with pytest.raises(TrainingError, match="nan"):
            optimiser.step(lambda: loss(model, batch) * float("nan"))
    with pytest.raises(TrainingError, match="nan"):
        LevenbergMarquardt(model, lambda m, s: residual(m, s) * float("nan")).step(batch)
    np.testing.assert_array_equal(flat(model), kept)
    linear = LevenbergMarquardt(nn.Linear(1, 1, bias=False), lambda model, x: model(x) - 2.0 * x)
    for _ in range(60):
        linear.step(torch.ones(3, 1))
        if linear.stalled:
            break
    assert linear.stalled  # at the minimum no step lowers the loss
    assert linear.loss < 1e-10


@pytest.mark.parametrize("name", ["poisson-1d", "nonlinear", "neumann-1d"])
def test_networks_for_equations_train_by_levenberg_marquardt(name):
    if name == "nonlinear":
        laplace = {(2, 0): -1.0, (0, 2): -1.0}
        wave = Wave((2.3, 1.7), (0.4, 0.9))
        problem = from_exact(wave, [(0.0, 1.0), (0.0, 1.0)], laplace, "dirichlet", "", (np.exp, np.exp))
    else:
        problem = ritz.problems.manufactured(name)
    small = {"width": 12, "depth": 2, "points": 150, "side_points": 20, "shape": 20}
    options = small | {"optimizer": "levenberg-marquardt"}
    solution = ritz.solve(problem, "pinn", **options, rtol=1e-4, maxiter=40, throw=False)
    assert solution.error(problem.exact) < 1e-3
    assert len(solution.history) == solution.iterations + 1
    assert (np.diff(solution.history) <= 0.0).all()
    with pytest.raises(InvalidProblem, match="optimizer is 'newton'"):
        ritz.solve(problem, "pinn", **small, optimizer="newton")


# --- training aids


def test_learning_rates_follow_from_eigenvalues():
    model, batch, loss = fitting()
    largest = np.linalg.eigvalsh(Hessian(loss, model, [batch]).to_dense())[-1]
    found = learning_rate(loss, model, [batch])
    assert found.largest == pytest.approx(largest, rel=1e-6)
    assert found.value == pytest.approx(1.0 / largest, rel=1e-6)
    assert found.batch_size == 12
    assert found.for_batch(48) == pytest.approx(4.0 * found.value)
    halves = [(batch[0][:6], batch[1][:6]), (batch[0][6:], batch[1][6:])]
    single = learning_rate(loss, model, halves)
    assert single.largest >= (1.0 - 1e-9) * largest  # the largest eigenvalue is convex
    assert np.isfinite(single.standard_error)
    adam = learning_rate(loss, model, halves, "adam")
    assert adam.for_batch(24) == pytest.approx(2.0 * adam.value)
    with pytest.raises(UnknownName, match="'adma'"):
        learning_rate(loss, model, [batch], "adma")
    with pytest.raises(InvalidProblem, match="no direction has positive curvature"):
        learning_rate(lambda x: -(x * x).sum(), torch.ones(3))


def test_sharpness_is_watched_through_training():
    model, batch, loss = fitting()
    monitor = SharpnessMonitor(loss, model, [batch], learning_rate=0.05, every=4)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(9):
        monitor(step)
        optimiser.zero_grad()
        loss(model, batch).backward()
        optimiser.step()
    assert [each.step for each in monitor.history] == [0, 4, 8]
    matrix = Hessian(loss, model, [batch]).to_dense()
    now = sharpness(Hessian(loss, model, [batch]), 0.05)
    assert now.largest == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-4)
    assert now.trace.value == pytest.approx(np.trace(matrix), rel=1e-6)  # exact: the budget is the size
    assert now.limit == 40.0
    with pytest.raises(InvalidProblem, match="learning_rate is 0"):
        sharpness(np.eye(3), 0.0)


def test_single_samples_find_flat_minima_and_whole_gradients_only_blunt_ones():
    from ritz.figures.dynamical_stability import descend

    single = descend(0.05, batch=1, steps=30_000)
    assert single.converged
    assert single.trace <= 2.0 / 0.05
    whole = descend(0.1, batch=None, steps=4000)
    assert whole.converged
    assert whole.largest <= 2.0 / 0.1
    assert whole.trace > 2.0 / 0.1  # where single samples could not stay
    assert not descend(0.1, batch=1, steps=2000).converged


def test_hessian_alignment():
    torch.manual_seed(0)
    features = [torch.randn(30, 5, dtype=torch.float64) * scale for scale in (0.5, 1.0)]
    head = nn.Linear(5, 3).double()
    labels = torch.randint(3, (30,))
    losses = [nn.functional.cross_entropy(head(z), labels) for z in features]
    weights = [head.weight]
    matrices, slopes = [], []
    for z in features:
        H = Hessian(
            lambda w, z=z: nn.functional.cross_entropy(z @ w.T + head.bias.detach(), labels), head.weight.detach()
        )
        matrices.append(H.to_dense())
        slopes.append(H.gradient)
    along = [matrix @ slope for matrix, slope in zip(matrices, slopes, strict=True)]
    expected = sum(((v - np.mean(vs, axis=0)) ** 2).sum() / 2 for vs in (along, slopes) for v in vs)
    penalty = hessian_alignment(losses, weights)
    assert penalty.item() == pytest.approx(expected, rel=1e-10)
    assert torch.autograd.grad(penalty, head.weight, retain_graph=True)[0].abs().max() > 0.0
    for z, matrix in zip(features, matrices, strict=True):
        np.testing.assert_allclose(linear_head_diagonal(z, head(z)).detach().reshape(-1), np.diagonal(matrix))
    exact = [np.diagonal(matrix) for matrix in matrices]
    probed = hessian_alignment(losses, weights, "hutchinson", gradient_weight=0.0, probes=300)
    spread = sum(((v - np.mean(exact, axis=0)) ** 2).sum() / 2 for v in exact)
    assert probed.item() == pytest.approx(spread, rel=0.5)
    same = [nn.functional.cross_entropy(head(features[0]), labels) for _ in range(2)]
    assert hessian_alignment(same, weights).item() == 0.0
    with pytest.raises(InvalidProblem, match="two domains at least"):
        hessian_alignment(losses[:1], weights)
    with pytest.raises(InvalidProblem, match="each must be one number"):
        hessian_alignment([features[0], features[1]], weights)


def test_closed_form_for_least_squares_heads():
    torch.manual_seed(0)
    z = torch.randn(7, 4, 3, dtype=torch.float64)  # four residuals a sample, three weights
    w = torch.randn(3, dtype=torch.float64)
    H = Hessian(lambda w: ((z @ w) ** 2).sum(1).mean(), w)
    np.testing.assert_allclose(linear_head_diagonal(z), H.diagonal())


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_whole_numbers_stand_for_weights(bits):
    torch.manual_seed(0)
    values = torch.randn(7, 3)
    numbers, scale = quantise(values, bits)
    assert numbers.dtype == torch.int8
    assert numbers.abs().max() == 2 ** (bits - 1) - 1
    assert float((scale * numbers - values).abs().max()) <= 0.5 * scale * (1.0 + 1e-6)
    model = nn.Sequential(nn.Conv2d(1, 3, 3, padding=2, dilation=2), nn.Tanh(), nn.Conv2d(3, 1, 3, padding=1))
    model.append(nn.Flatten()).append(nn.Linear(36, 2))
    widths = {"0": bits, "2": 8, "4": bits}
    rounded, whole = quantised(model, widths), with_integers(model, widths)
    x = torch.randn(5, 1, 6, 6)
    near, exact = whole(x).detach(), rounded(x).detach()
    assert (near - exact).abs().max() < 0.05 * exact.abs().max()  # inputs in 8 bits
    stored = whole.get_submodule("4").stored
    assert stored.numel() == (36 if bits <= 4 else 72)
    assert torch.equal(model[4].weight, nn.Module.get_parameter(model, "4.weight"))
    with pytest.raises(InvalidProblem, match="NaN or infinity"):
        quantise(values * float("nan"), bits)
    with pytest.raises(InvalidProblem, match="from 2 to 8"):
        quantise(values, 1)


def test_bit_widths_are_the_best_there_are():
    model, batch, loss = fitting()
    model = nn.Sequential(*model, nn.Tanh(), nn.Linear(1, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    found = sensitivities(loss, model, [batch], bits=(2, 4, 8))
    assert found.names == ("0", "2", "4", "6")
    every = list(itertools.product(range(3), repeat=4))
    sizes = [sum(found.sizes[i] * found.bits[c] for i, c in enumerate(choice)) for choice in every]
    costs = [sum(found.perturbations[i, c] for i, c in enumerate(choice)) for choice in every]
    for point in found.front():
        size = round(point.average * found.sizes.sum())
        assert point.perturbation == pytest.approx(min(c for s, c in zip(sizes, costs, strict=True) if s <= size))
    assert found.within(4.0).perturbation <= found.uniform(4).perturbation
    H = Hessian(loss, model, [batch], chunk=1)
    exact = [np.trace(H.block(f"{name}.weight").to_dense()) for name in found.names]
    np.testing.assert_allclose(found.average_traces * found.sizes, np.maximum(exact, 0.0), rtol=1e-6, atol=1e-9)
    with pytest.raises(InvalidProblem, match="fewest to choose from are 2"):
        found.within(1.5)
    with pytest.raises(InvalidProblem, match="no linear or convolutional layer"):
        sensitivities(loss, nn.Sequential(nn.Tanh()), [batch])


# --- in recipes of training


@pytest.mark.parametrize("optimizer", ["adahessian", "mfac", "adam", "sgd"])
def test_recipes_train_by_every_optimiser_and_resume_exactly(optimizer, tmp_path):
    import tiny_recipe

    from ritz.recipe import Run

    rate = "auto" if optimizer in ("adam", "sgd") else 1e-3
    options = {"optimizer": optimizer, "learning_rate": rate}
    whole = tiny_recipe.Tiny(**options, steps=40).train(Run())
    best = [value for _, value in whole.training["validations"]] if "validations" in whole.training else []
    assert whole.training["skipped"] == 0, best
    file = tmp_path / "state"
    tiny_recipe.Tiny(**options, steps=40).train(Run(checkpoint=file, seconds=0.0))
    again = tiny_recipe.Tiny(**options, steps=40).train(Run(checkpoint=file, resume=True))
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(values, again.arrays[name])


def test_automatic_rates_are_for_known_optimisers():
    import tiny_recipe

    from ritz.recipe import Run

    for options, match in (
        ({"optimizer": "rprop", "learning_rate": "auto"}, "known for sgd, adam.*not for 'rprop'"),
        ({"learning_rate": "fast"}, "'fast'; it must be a positive number, or 'auto'"),
    ):
        with pytest.raises(InvalidProblem, match=match):
            tiny_recipe.Tiny(**options, steps=2).train(Run())
