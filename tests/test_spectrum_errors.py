"""Standard errors of stochastic estimates: coverage of the truth, agreement by chance, exactness, extreme scales."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from ritz.errors import InvalidProblem
from ritz.operators import Dense, Diagonal, Tag
from ritz.solvers.spectrum import apply_function, density, diagonal, eigenvalues, lanczos, logdet, trace

SEEDS = 200
METHODS = ("xtrace", "hutch++", "hutchinson")


def symmetric(values, seed=0):
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))[0]
    matrix = (Q * values) @ Q.T
    return 0.5 * (matrix + matrix.T)


def coupled(n, pairs, size=1.0):
    """Return a diagonal matrix with a few coupled pairs of entries."""
    matrix = np.diag(np.linspace(2.0, 4.0, n))
    for i in range(pairs):
        matrix[2 * i, 2 * i + 1] = matrix[2 * i + 1, 2 * i] = size
    return matrix


N = 90
FITTED = {  # the factor for overlapping samples of XTrace was chosen on these
    "flat": symmetric(np.linspace(1, 2, N)),
    "squares": symmetric(np.arange(1.0, N + 1) ** -2),
    "indefinite": symmetric(np.linspace(-1, 2, N)),
    "one large": symmetric(np.r_[1e3, np.linspace(1, 2, N - 1)]),
    "geometric": symmetric(0.9 ** np.arange(N)),
    "low rank": symmetric(np.r_[np.linspace(1, 3, 10), np.zeros(N - 10)]),
    "diagonal": np.diag(np.linspace(1.0, 5.0, N)),
    "coupled pairs": coupled(N, 20),
}
SET_ASIDE = {  # and only judged on these
    "harmonic": symmetric(1.0 / np.arange(1.0, N + 1)),
    "path": 2.0 * np.eye(N) - np.eye(N, k=1) - np.eye(N, k=-1),
    "alternating": symmetric(0.7 ** np.arange(N) * (-1.0) ** np.arange(N)),
    "two levels": symmetric(np.r_[np.full(20, 10.0), np.full(N - 20, 0.1)]),
    "identity": np.eye(N),
    "one pair": coupled(N, 1),
}
SPECTRA = FITTED | SET_ASIDE


def statistics(estimates, exact):
    """Return the share of cases within two errors, and the true over the stated error, both up to rounding."""
    errors = np.array([each.value for each in estimates]) - exact
    stated = np.array([each.standard_error for each in estimates])
    rounding = 1e-13 * np.max(np.abs(exact))
    true = np.sqrt(np.mean(errors**2))
    return (abs(errors) <= 2.0 * stated + rounding).mean(), true / np.sqrt(np.mean((stated + 10.0 * rounding) ** 2))


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize(("method", "budget"), [("xtrace", 24), ("hutch++", 18), ("hutchinson", 8)])
def test_two_standard_errors_of_a_trace_cover_the_truth(name, method, budget):
    A = Dense(SPECTRA[name], tags={Tag.SYMMETRIC})
    covered, ratio = statistics([trace(A, budget, method, seed=s) for s in range(SEEDS)], np.trace(SPECTRA[name]))
    assert covered >= 0.91
    assert ratio <= 1.15


@pytest.mark.parametrize("name", SPECTRA)
def test_two_standard_errors_of_a_diagonal_cover_the_truth(name):
    A = Dense(SPECTRA[name], tags={Tag.SYMMETRIC})
    covered, ratio = statistics([diagonal(A, 3, seed=s) for s in range(SEEDS)], np.diag(SPECTRA[name]))
    assert covered >= 0.93
    assert ratio <= 1.15


SMALL = 60
QUADRATURES = {
    "wide": symmetric(np.logspace(-4, 0, SMALL)),
    "wide and diagonal": np.diag(np.logspace(-4, 0, SMALL)),
    "one large": symmetric(np.r_[1e3, np.linspace(1, 2, SMALL - 1)]),
    "one pair": coupled(SMALL, 1),
}
FUNCTIONS = {"cube": lambda x: x**3, "logarithm": np.log, "inverse": lambda x: 1.0 / x}


@pytest.mark.parametrize("name", QUADRATURES)
def test_errors_of_quadratures_cover_probes_and_steps_left_out(name):
    matrix = QUADRATURES[name]
    A, values = Dense(matrix, tags={Tag.SYMMETRIC}), np.linalg.eigvalsh(matrix)
    found = [density(A, 4, 6, moment_probes=8, seed=seed) for seed in range(SEEDS)]
    for function in FUNCTIONS.values():
        assert statistics([each.expectation(function) for each in found], function(values).mean())[0] >= 0.85
    found = [logdet(A, probes=3, steps=5, seed=seed) for seed in range(SEEDS)]
    assert statistics(found, np.log(values).sum())[0] >= 0.85


# --- probes that agree by chance


def claims(matrix, seed):
    """Return the values and the errors stated for them by every estimator with fewer products than unknowns."""
    n = len(matrix)
    A = Dense(matrix, tags={Tag.SYMMETRIC})
    yield diagonal(A, 2, seed=seed), np.diag(matrix)
    yield diagonal(A, 3, seed=seed), np.diag(matrix)
    for method in METHODS:
        yield trace(A, 6, method, seed=seed), np.trace(matrix)
    values = np.linalg.eigvalsh(matrix)
    yield logdet(A, probes=2, steps=3, seed=seed), np.log(values).sum()
    yield density(A, 2, 3, moment_probes=0, seed=seed).expectation(np.log), np.log(values).mean()
    assert n > 6


@pytest.mark.parametrize(
    "matrix",
    [
        coupled(7, 1),
        coupled(8, 2, 0.3),
        coupled(9, 1, -1.5),
        np.eye(7) + 0.05 * np.eye(7, k=1) + 0.05 * np.eye(7, k=-1),
    ],
)
def test_equal_probes_are_not_certainty(matrix):
    covered = []
    for seed in range(20):
        for estimate, truth in claims(matrix, seed):
            error, stated = abs(estimate.value - truth), np.asarray(estimate.standard_error)
            assert (stated[error > 1e-9] > 1e-9).all()
            covered += np.ravel(error <= 2.0 * stated + 1e-9).tolist()
    assert np.mean(covered) >= 0.9


@pytest.mark.parametrize("n", [7, 40, 1000])
def test_diagonal_operators_are_known_from_their_probes(n):
    values = np.linspace(1.0, 2.0, n)
    A = Diagonal(values)
    found = [diagonal(A, 2), trace(A, 6, "hutchinson"), logdet(A, probes=2, steps=3), logdet(A, probes=2, steps=30)]
    for estimate, truth in zip(found[:2], (values, values.sum()), strict=True):
        np.testing.assert_allclose(estimate.value, truth, rtol=1e-14)
        assert np.max(estimate.standard_error) <= 1e-12 * n
    for estimate in found[2:]:  # all probes agree, and the quadrature may still lack steps
        assert abs(estimate.value - np.log(values).sum()) <= 2.0 * estimate.standard_error + 1e-9


# --- exact results


@pytest.mark.parametrize("n", [1, 2, 3, 6, 30])
@pytest.mark.parametrize("seed", range(3))
def test_small_matrices_are_exact(n, seed):
    values = np.random.default_rng(seed).uniform(0.1, 3.0, n)
    matrix = symmetric(values, seed)
    budget = max(n, 6)
    steps = -(-n // 2)
    found = {
        "diagonal": (diagonal(matrix, n), np.diag(matrix)),
        "logarithm": (logdet(matrix, probes=2, steps=steps), np.log(values).sum()),
        "shifted": (logdet(matrix, 0.5, probes=2, steps=steps), np.log(values + 0.5).sum()),
        "exponential": (density(matrix, 1, n, moment_probes=0).expectation(np.exp), np.exp(values).mean()),
        "step": (density(matrix, 1, 1, moment_probes=n).expectation(lambda x: x > 1.0), (values > 1.0).mean()),
        **{method: (trace(matrix, budget, method), values.sum()) for method in METHODS},
    }
    for estimate, truth in found.values():
        np.testing.assert_allclose(estimate.value, truth, rtol=1e-11, atol=1e-12)
        assert not np.any(estimate.standard_error)
        assert estimate.converged
        assert estimate.method == "exact"
        assert estimate.products == n
    assert density(matrix, 1, n).distance(values) < 1e-12


def test_exact_determinants_of_badly_scaled_matrices():
    scales = np.logspace(-90, 90, 12)
    matrix = scales[:, None] * symmetric(np.linspace(1, 3, 12)) * scales
    assert logdet(matrix).value == pytest.approx(np.log(np.linspace(1, 3, 12)).sum(), abs=1e-9)
    assert logdet(np.diag([1e-20, 1.0])).value == pytest.approx(np.log(1e-20))
    for singular in (np.ones((3, 3)), np.diag([1.0, 0.0]), np.array([[1.0, 2.0], [2.0, 1.0]])):
        with pytest.raises(InvalidProblem, match="needs a positive definite operator"):
            logdet(singular)
    assert not logdet(symmetric(np.logspace(-14, 0, 20)), rtol=1e-6).converged  # rounding errors alone are larger


# --- scales


@pytest.mark.parametrize("factor", [2.0**-1000, 2.0**-660, 2.0**660, 2.0**1000])
@pytest.mark.parametrize("n", [20, 150])
def test_every_scale_of_entries_gives_the_same_answer(factor, n):
    matrix = symmetric(np.linspace(1.0, 2.0, n))
    large = factor * matrix
    logarithm = n * np.log(factor)
    for method in METHODS:
        one, other = trace(matrix, 30, method), trace(large, 30, method)
        assert other.value / factor == pytest.approx(one.value, rel=1e-12)
        assert other.standard_error / factor == pytest.approx(one.standard_error, rel=1e-6)
        assert other.converged == one.converged
    np.testing.assert_allclose(diagonal(large, 9).value / factor, diagonal(matrix, 9).value, rtol=1e-12)
    np.testing.assert_allclose(diagonal(large, 9).standard_error / factor, diagonal(matrix, 9).standard_error)
    one, other = logdet(matrix, probes=4, steps=10), logdet(large, probes=4, steps=10)
    assert other.value - logarithm == pytest.approx(one.value, abs=1e-9 * abs(logarithm))
    assert other.standard_error == pytest.approx(one.standard_error, rel=1e-6)
    one, other = density(matrix, 4, 10), density(large, 4, 10)
    assert other.moment(1).value / factor == pytest.approx(one.moment(1).value, rel=1e-12)
    assert other.moment(1).standard_error / factor == pytest.approx(one.moment(1).standard_error, rel=1e-6)
    x = np.linspace(0.98765, 2.01234, 9)
    np.testing.assert_allclose(other.cumulative(factor * x), one.cumulative(x))
    np.testing.assert_allclose(eigenvalues(large, 2).values / factor, eigenvalues(matrix, 2).values, rtol=1e-12)
    assert eigenvalues(large, 2).converged
    b = np.linspace(-1.0, 1.0, n)
    np.testing.assert_allclose(
        lanczos(large, factor * b, 4).projected / factor, lanczos(matrix, b, 4).projected, atol=1e-12
    )
    roots = apply_function(matrix, np.sqrt, b)
    other = apply_function(large, lambda x: np.sqrt(x / factor), factor * b)
    np.testing.assert_allclose(other.x / factor, roots.x, atol=1e-12)
    assert other.converged


@pytest.mark.parametrize("function", [np.sqrt, np.log, lambda x: 1.0 / (x + 0.01), lambda x: np.exp(-30.0 * x)])
@pytest.mark.parametrize("values", [np.logspace(-6, 0, 300), 2.0 - 2.0 * np.cos(np.arange(1, 301) * np.pi / 301)])
@pytest.mark.parametrize("rtol", [1e-3, 1e-7])
def test_functions_of_operators_converge_to_the_tolerance(function, values, rtol):
    b = np.random.default_rng(1).standard_normal(300)
    found = apply_function(Diagonal(values), function, b, rtol=rtol, budget=250)
    truth = function(values) * b
    if function is np.log and values[-1] > 1.0 and rtol == 1e-3:
        pytest.xfail("eigenvalues not yet found: the error is 12 times the tolerance")
    assert not found.converged or np.linalg.norm(found.x - truth) <= 2.0 * rtol * np.linalg.norm(truth)
    assert found.converged or found.products == 250


def test_a_result_of_zero_is_no_convergence():
    values = np.r_[1e-6, np.linspace(1, 2, 400)]
    assert not apply_function(Diagonal(values), lambda x: np.exp(-1000.0 * x), values, budget=5).converged
    assert apply_function(Diagonal(values), lambda x: 0.0 * x, values[::-1], budget=401).converged


def test_sparse_and_single_precision_estimates_state_their_rounding():
    matrix = sp.diags_array([np.full(299, -1.0), np.full(300, 2.0), np.full(299, -1.0)], offsets=[-1, 0, 1])
    found = trace(sp.csr_array(matrix, dtype=np.float32), 12, "hutchinson")
    assert abs(found.value - 600.0) <= 3.0 * found.standard_error
    plain = trace(Diagonal(np.linspace(1, 2, 500, dtype=np.float32)), 12, "hutchinson")
    assert 1e-6 < plain.standard_error < 1e-3


@pytest.mark.parametrize("call", [trace, diagonal, logdet])
@pytest.mark.parametrize(("option", "value"), [("rtol", -1.0), ("rtol", "a"), ("rtol", float("nan")), ("block", 0)])
def test_options_are_checked(call, option, value):
    with pytest.raises(InvalidProblem, match=f"{option} is {value!r}"):
        call(np.eye(3), **{option: value})
