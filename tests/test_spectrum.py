"""Spectra: closed forms, dense linear algebra, SciPy's solvers, invariances, coverage of the errors, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Dense, MatrixFree, Sparse, Stencil, Tag
from ritz.solvers.spectrum import apply_function, density, diagonal, eigenvalues, lanczos, logdet, trace
from ritz.solvers.spectrum.piecewise_distribution import PiecewiseDistribution

SEEDS = st.integers(0, 2**32 - 1)
METHODS = ("xtrace", "hutch++", "hutchinson")


def poisson(*shape):
    """Return a Poisson stencil with unit spacing and its eigenvalues in closed form, ascending."""
    total = np.zeros(1)
    for n in shape:
        line = 4.0 * np.sin(np.arange(1, n + 1) * np.pi / (2 * (n + 1))) ** 2
        total = np.add.outer(total, line).ravel()
    return Stencil(shape, boundary="dirichlet", centering="vertex"), np.sort(total)


def symmetric(values, seed=0):
    """Return a dense symmetric matrix with these eigenvalues."""
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values),) * 2))[0]
    matrix = (Q * values) @ Q.T
    return 0.5 * (matrix + matrix.T)


# --- eigenvalues


@pytest.mark.parametrize("shape", [(60,), (17, 17), (15, 8), (7, 7, 7), (1,), (2, 1)])
@pytest.mark.parametrize("which", ["largest", "smallest", "magnitude"])
def test_poisson_eigenvalues_with_their_multiplicities(shape, which):
    A, exact = poisson(*shape)
    k = min(7, len(exact))
    found = eigenvalues(A, k, which)
    assert found.converged
    expected = exact[:k] if which == "smallest" else exact[::-1][:k]
    np.testing.assert_allclose(found.values, expected, atol=1e-12 * exact[-1])
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(k), atol=1e-12)
    residuals = np.linalg.norm(A @ found.vectors - found.vectors * found.values, axis=0)
    np.testing.assert_allclose(found.residuals, residuals, atol=1e-14)


@pytest.mark.parametrize("which", ["largest", "smallest"])
def test_agreement_with_scipy(which):
    graph = sp.random_array((300, 300), density=0.03, rng=np.random.default_rng(0))
    A = sp.csr_array(graph + graph.T)  # indefinite
    ours = eigenvalues(A, 5, which, block=2)
    theirs = spla.eigsh(A, 5, which={"largest": "LA", "smallest": "SA"}[which])[0]
    np.testing.assert_allclose(np.sort(ours.values), np.sort(theirs), rtol=1e-10)


@pytest.mark.parametrize("preconditioner", ["jacobi", "incomplete-cholesky", "smoothed-aggregation"])
def test_lobpcg_with_our_preconditioners(preconditioner):
    A, exact = poisson(30, 30)
    found = eigenvalues(A, 4, "smallest", preconditioner=preconditioner)
    assert found.converged
    np.testing.assert_allclose(found.values, exact[:4], atol=1e-12)
    plain = eigenvalues(Sparse(A.to_sparse(), tags={Tag.SYMMETRIC}), 4, "smallest")
    np.testing.assert_allclose(found.values, plain.values, atol=1e-12)


def test_clusters_copies_and_identities():
    values = np.r_[np.ones(10), np.full(4, 5.0), -2.0, np.linspace(0, 0.5, 85)]
    found = eigenvalues(symmetric(values), 6)
    np.testing.assert_allclose(found.values, [5, 5, 5, 5, 1, 1], atol=1e-12)
    np.testing.assert_allclose(eigenvalues(np.eye(50), 5).values, 1.0)
    np.testing.assert_allclose(eigenvalues(np.zeros((50, 50)), 5).values, 0.0)
    np.testing.assert_allclose(eigenvalues(symmetric(values), 100, "smallest").values, np.sort(values), atol=1e-12)


def test_giving_up_is_said_and_keeps_the_best():
    A, exact = poisson(400)
    found = eigenvalues(A, 3, "smallest", budget=40)
    assert not found.converged
    assert "NOT converged" in str(found)
    assert found.products <= 45
    assert (found.values >= exact[:3]).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 40), st.floats(-3, 3), st.floats(0.1, 100))
def test_shift_scaling_and_permutation(seed, n, shift, scale):
    generator = np.random.default_rng(seed)
    matrix = symmetric(generator.standard_normal(n), seed % 1000)
    k = min(3, n)
    order = generator.permutation(n)
    plain, moved = eigenvalues(matrix, k), eigenvalues(scale * matrix[np.ix_(order, order)] + shift * np.eye(n), k)
    np.testing.assert_allclose(moved.values, scale * plain.values + shift, atol=1e-9 * (scale + abs(shift)))
    np.testing.assert_allclose(plain.values, -eigenvalues(-matrix, k, "smallest").values, atol=1e-10)
    np.testing.assert_allclose(plain.values, np.linalg.eigvalsh(matrix)[::-1][:k], atol=1e-10)
    for method in METHODS:
        estimate = trace(scale * matrix + shift * np.eye(n), max(n, 6), method)
        assert estimate.value == pytest.approx(scale * np.trace(matrix) + shift * n, abs=1e-9 * n * scale)
        assert estimate.standard_error == 0.0


# --- the Lanczos process


@pytest.mark.parametrize("columns", [1, 3])
def test_lanczos_relation_and_orthogonality(columns):
    matrix = symmetric(np.logspace(0, 12, 120))
    start = np.random.default_rng(1).standard_normal((120, columns))
    found = lanczos(matrix, start, 30)
    V, m = found.basis, 30 * columns
    assert V.shape == (120, m)
    np.testing.assert_allclose(V.T @ V, np.eye(m), atol=1e-13)
    remainder = matrix @ V - V @ found.projected
    level = 1e-13 * 1e12  # rounding of the largest eigenvalue
    np.testing.assert_allclose(V.T @ remainder, 0.0, atol=level)
    assert np.linalg.norm(remainder) == pytest.approx(np.linalg.norm(found.coupling), rel=1e-6, abs=level)
    np.testing.assert_allclose(np.triu(found.projected, 2 * columns), 0.0, atol=level)
    tensor = lanczos(matrix, torch.from_numpy(start), 30)
    assert isinstance(tensor.basis, torch.Tensor)
    np.testing.assert_array_equal(tensor.basis.numpy(), V)


def test_lanczos_stops_where_the_space_is_invariant():
    values = np.repeat([1.0, 2.0, 7.0], 20)
    found = lanczos(symmetric(values), seed=3)
    assert found.invariant
    np.testing.assert_allclose(np.linalg.eigvalsh(found.projected), [1, 2, 7], atol=1e-12)
    assert lanczos(symmetric(values), np.ones((60, 3)), 50).basis.shape[1] == 3  # equal columns are one
    assert lanczos(np.zeros((5, 5))).basis.shape == (5, 1)
    assert lanczos(np.array([[4.0]])).projected.tolist() == [[4.0]]


# --- stochastic estimates


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["flat", "decaying", "indefinite"])
def test_traces_are_unbiased_and_their_errors_honest(method, kind):
    n = 150
    values = {
        "flat": np.linspace(1, 2, n),
        "decaying": np.arange(1.0, n + 1) ** -2,
        "indefinite": np.linspace(-1, 2, n),
    }
    matrix = symmetric(values[kind])
    found = [trace(matrix, 36, method, seed=seed) for seed in range(150)]
    errors = np.array([each.value for each in found]) - np.trace(matrix)
    claimed = np.array([each.standard_error for each in found])
    observed = np.sqrt(np.mean(errors**2))
    assert abs(errors.mean()) < 4.0 * errors.std() / 150**0.5
    assert 0.5 < np.sqrt(np.mean(claimed**2)) / observed < 2.0
    assert (abs(errors) <= 3.0 * claimed).mean() >= 0.93
    assert {each.products for each in found} == {36}


def test_xtrace_is_the_better_the_faster_eigenvalues_decay():
    matrix = symmetric(0.7 ** np.arange(200))
    errors = {m: [abs(trace(matrix, 48, m, seed=s).value - np.trace(matrix)) for s in range(20)] for m in METHODS}
    assert np.mean(errors["xtrace"]) < 1e-2 * np.mean(errors["hutchinson"])
    assert np.mean(errors["hutch++"]) < 1e-1 * np.mean(errors["hutchinson"])
    low = Dense(np.outer(np.ones(90), np.ones(90)), tags={Tag.SYMMETRIC})  # of rank one
    assert trace(low).value == pytest.approx(90.0, rel=1e-10)


@pytest.mark.parametrize("block", [1, 3, 8, 100])
def test_blocks_do_not_change_the_probes(block):
    matrix = symmetric(np.linspace(1, 3, 120))
    for method in METHODS:
        expected = trace(matrix, 30, method)
        assert trace(matrix, 30, method, block=block).value == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(diagonal(matrix, 30, block=block).value, diagonal(matrix, 30).value, rtol=1e-12)
    assert logdet(matrix, block=block).value == pytest.approx(logdet(matrix).value, rel=1e-10)
    assert trace(matrix, 30, seed=1).value != trace(matrix, 30, seed=2).value


def test_diagonals():
    matrix = symmetric(np.linspace(1, 3, 200))
    found = [diagonal(matrix, 40, seed=seed) for seed in range(40)]
    errors = np.stack([each.value for each in found]) - np.diag(matrix)
    assert (abs(errors) <= 3.0 * np.stack([each.standard_error for each in found])).mean() > 0.98
    np.testing.assert_allclose(diagonal(np.diag(np.arange(90.0)), 3).value, np.arange(90.0), atol=1e-13)
    exact = diagonal(matrix, 200)
    np.testing.assert_allclose(exact.value, np.diag(matrix), atol=1e-14)
    assert (exact.method, exact.products) == ("exact", 200)


def test_density_of_a_stencil():
    A, exact = poisson(40, 40)
    found = density(A, probes=8, steps=60)
    grid = np.linspace(0, 8, 400)
    share = np.searchsorted(exact, grid, side="right") / len(exact)
    assert abs(found.cumulative(grid) - share).mean() < 0.01
    assert found.weights.sum() == pytest.approx(1.0)
    assert np.trapezoid(found.density(np.linspace(-2, 10, 3000), 0.1), dx=12 / 2999) == pytest.approx(1.0, rel=1e-6)
    assert found.nodes.max() == pytest.approx(exact[-1], rel=1e-3)
    for order in (1, 2, 3):
        moment = found.moment(order)
        assert abs(moment.value - np.mean(exact**order)) < 4.0 * moment.standard_error + 1e-12
    assert found.plot().lines[0].get_ydata().max() > 0.0
    repeated = density(symmetric(np.repeat([-1.0, 2.0], 30)), probes=3)
    np.testing.assert_allclose(np.unique(repeated.nodes.round(9)), [-1.0, 2.0])


def test_density_is_as_near_as_its_products_allow():
    stencil, known = poisson(50, 50)
    sample = np.random.default_rng(5).standard_normal((700, 1400)) / 1400**0.5
    random = sample @ sample.T
    repeated = np.r_[np.full(300, 0.4), np.linspace(0.0, 1.0, 400)]  # a cluster amid a continuum
    for A, exact, limit in (
        (stencil, known, 3e-3),
        (random, np.linalg.eigvalsh(random), 5e-3),
        (symmetric(repeated), repeated, 8e-3),
    ):
        found = [density(A, 4, 42, seed=seed) for seed in range(6)]
        assert {each.products for each in found} == {200}
        errors = [each.distance(exact) / exact.max() for each in found]
        points = [scipy.stats.wasserstein_distance(f.nodes, exact, f.weights) / exact.max() for f in found]
        assert np.median(errors) < limit
        assert np.median(errors) < 0.9 * np.median(points)
        for each in found:
            distances = each.nodes - 0.5 * (each.nodes.min() + each.nodes.max())
            moments = [each.weights @ distances**k for k in (1, 2)]
            np.testing.assert_allclose(moments, each.moments.mean(0), rtol=1e-9, atol=1e-12)
            assert each.weights.min() >= 0.0


def test_density_moves_and_grows_with_the_operator():
    values = np.linspace(0.0, 1.0, 300)
    plain = density(symmetric(values), 4, 20)
    moved = density(symmetric(1e-3 * values + 1e4), 4, 20)
    x = np.linspace(-0.1, 1.1, 50)
    np.testing.assert_allclose(moved.cumulative(1e-3 * x + 1e4), plain.cumulative(x), atol=1e-5)
    assert moved.distance(1e-3 * values + 1e4) == pytest.approx(1e-3 * plain.distance(values), rel=1e-3)
    for factor in (1e-9, 1e9):
        grown = density(symmetric(factor * values), 4, 20).moment(3)
        assert grown.standard_error / factor**3 == pytest.approx(plain.moment(3).standard_error, rel=1e-6)


def test_density_keeps_single_eigenvalues_where_they_are():
    values = np.r_[np.zeros(380), 3.0, 3.5, 7.0, np.full(17, 1.0)]
    found = density(symmetric(values), 4, 30)
    np.testing.assert_allclose(found.cumulative([-1e-6, 1e-6, 0.9]), found.cumulative([-1.0, 0.5, 0.5]), atol=1e-9)
    assert found.distance(values) / 7.0 < 5e-3
    assert density(np.eye(30)).distance(np.ones(30)) == pytest.approx(0.0, abs=1e-12)
    assert density(np.array([[4.0]]), moment_probes=0).cumulative([3.9, 4.1]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("function", [lambda x: x, lambda x: x**2, np.exp, lambda x: 1.0 / x])
def test_errors_of_expectations_are_honest(function):
    values = np.linspace(1, 2, 150)
    matrix = symmetric(values)
    found = [density(matrix, 8, 12, seed=seed).expectation(function) for seed in range(100)]
    errors = np.array([each.value for each in found]) - function(values).mean()
    claimed = np.array([each.standard_error for each in found])
    assert 0.5 < np.sqrt(np.mean(claimed**2)) / np.sqrt(np.mean(errors**2)) < 2.0
    assert density(matrix, 1).expectation(function).standard_error == np.inf


def test_piecewise_distributions_against_scipy_and_closed_forms():
    generator = np.random.default_rng(0)
    places, mass, points = generator.uniform(0, 1, 30), generator.dirichlet(np.ones(30)), generator.uniform(0, 1, 50)
    atoms = PiecewiseDistribution(places, places, mass)
    assert atoms.distance(points) == pytest.approx(scipy.stats.wasserstein_distance(places, points, mass), rel=1e-12)
    uniform = PiecewiseDistribution(np.array([0.0]), np.array([1.0]), np.array([1.0]))
    assert uniform.distance(np.array([0.5])) == pytest.approx(0.25)
    assert uniform.distance(np.array([0.0])) == pytest.approx(0.5)
    assert uniform.cumulative(np.array([-1.0, 0.25, 2.0])).tolist() == [0.0, 0.25, 1.0]
    both = PiecewiseDistribution(np.array([0.0, 0.3]), np.array([1.0, 0.3]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(both.cumulative(np.array([0.2999, 0.3])), [0.14995, 0.65])
    x = np.linspace(-1, 2, 4001)
    smooth = both.smoothed(x, 0.05)
    assert np.trapezoid(smooth, x) == pytest.approx(1.0, abs=1e-9)
    assert np.trapezoid(smooth * x, x) == pytest.approx(0.5 * 0.5 + 0.5 * 0.3, abs=1e-9)


def test_logdet_against_dense_with_coverage():
    matrix = symmetric(np.logspace(-2, 1, 500))  # more than there are products: below, the result is exact
    exact = np.linalg.slogdet(matrix)[1]
    found = [logdet(matrix, probes=8, steps=60, seed=seed) for seed in range(60)]
    errors = np.array([each.value for each in found]) - exact
    assert (abs(errors) <= 3.0 * np.array([each.standard_error for each in found])).mean() >= 0.9
    assert abs(errors.mean()) < 4.0 * errors.std() / 60**0.5
    shifted = logdet(matrix - 5.0 * np.eye(500), shift=5.0, probes=8, steps=60)
    assert shifted.value == pytest.approx(found[0].value, rel=1e-6)
    assert not logdet(symmetric(np.logspace(-8, 1, 150)), steps=5).converged


@pytest.mark.parametrize("function", [np.sqrt, np.exp, lambda x: 1.0 / x, lambda x: x**3 - x])
def test_functions_of_operators(function):
    A, _ = poisson(8, 9)
    values, vectors = np.linalg.eigh(A.to_dense())
    b = np.random.default_rng(0).standard_normal(72)
    expected = vectors @ (function(values) * (vectors.T @ b))
    found = apply_function(A, function, b, rtol=1e-12)
    assert found.converged
    np.testing.assert_allclose(found.x, expected, atol=1e-10 * np.linalg.norm(expected))
    tensor = apply_function(A, function, torch.from_numpy(b), rtol=1e-12).x
    np.testing.assert_array_equal(tensor.numpy(), found.x)
    assert not apply_function(A, function, b, budget=2).converged
    assert not apply_function(A, function, 0.0 * b).x.any()


def test_tensors_and_single_precision():
    matrix = symmetric(np.r_[10.0, np.linspace(0, 1, 59)])
    found = eigenvalues(torch.from_numpy(matrix).float(), 2)
    assert isinstance(found.vectors, torch.Tensor)
    assert found.converged
    np.testing.assert_allclose(found.values, [10.0, 1.0], rtol=1e-5)
    assert trace(torch.from_numpy(matrix).float(), 60).value == pytest.approx(np.trace(matrix), rel=1e-5)


# --- refusals


CALLS = {
    "eigenvalues": lambda A: eigenvalues(A, 1),
    "lanczos": lanczos,
    "trace": trace,
    "diagonal": diagonal,
    "density": density,
    "logdet": logdet,
    "apply_function": lambda A: apply_function(A, np.exp, np.ones(A.shape[0])),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_no_spectrum_is_taken_of(name):
    call = CALLS[name]
    with pytest.raises(InvalidProblem, match=f"{name} needs a symmetric operator"):
        call(np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(InvalidProblem, match=rf"{name} needs a square operator, and A has shape \(3, 2\)"):
        call(np.ones((3, 2)))
    with pytest.raises(InvalidProblem, match="not finite"):
        call(MatrixFree(lambda x: x * np.nan, (4, 4), tags={Tag.SYMMETRIC}))
    with pytest.raises(InvalidProblem, match="not finite"):
        call(Dense(np.diag([1.0, np.inf, 1.0]), tags={Tag.SYMMETRIC}))
    lying = MatrixFree(lambda x: np.cumsum(x), (9, 9), tags={Tag.SYMMETRIC})
    with pytest.raises(InvalidProblem, match="needs a symmetric operator"):
        call(lying)
    call(np.array([[3.0]]))  # one by one


def test_bad_arguments_are_named():
    A = np.diag([1.0, 2.0, 3.0])
    for match, call in {
        "k is 4; the operator has 3": lambda: eigenvalues(A, 4),
        "k is 0": lambda: eigenvalues(A, 0),
        "leave it out": lambda: eigenvalues(A, 1, "largest", preconditioner="jacobi"),
        "not positive definite": lambda: eigenvalues(A - 2.5 * np.eye(3), 1, "smallest", preconditioner="jacobi"),
        "budget is 3": lambda: trace(A, 3),
        "block is 0": lambda: trace(A, block=0),
        "steps is 0": lambda: density(A, steps=0),
        r"probes is 1\.5": lambda: density(A, probes=1.5),
        "moment_probes is -1": lambda: density(A, moment_probes=-1),
        "start is zero": lambda: lanczos(A, np.zeros(3)),
        r"start has shape \(4,\)": lambda: lanczos(A, np.ones(4)),
        r"b has shape \(2,\)": lambda: apply_function(A, np.exp, np.ones(2)),
        "function is nan at": lambda: apply_function(A - 2 * np.eye(3), np.sqrt, np.ones(3)),
        "function returned shape": lambda: apply_function(A, np.sum, np.ones(3)),
        "width is 0": lambda: density(A).density(0.0, width=0.0),
        "shift is nan": lambda: logdet(A, float("nan")),
    }.items():
        with pytest.raises(InvalidProblem, match=match):
            call()
    with pytest.raises(UnknownName, match="largest"):
        eigenvalues(A, 1, "larges")
    with pytest.raises(UnknownName, match=r"hutch\+\+"):
        trace(A, method="hutch+")


def test_logdet_of_what_is_not_positive_definite():
    with pytest.raises(InvalidProblem, match=r"eigenvalue of at most -1.*give a shift above 1"):
        logdet(np.diag(np.linspace(-1, 1, 30)))
    with pytest.raises(InvalidProblem, match="at most 0"):
        logdet(np.zeros((4, 4)))
    periodic = Stencil((6, 6), boundary="periodic")
    with pytest.raises(InvalidProblem, match="nullspace"):
        logdet(periodic)
    exact = np.linalg.slogdet(periodic.to_dense() + np.eye(36))[1]
    assert logdet(periodic, 1.0, probes=60).value == pytest.approx(exact, rel=0.1)
