"""Reduced equations against full ones, estimates against errors, models that are saved, and bad input."""

from __future__ import annotations

import json
import struct
import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import ritz
from ritz import problems
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.solvers.reduced_basis import (
    GlobalPOD,
    LocalReducedBasis,
    empirical_cubature,
    empirical_interpolation,
    fit_regression,
    load_model,
)
from ritz.solvers.reduced_basis.offline import errors_of
from ritz.solvers.reduced_basis.projection.cubature import sparse_nonnegative_weights
from ritz.solvers.reduced_basis.projection.inverse_interpolation import interpolate_inverse
from ritz.solvers.reduced_basis.projection.projected_equations import project, range_basis, solve_equations

STEADY = {
    "two-materials": lambda: problems.two_materials((16, 16)),
    "thermal-block": lambda: problems.thermal_block((15, 15)),
    "lens": lambda: problems.helmholtz_lens((16, 16)),
    "cavity": lambda: problems.lid_driven_cavity((15, 15)),
    "reaction": lambda: problems.moving_reaction((16, 16)),
}


@cache
def problem(name):
    return STEADY[name]() if name in STEADY else problems.burgers((50,), steps=20)


@cache
def snapshots(name):
    return problem(name).snapshots(problem(name).sample(24 if name == "burgers" else 120))


@cache
def fitted(name, **options):
    return LocalReducedBasis(**{"clusters": 4, "size": 12, **options}).fit(problem(name), snapshots(name))


@cache
def untouched(name, count=40):
    return problem(name).snapshots(problem(name).sample(count, design="random", seed=7))


def judged(model, truths):
    """Return true and estimated errors at parameters that no model was made of."""
    errors, estimates = [], []
    for group in np.unique(truths.groups):
        truth = truths.select(truths.groups == group)
        answer, estimate = model.reduced(truth.parameters[0])
        errors.append(errors_of(model.stage, answer, truth))
        estimates.append(estimate)
    return np.array(errors), np.array(estimates)


ENTRIES = arrays(np.float64, (9, 3), elements=st.floats(-1.0, 1.0))


@given(ENTRIES, st.sampled_from(["deim", "q-deim"]), st.integers(3, 9))
@settings(max_examples=40, deadline=None)
def test_interpolation_reproduces_its_subspace(entries, points, count):
    basis = np.linalg.qr(entries + 2.0 * np.eye(9, 3))[0]
    found = empirical_interpolation(basis, points=points, count=count)
    assert found.points.size == count == np.unique(found.points).size
    g = basis @ np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(basis @ (found.fit @ g[found.points]), g, atol=1e-9 * found.condition)


def test_more_points_make_interpolation_steadier():
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((300, 20)))[0]
    conditions = [empirical_interpolation(basis, count=count).condition for count in (20, 30, 60)]
    assert conditions[0] > conditions[1] > conditions[2]
    assert empirical_interpolation(basis).condition <= empirical_interpolation(basis, points="deim").condition


def test_interpolation_is_that_of_any_basis_of_the_subspace():
    generator = np.random.default_rng(1)
    basis = np.linalg.qr(generator.standard_normal((50, 5)) + 1j * generator.standard_normal((50, 5)))[0]
    rotated = basis @ np.linalg.qr(generator.standard_normal((5, 5)))[0]
    a, b = empirical_interpolation(basis), empirical_interpolation(rotated)
    g = generator.standard_normal(50)
    np.testing.assert_array_equal(a.points, b.points)
    np.testing.assert_allclose(basis @ (a.fit @ g[a.points]), rotated @ (b.fit @ g[b.points]), atol=1e-10)


@pytest.mark.parametrize("count", [3, 60])  # the second needs random combinations of the integrands
def test_cubature_sums_what_it_was_made_for(count):
    x = np.linspace(0.0, 1.0, 3000)
    modes = np.stack([np.cos(j * np.pi * x) for j in range(12)], axis=1)
    terms = np.stack([np.exp(-(((x - c) / 0.15) ** 2)) for c in np.linspace(0.1, 0.9, count)])
    rule = empirical_cubature(modes, terms, tolerance=1e-4)
    assert (rule.weights > 0.0).all()
    assert rule.error <= 1e-4
    assert rule.points.size < 60
    exact, approximate = terms @ modes, terms[:, rule.points] @ (modes[rule.points] * rule.weights[:, None])
    assert np.linalg.norm(exact - approximate) <= 1e-3 * np.linalg.norm(exact)


def test_nonnegative_weights_agree_with_scipy():
    from scipy.optimize import nnls

    generator = np.random.default_rng(2)
    functions = generator.standard_normal((8, 30))
    sums = functions @ np.maximum(generator.standard_normal(30), 0.0)
    weights, error = sparse_nonnegative_weights(functions, sums, tolerance=1e-10, maximum=30)
    assert error <= 1e-10
    assert (weights >= 0.0).all()
    assert np.count_nonzero(weights) <= 8
    infeasible = -np.abs(functions).sum(axis=1)
    found, _ = sparse_nonnegative_weights(np.abs(functions), infeasible, tolerance=1e-10, maximum=30)
    np.testing.assert_allclose(found, nnls(np.abs(functions), infeasible)[0], atol=1e-10)


@pytest.mark.parametrize("name", list(STEADY))
@pytest.mark.parametrize("projection", ["galerkin", "least-squares"])
def test_a_basis_that_holds_the_solution_gives_it(name, projection):
    """With the solutions of all queries in the basis, and enough points, reduced equations are the full ones."""
    mine = problem(name)
    mu = mine.sample(1, seed=3)[0]
    inside = mine.snapshots(np.vstack([np.tile(mu, (1, 1)), mine.sample(15, seed=4)]))
    basis = np.linalg.qr(inside.states.T)[0]
    operators, vectors = mine.affine.operators, mine.affine.vectors
    others = np.empty((mine.size, 0))
    tests = basis
    if projection == "least-squares" and mine.term is None:
        tests = range_basis(basis, operators, vectors, others)
    equations = project(tests, basis, operators=operators, loads=vectors)
    if mine.term is not None:
        from dataclasses import replace

        from ritz.solvers.reduced_basis.projection.projected_equations import ProjectedTerm, trial_at

        everywhere = mine.term.restrict(np.arange(mine.size))
        equations = replace(equations, term=ProjectedTerm(everywhere, trial_at(everywhere, basis), tests.conj().T))
    result = solve_equations(equations.at(mu, mine.affine.theta(mu), mine.affine.phi(mu)))
    u = inside.states[0]
    assert result.status is ritz.Status.CONVERGED
    assert np.linalg.norm(basis @ result.u - u) <= 1e-6 * np.linalg.norm(u)


def test_least_squares_leaves_the_least_residual():
    mine, mu = problem("thermal-block"), np.array([0.1, 1.0, 0.4, 0.7])
    basis = np.linalg.qr(snapshots("thermal-block").states[:4].T)[0]
    operators, loads = mine.affine.operators, mine.affine.vectors
    affine = mu, mine.affine.theta(mu), mine.affine.phi(mu)
    left = {}
    for name, tests in (("galerkin", basis), ("least", range_basis(basis, operators, loads, np.empty((mine.size, 0))))):
        found = solve_equations(project(tests, basis, operators=operators, loads=loads).at(*affine))
        left[name] = np.linalg.norm(mine.residual(basis @ found.u, mu))
    matrix = mine.affine.operator(mu) @ basis
    exact = np.linalg.lstsq(matrix, mine.affine.load(mu), rcond=None)[0]
    assert left["least"] == pytest.approx(np.linalg.norm(matrix @ exact - mine.affine.load(mu)), rel=1e-8)
    assert left["least"] < left["galerkin"]


@pytest.mark.parametrize("name", list(STEADY))
def test_errors_are_within_their_estimates(name):
    errors, estimates = judged(fitted(name), untouched(name))
    assert np.mean(errors <= estimates) >= 0.9
    assert np.median(estimates / errors) <= 10.0


@pytest.mark.parametrize("hyper_reduction", ["deim", "cubature"])
def test_ways_of_hyper_reduction_agree(hyper_reduction):
    usual, _ = judged(fitted("reaction"), untouched("reaction"))
    errors, _ = judged(fitted("reaction", hyper_reduction=hyper_reduction), untouched("reaction"))
    assert np.median(errors) <= 2.0 * np.median(usual)


def test_checked_candidates_are_better_than_the_first():
    first, _ = judged(fitted("reaction", clusters=6, candidates=1), untouched("reaction"))
    checked, _ = judged(fitted("reaction", clusters=6, candidates=3), untouched("reaction"))
    assert checked.mean() <= 0.9 * first.mean()
    assert checked.max() <= first.max()


def test_trajectories_change_their_basis():
    model = fitted("burgers", clusters=3, size=15)
    truths = problem("burgers").snapshots(problem("burgers").sample(8, design="random", seed=5))
    errors, estimates = judged(model, truths)
    assert np.median(errors) < 0.05
    assert np.mean(errors <= estimates) >= 0.7  # of eight
    solution = model.solve(truths.parameters[0])
    assert solution.x.shape == (21, 50)
    assert len(set(solution.stats["cluster"])) > 1
    np.testing.assert_array_equal(solution.x[0], problem("burgers").initial(truths.parameters[0]))


def test_no_online_array_grows_with_the_problem():
    sizes = []
    for shape in ((12, 12), (24, 24)):
        larger = problems.moving_reaction(shape)
        model = LocalReducedBasis(clusters=2, size=6).fit(larger, larger.snapshots(larger.sample(40)))
        term = model.stage.models[0].equations.term
        sizes.append((model.stage.models[0].equations.operators.shape, term.trial.shape, term.lift.shape))
    assert sizes[0] == sizes[1]


def test_batches_are_what_single_queries_are():
    for name in ("thermal-block", "reaction"):
        model = fitted(name, tolerance=10.0)
        points = untouched(name).parameters[:12]
        batch = model.solve_many(points)
        for mu, state, estimate in zip(points, batch.states, batch.estimated_errors, strict=True):
            solution = model.solve(mu)
            np.testing.assert_allclose(state, solution.x, rtol=1e-6, atol=1e-9 * np.abs(solution.x).max())
            assert estimate == pytest.approx(solution.stats["estimated_error"], rel=1e-3)


def test_the_full_model_answers_above_the_tolerance_and_says_so():
    mine = problem("reaction")
    mu = untouched("reaction").parameters[0]
    model = fitted("reaction", tolerance=1e-12)
    solution = model.solve(mu)
    assert solution.converged
    assert solution.stats["fallback"]
    assert solution.residual < 1e-8
    np.testing.assert_allclose(solution.x, mine.solution(mu), atol=1e-7 * np.abs(solution.x).max())
    assert model.solve_many(mu[None]).clusters.tolist() == [-1]
    stopped = model.solve(mu, callback=lambda *_: True)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert not stopped.stats["fallback"]


def test_exact_solves_start_from_the_reduced_solution():
    mine, model = problem("cavity"), fitted("cavity", exact=True)
    cold, warm = [], []
    for mu in untouched("cavity").parameters[:10]:
        warm.append(sum(model.solve(mu).stats["newton_iterations"]))
        cold.append(sum(mine.full_order(mu).iterations))
    assert np.mean(warm) <= 0.6 * np.mean(cold)


def test_one_cluster_is_the_global_basis():
    local = LocalReducedBasis(clusters=1, size=10).fit(problem("thermal-block"), snapshots("thermal-block"))
    whole = GlobalPOD(size=10).fit(problem("thermal-block"), snapshots("thermal-block"))
    assert whole.solve().solver == "pod"
    np.testing.assert_array_equal(local.solve().x, whole.solve().x)


def test_the_criterion_chooses_where_nothing_is_said():
    model = LocalReducedBasis(size=8).fit(problem("thermal-block"), snapshots("thermal-block"))
    assert model.stats["bases"] >= 1
    assert model.solve().converged


def test_a_function_alone_is_enough():
    x = np.linspace(0.0, 1.0, 80)
    ranges = {"centre": (0.0, 1.0), "size": (1.0, 5.0)}
    mine = ritz.ParametricPDE(lambda mu: mu[1] * np.exp(-(((x - mu[0]) / 0.3) ** 2)), ranges)
    model = LocalReducedBasis(clusters=2, size=6, samples=120).prepare(mine)
    truths = mine.snapshots(mine.sample(40, design="random", seed=3))
    errors, estimates = judged(model, truths)
    assert np.median(errors) < 0.02
    assert np.mean(errors <= estimates) >= 0.9
    solution = model.solve([0.4, 2.0])
    assert np.isnan(solution.residual)
    assert solution.converged


def test_regression_keeps_small_solutions_accurate():
    """Sizes over four decades: the logarithm is interpolated, and relative errors stay alike."""
    x = np.random.default_rng(0).random((150, 2))
    y = 10.0 ** (4.0 * x[:, :1] - 2.0) * np.hstack([np.cos(x[:, 1:]), np.sin(x[:, 1:])])
    model = fit_regression(x[:120], y[:120])
    relative = np.linalg.norm(model(x[120:])[0] - y[120:], axis=1) / np.linalg.norm(y[120:], axis=1)
    assert model.kinds[0][1]
    assert relative.max() < 0.02


@pytest.mark.parametrize("case", ["reaction", "lens", "burgers", "regression"])
def test_saved_models_answer_the_same(case, tmp_path):
    name = "thermal-block" if case == "regression" else case
    model = fitted(name, projection="regression") if case == "regression" else fitted(name)
    again = load_model(model.save(tmp_path / "model.safetensors"), problem(name))
    mu = problem(name).sample(1, seed=9)[0]
    first, second = model.solve(mu), again.solve(mu)
    np.testing.assert_allclose(first.x, second.x, rtol=1e-8, atol=1e-12)
    assert second.stats["estimated_error"] == pytest.approx(first.stats["estimated_error"], rel=1e-6)
    assert first.stats["cluster"] == second.stats["cluster"]


@pytest.mark.parametrize("imaginary", [0.0, 0.5])
def test_tests_are_exact_where_a_matrix_was_factored_and_scale_with_it(imaginary):
    generator = np.random.default_rng(3)
    first = np.diag(np.arange(1.0, 31.0)) + (0.3 + imaginary * 1j) * generator.standard_normal((30, 30))
    affine = AffineForm([first if imaginary else np.real(first), np.eye(30)], lambda mu: [1.0, mu[0]], np.ones((1, 30)))
    functionals = generator.standard_normal((30, 8))
    found, tests = interpolate_inverse(affine, np.geomspace(1.0, 100.0, 7)[:, None], functionals)
    thetas = np.array([[1.0, mu] for mu in np.geomspace(1.0, 100.0, 13)])
    assert np.sort(found.remainders(thetas))[: len(tests)].max() < 1e-5
    assert found.remainders(thetas).max() < 0.7
    np.testing.assert_allclose(found.weights(4.0 * thetas), found.weights(thetas) / 4.0, rtol=1e-8, atol=1e-12)
    for theta, weights in zip(thetas, found.weights(thetas), strict=True):
        combined = np.tensordot(weights, tests, 1)
        left = np.linalg.norm(functionals - affine.operator(theta[1:]).toarray().conj().T @ combined)
        single = min(
            np.linalg.norm(functionals - affine.operator(theta[1:]).toarray().conj().T @ other) for other in tests
        )
        assert left <= single + 1e-6


def test_estimates_of_linear_problems_follow_errors_closely():
    errors, estimates = judged(fitted("thermal-block", clusters=1), untouched("thermal-block"))
    assert np.log(estimates / errors).std() < 0.4
    assert (errors <= estimates).mean() >= 0.95


def test_damaged_and_stale_models_are_refused(tmp_path):
    path = fitted("thermal-block").save(tmp_path / "model.safetensors")
    content = path.read_bytes()
    with pytest.raises(ritz.InvalidProblem, match="stale"):
        load_model(path, problems.thermal_block((16, 16)))
    flipped = bytearray(content)
    flipped[-9] ^= 1
    path.write_bytes(bytes(flipped))
    with pytest.raises(ritz.InvalidProblem, match=r"damaged.*digest"):
        load_model(path, problem("thermal-block"))
    for broken in (content[: len(content) // 2], b"", b"not a model at all"):
        path.write_bytes(broken)
        with pytest.raises(ritz.InvalidProblem, match="damaged"):
            load_model(path, problem("thermal-block"))
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    header["__metadata__"]["ritz"] = header["__metadata__"]["ritz"].replace('"version": "3"', '"version": "1"')
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])
    with pytest.raises(ritz.InvalidProblem, match="version"):
        load_model(path, problem("thermal-block"))
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "nothing", problem("thermal-block"))


def test_extrapolation_warns_with_the_parameter():
    with pytest.warns(match="k00"):
        fitted("thermal-block").solve([2.0, 0.5, 0.5, 0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted("thermal-block").solve([0.5, 0.5, 0.5, 0.5])


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: LocalReducedBasis(projection="petrov"), "projection"),
        (lambda: LocalReducedBasis(hyper_reduction="eim"), "hyper_reduction"),
        (lambda: LocalReducedBasis(size=0), "size is 0"),
        (lambda: LocalReducedBasis(tolerance=0.0), "tolerance"),
        (lambda: LocalReducedBasis(projection="least-squares", hyper_reduction="cubature"), "cubature"),
        (lambda: LocalReducedBasis(clusters=2).fit(problem("reaction"), snapshots("thermal-block")), "parameters"),
        (lambda: LocalReducedBasis(clusters=2).fit(problem("reaction"), np.ones((3, 3))), "Snapshots"),
        (lambda: LocalReducedBasis(size=400, clusters=1).fit(problem("reaction"), snapshots("reaction")), "size"),
        (lambda: fitted("reaction").solve([0.5, 0.5]), "mu has shape"),
        (lambda: fitted("reaction").solve([0.5, 0.5, np.nan]), "NaN"),
        (lambda: fitted("reaction").solve(x0=np.ones(3)), "x0"),
        (lambda: fitted("reaction").solve(rtol=-1.0), "rtol"),
        (lambda: fitted("burgers").solve_many(np.ones((2, 3))), "steady"),
        (lambda: empirical_interpolation(np.eye(4), points="random"), "points"),
        (lambda: empirical_interpolation(np.eye(4)[:, :2], count=1), "count"),
        (lambda: empirical_interpolation(np.full((4, 2), np.nan)), "NaN"),
        (lambda: empirical_cubature(np.eye(4), np.ones((2, 3))), "shape"),
        (lambda: empirical_cubature(np.eye(4), np.zeros((2, 4))), "zero"),
        (lambda: empirical_cubature(np.eye(4), np.ones((2, 4)), tolerance=2.0), "tolerance"),
        (lambda: fit_regression(np.ones((3, 2)), np.ones((3, 2))), "needs 5"),
        (lambda: fit_regression(np.ones((30, 2)), np.ones((30, 2))), "line or plane"),
    ],
)
def test_bad_input(act, said):
    with pytest.raises(ValueError, match=said):
        act()
