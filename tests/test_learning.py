"""Inverse curvature, second-order optimisers: against dense references, and where they must refuse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_checks import SEEDS
from small_networks import fitting, flat, perceptron
from torch import nn

import ritz
from ritz.errors import InvalidProblem, TrainingError, UnknownName
from ritz.figures.training.inverse_curvature import refined_solve
from ritz.operators import Dense, Hessian, Tag
from ritz.problems.pdes.manufactured import Wave, from_exact
from ritz.solution import Status
from ritz.solvers.training import (
    MFAC,
    AdaHessian,
    LevenbergMarquardt,
    RecursiveInverse,
    SlidingInverse,
    WoodburyInverse,
    inverse_product,
    jacobian_rows,
)

DAMPING = 1e-3
SHAPES = {"wide": (6, 40), "tall": (40, 6)}


def gradients(shape, seed=0, dtype=np.float64):
    generator = np.random.default_rng(seed)
    return (generator.standard_normal(shape) * generator.uniform(0.1, 3.0, (shape[0], 1))).astype(dtype)


def dense_inverse(G, damping=DAMPING):
    G = np.asarray(G, dtype=np.float64)
    return np.linalg.inv(damping * np.eye(G.shape[1]) + G.T @ G / len(G))


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


@pytest.mark.parametrize("damping", [1e-3, 1e-6])
def test_inverses_are_as_exact_as_the_right_hand_side_lets_them_be(damping):
    """A random vector loses nothing, a gradient the condition number times the machine epsilon."""
    G = gradients((20, 400), seed=4)
    inverse, generator = WoodburyInverse(G, damping), np.random.default_rng(0)
    condition = np.linalg.norm(G, 2) ** 2 / len(G) / damping
    for x, tolerance in ((generator.standard_normal(400), 1e-15), (G[3], 10.0 * condition * 2.2e-16)):
        exact = refined_solve(G, damping, x)
        assert np.linalg.norm(inverse @ x - exact) <= tolerance * np.linalg.norm(exact)
    own = inverse.pull_back(np.eye(20)[3])  # known as a combination
    known = 10.0 * condition * float(np.finfo(np.longdouble).eps)  # the reference itself
    assert np.linalg.norm(own - exact) <= (known + 1e-13) * np.linalg.norm(exact)


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
        ("x contains NaN", lambda: inverse_product(G, np.full(5, np.nan), 1.0)),
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


@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.0), (0.5, 0.3), (0.99, 2.0)])
@pytest.mark.parametrize("closure", [True, False])
def test_mfac_is_the_published_update(momentum, decay, closure):
    model, batch, loss = fitting()
    lr, damping, window = 0.05, 1e-2, 4
    optimiser = MFAC(model.parameters(), lr, momentum, window=window, damping=damping, weight_decay=decay)
    w, velocity, seen = flat(model), 0.0, []
    for _ in range(7):
        seen.append(Hessian(loss, model, [batch]).gradient + decay * w)
        step = dense_inverse(np.array(seen[-window:]), damping) @ seen[-1]
        velocity = momentum * velocity + (1.0 - momentum) * step
        w = w - lr * velocity
        if closure:
            optimiser.step(lambda: loss(model, batch))
        else:
            optimiser.zero_grad()
            loss(model, batch).backward()
            optimiser.step()
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
