"""l_p regression: against other solvers, closed forms, invariances, bad input, scores and samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import ritz
from ritz.figures.regression.lp_sampling import sampling_errors
from ritz.problem_types.lp_regression import LpRegression, lp_norm
from ritz.solvers.regression.column_space.column_basis import column_basis
from ritz.solvers.regression.column_space.leverage_scores import leverage_scores
from ritz.solvers.regression.lp.lewis_weights import lewis_weights
from ritz.solvers.regression.lp.sampling import (
    SCORES,
    row_scores,
    sample_rows,
    sample_size,
    sampling_probabilities,
)
from ritz.solvers.regression.lp.sensitivities import lp_sensitivities
from ritz.solvers.regression.lp.solver import dual_exponent

EXPONENTS = [1.0, 1.1, 1.5, 2.0, 3.0, 4.0, 10.0, 50.0, math.inf]
SHAPES = st.tuples(st.integers(1, 6), st.integers(2, 60)).map(lambda pair: (pair[0] + pair[1], pair[0]))


def instance(rows=200, columns=6, seed=0, noise="t"):
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((rows, columns))
    errors = {
        "t": lambda: generator.standard_t(2, rows),
        "cauchy": lambda: generator.standard_cauchy(rows),
        "sparse": lambda: np.where(generator.random(rows) < 0.2, generator.standard_normal(rows), 0.0),
    }
    return A, A.sum(axis=1) + errors[noise]()


# --- the whole problem


@pytest.mark.parametrize("p", [1.0, math.inf])
@pytest.mark.parametrize("noise", ["t", "cauchy", "sparse"])
def test_linear_programs_agree_with_highs(p, noise):
    problem = LpRegression(*instance(noise=noise), p)
    ours, theirs = ritz.solve(problem, "lp"), ritz.solve(problem, "lp-highs")
    assert ours.stats["objective"] == pytest.approx(theirs.stats["objective"], rel=1e-8)
    np.testing.assert_allclose(ours.x, theirs.x, atol=1e-4 * abs(theirs.x).max())
    assert theirs.residual < 1e-12


@pytest.mark.parametrize("p", [1.5, 3.0, 10.0])
@pytest.mark.parametrize("noise", ["t", "cauchy", "sparse"])
def test_between_agrees_with_a_general_minimiser(p, noise):
    A, b = instance(60, 3, noise=noise)
    b = b / abs(b).max()
    solution = ritz.solve(LpRegression(A, b, p), "lp", rtol=1e-12)
    found = minimize(
        lambda x: (abs(A @ x - b) ** p).sum(),
        solution.x + 1e-3,
        jac=lambda x: p * A.T @ (np.sign(A @ x - b) * abs(A @ x - b) ** (p - 1)),
        method="BFGS",
        options={"gtol": 1e-14},
    )
    assert solution.stats["objective"] <= found.fun ** (1 / p) * (1 + 1e-12)
    assert solution.stats["objective"] == pytest.approx(found.fun ** (1 / p), rel=1e-5)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("noise", ["t", "cauchy", "sparse"])
def test_the_gap_is_a_certificate(p, noise):
    """The dual vector proves the bound: orthogonal to the columns, of dual norm one."""
    A, b = instance(noise=noise)
    problem = LpRegression(A, b, p)
    solution = ritz.solve(problem, "lp")
    y, stats = solution.stats["dual"], solution.stats
    assert abs(A.T @ y).max() < 1e-12
    assert lp_norm(y, dual_exponent(p)) == pytest.approx(1.0, abs=1e-12)
    assert b @ y == pytest.approx(stats["lower_bound"], rel=1e-12)
    assert stats["objective"] == pytest.approx(np.linalg.norm(A @ solution.x - b, p), rel=1e-12)
    assert stats["lower_bound"] <= stats["objective"] * (1 + 1e-14)
    assert solution.residual == pytest.approx(stats["gap"] / stats["objective"], abs=1e-15)
    assert solution.converged
    assert solution.residual <= 1e-8
    assert len(solution.history) == solution.iterations + 1


def test_closed_forms():
    b = np.array([-3.0, 0.0, 1.0, 4.0, 30.0])
    median, mean, middle = (ritz.solve(LpRegression(np.ones((5, 1)), b, p), "lp").x[0] for p in (1, 2, math.inf))
    assert (median, mean, middle) == pytest.approx((1.0, 6.4, 13.5), abs=1e-6)
    # Chebyshev: the best straight line to x^2 on [-1, 1] is 1/2, and errors alternate.
    t = np.linspace(-1, 1, 201)
    line = ritz.solve(LpRegression(np.stack([np.ones_like(t), t], axis=1), t**2, math.inf), "lp")
    assert line.x == pytest.approx([0.5, 0.0], abs=1e-7)
    assert line.stats["objective"] == pytest.approx(0.5)


@pytest.mark.parametrize("p", EXPONENTS)
def test_deficient_rank_gives_the_shortest(p):
    A, b = instance()
    twice = np.hstack([A, 3.0 * A[:, :2], np.zeros((200, 1))])
    solution = ritz.solve(LpRegression(twice, b, p), "lp", rtol=1e-10)
    full = ritz.solve(LpRegression(A, b, p), "lp", rtol=1e-10)
    assert solution.stats["rank"] == 6
    assert solution.stats["objective"] == pytest.approx(full.stats["objective"], rel=1e-9)
    np.testing.assert_allclose(np.linalg.pinv(twice) @ (twice @ solution.x), solution.x, atol=1e-10)
    sparse = ritz.solve(LpRegression(sp.csr_array(twice), b, p), "lp", rtol=1e-10)
    np.testing.assert_allclose(sparse.x, solution.x, atol=1e-4)


@pytest.mark.parametrize("p", EXPONENTS)
def test_an_exact_fit_is_found(p):
    A, _ = instance()
    solution = ritz.solve(LpRegression(A, A @ np.ones(6), p), "lp")
    np.testing.assert_allclose(solution.x, 1.0, atol=1e-12)
    square = ritz.solve(LpRegression(A[:6], np.ones(6), p), "lp")
    np.testing.assert_allclose(A[:6] @ square.x, 1.0, atol=1e-9)
    zero = ritz.solve(LpRegression(A, np.zeros(200), p), "lp")
    assert not zero.x.any()
    assert zero.residual == 0.0


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.sampled_from(EXPONENTS), st.floats(-6, 6), st.integers(0, 2**32 - 1))
def test_scaling_and_order_change_nothing(shape, p, exponent, seed):
    generator = np.random.default_rng(seed)
    A, b = generator.standard_normal(shape), generator.standard_normal(shape[0])
    factor, columns = 10.0**exponent, 10.0 ** generator.uniform(-5, 5, shape[1])
    order = generator.permutation(shape[0])
    plain = ritz.solve(LpRegression(A, b, p), "lp", throw=False)
    moved = ritz.solve(LpRegression((factor * A * columns)[order], factor * b[order], p), "lp", throw=False)
    shifted = ritz.solve(LpRegression(A, b + A.sum(axis=1), p), "lp", throw=False)
    assert plain.residual < 1e-6
    assert moved.stats["objective"] == pytest.approx(factor * plain.stats["objective"], rel=1e-6)
    assert shifted.stats["objective"] == pytest.approx(plain.stats["objective"], rel=1e-6)


@pytest.mark.parametrize("p", [1.0, 1.5, 4.0, math.inf])
def test_kinds_of_arrays(p):
    A, b = instance()
    kept = A.copy(), b.copy()
    plain = ritz.solve(LpRegression(A, b, p), "lp", rtol=1e-12, throw=False)
    np.testing.assert_array_equal((A, b)[1], kept[1])
    np.testing.assert_array_equal(A, kept[0])
    tensor = ritz.solve(LpRegression(torch.tensor(A), torch.tensor(b), p), "lp", rtol=1e-12, throw=False)
    assert isinstance(tensor.x, torch.Tensor)
    np.testing.assert_array_equal(tensor.x.numpy(), plain.x)
    single = ritz.solve(LpRegression(A.astype("f4"), b.astype("f4"), p), "lp", rtol=1e-5)
    assert single.x.dtype == np.float32
    sparse = ritz.solve(LpRegression(sp.csc_array(A), b, p), "lp", rtol=1e-10)
    np.testing.assert_allclose(sparse.x, plain.x, atol=1e-5)


@pytest.mark.parametrize("p", EXPONENTS)
@pytest.mark.parametrize("kind", ["high-leverage", "integers", "double-rows", "polynomials", "one-column"])
def test_hard_data(kind, p):
    """Rows whose residual starts out tiny, minimisers that are not unique, and columns that are nearly dependent."""
    generator = np.random.default_rng(3)
    A, b = instance(120, 7, seed=4)
    if kind == "high-leverage":
        A[:3] *= 1e6
        b[1] *= 1e5
    elif kind == "integers":
        A, b = generator.integers(-3, 4, (120, 7)).astype(float), generator.integers(-5, 6, 120)
    elif kind == "double-rows":
        A, b = np.repeat(A[:40], 3, axis=0), np.repeat(b[:40], 3)
    elif kind == "polynomials":
        t = np.linspace(-1, 1, 120)
        A, b = np.vander(t, 10), abs(t)
    else:
        A = A[:, :1]
    solution = ritz.solve(LpRegression(A, b, p), "lp")
    assert solution.converged
    if p in (1.0, math.inf):
        found = ritz.solve(LpRegression(A, b, p), "lp-highs", rtol=1e-6).stats["objective"]
        assert solution.stats["objective"] == pytest.approx(found, rel=1e-6)


def test_prepared_once_solved_often():
    A, b = instance()
    problem = LpRegression(A, b, 1.5)
    prepared = ritz.registry.solvers["lp"]().prepare(problem)
    first = prepared.solve(rtol=1e-12)
    np.testing.assert_allclose(prepared.solve(2 * b, rtol=1e-12).x, 2 * first.x, rtol=1e-6)
    warm = prepared.solve(x0=first.x, rtol=1e-10)
    assert warm.iterations == 0
    assert prepared.solve(maxiter=0, rtol=1e-12).status is ritz.Status.MAX_ITERATIONS
    seen = []
    stopped = prepared.solve(callback=lambda *known: seen.append(known) or len(seen) == 2, rtol=1e-14)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert [number for number, _, _ in seen] == [0, 1]
    assert seen[1][2] <= seen[0][2]


def test_what_does_not_converge_says_so():
    problem = LpRegression(*instance(), 1.0)
    with pytest.raises(ritz.ConvergenceError, match="MAX_ITERATIONS") as caught:
        ritz.solve(problem, "lp", maxiter=3)
    x = caught.value.solution.x
    assert problem.objective(x) == pytest.approx(caught.value.solution.stats["objective"])
    assert problem.objective(x) <= problem.objective(np.linalg.lstsq(problem.A, problem.b)[0])
    hard = ritz.solve(LpRegression(*instance(), 1.0001), "lp", throw=False)
    assert hard.converged == (hard.residual <= 1e-8)


@pytest.mark.parametrize(
    ("A", "b", "p", "message"),
    [
        (np.ones((3, 1)), np.ones(3), 0.5, "p is 0.5"),
        (np.ones((3, 1)), np.ones(3), math.nan, "p is nan"),
        (np.ones((3, 1)), np.ones(3), "1", "p is '1'"),
        (np.ones((0, 1)), np.ones(0), 1, "empty"),
        (np.ones((3, 0)), np.ones(3), 1, "empty"),
        (np.ones((2, 3)), np.ones(2), 1, "2 rows and 3 columns"),
        (np.ones((3, 1)), np.ones(4), 1, r"b has shape \(4,\)"),
        (np.ones((3, 1)), np.ones((3, 2)), 1, "one right-hand side"),
        (np.ones(3), np.ones(3), 1, "A "),
        (np.full((3, 1), np.nan), np.ones(3), 1, "A has entries"),
        (np.ones((3, 1)), np.array([1.0, np.inf, 0.0]), 1, "b has 1 entries"),
        (np.ones((3, 1)) * 1j, np.ones(3), 1, "complex"),
        ([["a"], ["b"]], np.ones(2), 1, "real matrix"),
    ],
)
def test_bad_problems_are_named(A, b, p, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        LpRegression(A, b, p)


def test_generated_problem():
    first, again, other = (ritz.problems.lp_regression(300, 4, weight=10.0, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.A, again.A)
    assert not np.array_equal(first.A, other.A)
    norms = np.linalg.norm(first.A, axis=1)
    assert 5 <= (norms > 8.0).sum() <= 60
    for bad in ({"n": 3, "d": 4}, {"d": 0}, {"p": 0.5}, {"degrees": 0.0}, {"weight": math.nan}, {"seed": -1}):
        with pytest.raises(ritz.InvalidProblem, match=next(iter(bad))):
            ritz.problems.lp_regression(**bad)


def test_bad_options_are_named():
    problem = LpRegression(*instance(), 1.5)
    with pytest.raises(ritz.InvalidProblem, match="linear programs"):
        ritz.solve(problem, "lp-highs")
    with pytest.raises(ritz.InvalidProblem, match="method 'simplex'"):
        ritz.solve(LpRegression(problem.A, problem.b, 1), "lp-highs", method="simplex")
    with pytest.raises(ritz.UnknownName, match="lewis"):
        ritz.solve(problem, "lp-sampled", scores="louis")
    with pytest.raises(ritz.InvalidProblem, match="size is 3"):
        ritz.solve(problem, "lp-sampled", size=3)
    with pytest.raises(ritz.InvalidProblem, match="use solver 'lp'"):
        ritz.solve(LpRegression(problem.A, problem.b, math.inf), "lp-sampled")
    with pytest.raises(ritz.InvalidProblem, match="rtol"):
        ritz.solve(problem, "lp", rtol=-1.0)
    with pytest.raises(ritz.InvalidProblem, match="float32 can reach"):
        ritz.solve(LpRegression(problem.A.astype("f4"), problem.b.astype("f4"), 1), "lp", rtol=1e-9)
    with pytest.raises(ritz.InvalidProblem, match="x0"):
        ritz.solve(problem, "lp", x0=np.ones(5))
    for function in (lewis_weights, lp_sensitivities):
        with pytest.raises(ritz.InvalidProblem, match="finite p"):
            function(problem.A, math.inf)
    with pytest.raises(ritz.UnknownName, match="exact"):
        lp_sensitivities(problem.A, 1, "exactly")
    with pytest.raises(ritz.InvalidProblem, match="root leverage"):
        sample_size(10, 0.1, 3.0, "root-leverage")


# --- scores


@settings(max_examples=30, deadline=None)
@given(SHAPES, st.sampled_from([1.0, 1.3, 2.0, 3.0, 4.0, 6.0, 20.0]), st.integers(0, 2**32 - 1))
def test_lewis_weights(shape, p, seed):
    """They solve their equation, sum to d, and do not see a change of basis."""
    generator = np.random.default_rng(seed)
    A = generator.standard_normal(shape) * 10.0 ** generator.uniform(-3, 3, (shape[0], 1))
    w = lewis_weights(A, p)
    assert w.sum() == pytest.approx(shape[1], abs=1e-6)
    B = column_basis(w[:, None] ** (0.5 - 1.0 / p) * A)
    np.testing.assert_allclose(leverage_scores(B.matrix), w, rtol=1e-6, atol=1e-14)
    change = generator.standard_normal((shape[1], shape[1])) + 3.0 * np.eye(shape[1])
    np.testing.assert_allclose(lewis_weights(A @ change, p), w, rtol=1e-4, atol=1e-9)


def test_lewis_weights_of_zero_and_double_rows():
    A = np.vstack([np.zeros((1, 3)), np.eye(3), np.eye(3)])
    for p in (1.0, 2.0, 6.0):
        np.testing.assert_allclose(lewis_weights(A, p), [0.0, *[0.5] * 6], atol=1e-8)
    with pytest.warns(RuntimeWarning, match="after 2 iterations"):
        lewis_weights(np.random.default_rng(0).standard_cauchy((50, 3)), 8.0, maxiter=2)


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 4), st.integers(5, 25), st.sampled_from([1.0, 1.5, 2.0, 3.0, 5.0]), st.integers(0, 2**32 - 1))
def test_sensitivities_lie_between_their_bounds(columns, rows, p, seed):
    generator = np.random.default_rng(seed)
    A = generator.standard_normal((rows, columns)) * 10.0 ** generator.uniform(-1, 1, (rows, 1))
    tau, exact, bound = leverage_scores(A), lp_sensitivities(A, p, "exact"), lp_sensitivities(A, p)
    slack = 1.0 + 1e-4
    assert (exact <= bound * slack).all()
    assert (exact * slack >= min(1.0, rows ** (0.5 * p - 1.0)) * tau ** (0.5 * p)).all()
    x = generator.standard_normal((columns, 50))
    shares = abs(A @ x) ** p / (abs(A @ x) ** p).sum(axis=0)
    assert (shares.max(axis=1) <= exact * slack).all()
    if p == 2.0:
        np.testing.assert_allclose(exact, tau, rtol=1e-4)


def test_leverage_scores():
    A, _ = instance(3000, 8)
    A[7] = 0.0
    exact = leverage_scores(A)
    np.testing.assert_allclose(exact, np.diag(A @ np.linalg.pinv(A)), atol=1e-12)
    assert exact.sum() == pytest.approx(8.0)
    for matrix in (A, sp.csr_array(A)):
        np.testing.assert_allclose(leverage_scores(matrix), exact, atol=1e-13)
        ratio = np.delete(leverage_scores(matrix, "sketch", seed=3), 7) / np.delete(exact, 7)
        assert 0.5 < ratio.min() <= ratio.max() < 2.0
    wide = np.random.default_rng(0).standard_normal((6000, 100))
    ratio = leverage_scores(wide, "sketch") / leverage_scores(wide)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(leverage_scores(wide, "sketch", 5), leverage_scores(wide, "sketch", 5))


# --- samples


@settings(max_examples=40, deadline=None)
@given(st.lists(st.just(0.0) | st.floats(1e-100, 100.0), min_size=1, max_size=60), st.integers(1, 80))
def test_probabilities_sum_to_the_size(scores, size):
    scores = np.array(scores)
    q = sampling_probabilities(scores, size)
    assert ((q >= 0.0) & (q <= 1.0)).all()
    assert ((q == 0.0) == (scores == 0.0)).all()
    assert q.sum() == pytest.approx(min(size, np.count_nonzero(scores)), rel=1e-9)
    below = (q < 1.0) & (scores > 0.0)
    if below.sum() > 1:
        ratio = q[below] / scores[below]
        assert ratio.max() <= ratio.min() * (1 + 1e-9)


@pytest.mark.parametrize("scores", list(SCORES))
def test_samples_keep_norms_on_average(scores):
    A, _ = instance(400, 3)
    q = sampling_probabilities(row_scores(A, 1.5, scores), 100)
    x = np.ones(3)
    true = lp_norm(A @ x, 1.5) ** 1.5
    sampled = []
    for seed in range(300):
        rows, weights = sample_rows(q, 1.5, seed)
        sampled.append(lp_norm(weights * (A[rows] @ x), 1.5) ** 1.5)
    deviation = np.std(sampled) / 300**0.5
    assert abs(np.mean(sampled) - true) < 4 * deviation


@pytest.mark.parametrize("p", [1.0, 1.5])
@pytest.mark.parametrize("scores", ["root-leverage", "lewis"])
def test_eighty_rows_an_unknown_are_within_a_percent(p, scores):
    errors = sampling_errors(ritz.problems.lp_regression(20_000, 10, p=p, weight=10.0), scores, [880], trials=9)
    assert np.median(errors) < 0.01


def test_leverage_is_the_wrong_score_for_absolute_values():
    problem = ritz.problems.lp_regression(30_000, 15, p=1.0, weight=10.0)
    median = {
        scores: np.median(sampling_errors(problem, scores, [1280], trials=9))
        for scores in ("leverage", "root-leverage", "lewis")
    }
    assert median["root-leverage"] < 0.5 * median["leverage"]
    assert median["lewis"] < 0.5 * median["leverage"]


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 4.0])
def test_sampled_solver(p):
    problem = ritz.problems.lp_regression(20_000, 5, p=p, weight=10.0)
    best = ritz.solve(problem, "lp").stats["objective"]
    first, again, other = (ritz.solve(problem, "lp-sampled", seed=seed, throw=False) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.x, other.x)
    assert first.status is ritz.Status.STAGNATED  # an approximation does not pass for the answer
    assert 1.0 <= problem.objective(first.x) / best < 1.05
    assert first.stats["lower_bound"] <= best * (1 + 1e-12)
    assert first.stats["rows"] < 700
    assert first.residual < 3.0 * (problem.objective(first.x) / best - 1.0)  # the proof is near the truth
    assert ritz.solve(problem, "lp-sampled", rtol=0.1).converged
    sparse = LpRegression(sp.csr_array(problem.A), problem.b, p)
    assert problem.objective(ritz.solve(sparse, "lp-sampled", throw=False).x) / best < 1.05
    whole = ritz.solve(problem, "lp-sampled", size=20_000)
    assert problem.objective(whole.x) == pytest.approx(best, rel=1e-7)


@pytest.mark.parametrize("p", [1.0, 1.5])
def test_sampled_solver_of_an_exact_fit(p):
    A, _ = instance(2000)
    solution = ritz.solve(LpRegression(A, A @ np.ones(6), p), "lp-sampled", size=100)
    np.testing.assert_allclose(solution.x, 1.0, atol=1e-10)


def test_a_sample_of_lower_rank_is_drawn_again():
    generator = np.random.default_rng(0)
    A = np.zeros((2000, 2))
    A[:, 0] = generator.standard_normal(2000)
    A[:4, 1] = 1.0
    problem = LpRegression(A, generator.standard_normal(2000), 1.5)
    drawn = [ritz.solve(problem, "lp-sampled", size=600, seed=s, scores="uniform", throw=False) for s in range(8)]
    assert max(solution.stats["samples"] for solution in drawn) > 1
    with pytest.raises(ritz.InvalidProblem, match="lower rank"):
        ritz.solve(problem, "lp-sampled", size=2, scores="uniform")
    assert ritz.solve(problem, "lp-sampled", size=60, throw=False).stats["samples"] == 1


def test_sample_sizes_follow_the_published_exponents():
    assert sample_size(100, 0.1, 1.0) / sample_size(100, 0.2, 1.0) == pytest.approx(4.0, rel=1e-3)
    logarithms = math.log(400) / math.log(100)
    for p, scores, power in (
        (1.0, "lewis", 1.0),
        (4.0, "lewis", 2.0),
        (1.5, "root-leverage", 1.0),
        (1.0, "sensitivity", 1.5),
        (4.0, "sensitivity", 3.0),
        (4.0, "sensitivity+leverage", 2.5),
    ):
        growth = sample_size(400, 0.1, p, scores) / sample_size(100, 0.1, p, scores)
        assert growth == pytest.approx(4.0**power * logarithms, rel=1e-3), (p, scores)
