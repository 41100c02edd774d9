"""Error estimates of reduced models of plain functions: how they follow true errors, and what is said about residuals.

The estimate was chosen on the wave below and ten other functions: bumps of two and three parameters, oscillations, a
rational function, decays, a front, a kink, a beam. The others below were set aside.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pytest

import ritz
from ritz.problem_types.parametric.snapshots import user_stacklevel
from ritz.solvers.reduced_basis import GlobalPOD, LocalReducedBasis, load_model

x = np.linspace(0.0, 1.0, 300)


def damped(mu):
    return np.exp(-mu[1] * x) * np.cos(mu[0] * x)


def logistic(mu):
    return mu[0] / (1.0 + np.exp(-mu[1] * (x - mu[2])))


def power(mu):
    return x ** mu[0]


def oscillator(mu):
    stiffness, damping = mu
    frequency = np.sqrt(stiffness - damping**2 / 4.0)
    return np.exp(-2.5 * damping * x) * np.cos(5.0 * frequency * x)


def step(mu):
    return np.where(x < mu[0], 1.0, 0.0) + 0.1


def wave(mu):
    return np.exp(1j * mu[0] * x) / (1.0 + mu[1] * x)


def plateau(mu):
    return mu[0] * np.minimum(x, mu[1])


CASES = {
    "damped": (damped, {"frequency": (2.0, 20.0), "rate": (0.5, 4.0)}),
    "logistic": (logistic, {"level": (1.0, 3.0), "rate": (2.0, 12.0), "middle": (0.2, 0.8)}),
    "power": (power, {"exponent": (0.5, 5.0)}),
    "oscillator": (oscillator, {"stiffness": (2.0, 9.0), "damping": (0.1, 1.0)}),
    "wave": (wave, {"number": (1.0, 8.0), "decay": (0.0, 2.0)}),
    "plateau": (plateau, {"slope": (0.5, 2.0), "place": (0.2, 0.8)}),
    "step": (step, {"place": (0.2, 0.8)}),
}


def problem(name):
    return ritz.ParametricPDE(*CASES[name], name=name)


@cache
def judged(name, samples):
    """Return a model, and true and estimated errors at parameters that it was not made of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GlobalPOD(samples=samples).prepare(problem(name))
    errors, estimates = [], []
    for mu in problem(name).sample(200, design="random", seed=11):
        answer, estimate = model.reduced(mu)
        truth = CASES[name][0](mu)
        errors.append(np.linalg.norm(model.state(answer) - truth) / np.linalg.norm(truth))
        estimates.append(estimate)
    return model, np.array(errors), np.array(estimates)


every_case = pytest.mark.parametrize("name", CASES)


@every_case
@pytest.mark.parametrize("samples", [60, 300])
def test_estimates_bound_errors_and_follow_them(name, samples):
    _, errors, estimates = judged(name, samples)
    assert np.mean(errors <= estimates) >= 0.97
    ratios = estimates / errors
    assert np.median(ratios) < 60.0
    assert np.quantile(ratios, 0.95) < 400.0
    low, high = np.quantile(errors, [0.05, 0.95])
    if high > 1e-7 and high > 10.0 * low:  # above rounding, and with something to follow
        assert np.corrcoef(np.log(errors), np.log(estimates))[0, 1] > 0.5


@every_case
def test_the_full_model_answers_where_errors_are_large(name):
    model, errors, estimates = judged(name, 300)
    late = ~(estimates <= model.tolerance)
    assert np.mean(late & (errors < 0.1 * model.tolerance)) < 0.1
    assert model.stats["fallback_share"] == pytest.approx(np.mean(late), abs=0.15)
    queries = problem(name).sample(20, design="random", seed=12)
    assert np.mean([model.solve(mu).stats["fallback"] for mu in queries]) == pytest.approx(np.mean(late), abs=0.2)


@pytest.mark.parametrize(
    "prepare", [lambda **k: GlobalPOD(**k).prepare, lambda **k: LocalReducedBasis(clusters=2, **k).fit]
)
def test_fallbacks_are_announced(prepare):
    with pytest.warns(
        UserWarning, match=r"the full model will answer about \d+% of the queries.*tolerance is 0.05"
    ) as caught:
        model = prepare(samples=40)(problem("step"))
    assert caught[0].filename == __file__
    assert model.stats["fallback_share"] > 0.5
    assert model.solve().stats["fallback"]
    with pytest.warns(UserWarning, match="the full model will answer") as caught:
        ritz.solve(problem("step"), "pod", samples=40)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare(samples=60, size=5)(problem("power"))
        prepare(samples=40, exact=True)(problem("step"))
        prepare(samples=40, tolerance=np.inf)(problem("step"))


def test_status_without_a_residual():
    model, *_ = judged("power", 60)
    full = ritz.solve(problem("power"), "full-order")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        late = ritz.solve(problem("step"), "pod", samples=40)
    assert not model.solve([2.0]).stats["fallback"]
    assert late.stats["fallback"]
    for solution in (model.solve([2.0]), full, late):
        assert solution.status is ritz.Status.ACCEPTED
        assert solution.converged
        assert solution.raise_for_status() is solution
        assert np.isnan(solution.residual)
        assert "true residual" not in solution.status.value
    stopped = GlobalPOD(samples=60, tolerance=1e-12).prepare(problem("power")).solve([2.0], callback=lambda *_: True)
    assert stopped.status is ritz.Status.INTERRUPTED
    comparison = ritz.compare(problem("power"), ["full-order", "pod"], repeat=1)
    assert [row.converged for row in comparison.measurements] == [True, True]


def test_equations_have_a_residual():
    block = ritz.problems.thermal_block((9, 9))
    assert ritz.solve(block, "pod", samples=40, size=8).status is ritz.Status.CONVERGED
    assert ritz.solve(block, "full-order").status is ritz.Status.CONVERGED


def test_saved_estimates_are_the_same(tmp_path):
    model, _, estimates = judged("damped", 300)
    again = load_model(model.save(tmp_path / "model.safetensors"), problem("damped"))
    found = [again.reduced(mu)[1] for mu in problem("damped").sample(200, design="random", seed=11)]
    np.testing.assert_allclose(found, estimates, rtol=1e-5)


def test_warnings_point_at_the_caller():
    assert user_stacklevel() == 1
