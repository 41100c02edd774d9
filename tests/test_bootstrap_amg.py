"""Bootstrap multigrid: matching, aggregates, cycles, rates, what it is robust against, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import lobpcg

import ritz
from ritz.comparing.environment import pinned_threads
from ritz.errors import InvalidProblem
from ritz.figures.multigrid.bootstrap_rates import random_graph_laplacian
from ritz.kernels import parallel_chunks
from ritz.operators import aslinearoperator
from ritz.registry import preconditioners
from ritz.solution import Status
from ritz.solvers.multigrid import bootstrap
from ritz.solvers.multigrid.bootstrap.aggregation_hierarchy import in_precision
from ritz.solvers.multigrid.bootstrap.compatible_matching import aggregate, coarse_matrix, dominant_matching
from ritz.solvers.multigrid.bootstrap.composite import CompositeCorrection
from ritz.solvers.multigrid.bootstrap.kernels.matching import compatible_weights
from ritz.solvers.multigrid.bootstrap.relaxation import SMOOTHERS, remainder
from ritz.solvers.multigrid.bootstrap.stopping_rule import rate_worth_another
from ritz.solvers.multigrid.bootstrap.strong_couplings import strong_couplings

SINGLE = 1.2e-7  # rounding of hierarchies
LINEAR = [("symmetrised", "V"), ("symmetrised", "W"), ("additive", "V")]


def laplacian(adjacency):
    adjacency = sp.csr_array(adjacency)
    return sp.csr_array(sp.diags_array(adjacency.sum(axis=1)) - adjacency)


def random_graph(n, seed, density=0.2, low=0.5):
    generator = np.random.default_rng(seed)
    upper = np.triu(generator.uniform(low, 1.0, (n, n)) * (generator.random((n, n)) < density), 1)
    return sp.csr_array(upper + upper.T)


def star(leaves):
    edges = np.zeros(leaves, dtype=int), np.arange(1, leaves + 1)
    upper = sp.coo_array((np.ones(leaves), edges), shape=(leaves + 1, leaves + 1))
    return laplacian(upper + upper.T)


def hubs(n, links=3, seed=0):
    """Preferential attachment: degrees follow a power law."""
    generator = np.random.default_rng(seed)
    ends = [0] * links
    edges = []
    for vertex in range(1, n):
        for other in {ends[generator.integers(len(ends))] for _ in range(links)}:
            edges.append((vertex, other))
            ends += [vertex, other]
    upper = sp.coo_array((np.ones(len(edges)), tuple(np.array(edges).T)), shape=(n, n))
    return laplacian(upper + upper.T)


def streets(side, seed=0):
    """A grid of streets of various lengths, a third of them closed; what is cut off is left out."""
    generator = np.random.default_rng(seed)
    number = np.arange(side * side).reshape(side, side)
    edges = np.hstack([[number[:-1].ravel(), number[1:].ravel()], [number[:, :-1].ravel(), number[:, 1:].ravel()]])
    edges = edges[:, generator.random(edges.shape[1]) < 0.66]
    weights = 1.0 / generator.uniform(0.1, 1.0, edges.shape[1])
    upper = sp.coo_array((weights, tuple(edges)), shape=(number.size, number.size))
    graph = sp.csr_array(upper + upper.T)
    label = sp.csgraph.connected_components(graph)[1]
    inside = np.flatnonzero(label == np.bincount(label).argmax())
    return laplacian(graph[inside][:, inside])


def ring(n):
    return laplacian(sp.diags_array([np.ones(n - 1), np.ones(n - 1), [1.0], [1.0]], offsets=[-1, 1, n - 1, 1 - n]))


def grid(shape, **options):
    return ritz.problems.poisson(shape, **options).operator.to_sparse()


def dense(inverse):
    return inverse @ np.eye(inverse.shape[0])


def consistent_rhs(matrix, seed=0):
    operator = aslinearoperator(matrix)
    b = np.random.default_rng(seed).standard_normal(matrix.shape[0])
    return b if operator.nullspace is None else operator.nullspace.project(b)


def greedy_matching(matrix, weights):
    """Pick edges from the heaviest on, of equal ones that of the smallest numbers."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    edges = [(-w, i, j) for w, i, j in zip(weights, rows, matrix.indices, strict=True) if i < j and w > 0]
    partner = np.full(matrix.shape[0], -1)
    for _, i, j in sorted(edges):
        if partner[i] < 0 and partner[j] < 0:
            partner[i], partner[j] = j, i
    return partner


def matched(matrix, smooth):
    weights = np.empty(matrix.nnz, dtype=np.float32)
    entries = matrix.indptr, matrix.indices, matrix.data
    compatible_weights(0, matrix.shape[0], *entries, matrix.diagonal() * smooth**2, smooth, weights)
    return weights, dominant_matching(matrix.indptr, matrix.indices, weights)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000), equal=st.booleans())
def test_matching_is_that_of_picking_the_heaviest_edges(n, seed, equal):
    matrix = sp.csr_array(0.01 * random_graph(n, seed, low=1.0 if equal else 0.5) * -1.0 + sp.eye_array(n))
    weights, partner = matched(matrix, np.ones(n))
    np.testing.assert_array_equal(partner, greedy_matching(matrix, weights))


@pytest.mark.parametrize("equal", [False, True])
def test_matching_is_the_same_on_several_threads(monkeypatch, equal):
    matrix = random_graph(3000, 5, low=1.0 if equal else 0.5)
    rows = np.repeat(np.arange(3000), np.diff(matrix.indptr))
    weights = abs(matrix.data * (1.0 + 1e-3 * np.cos(rows + matrix.indices) * (not equal))).astype(np.float32)
    alone = dominant_matching(matrix.indptr, matrix.indices, weights)
    monkeypatch.setattr(parallel_chunks, "thread_limit", lambda: 3)
    monkeypatch.setattr(parallel_chunks, "CHUNK_BYTES", 1000)
    together = dominant_matching(matrix.indptr, matrix.indices, weights)
    assert (alone >= 0).mean() > 0.7
    np.testing.assert_array_equal(alone, together)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 30), seed=st.integers(0, 1000))
def test_weights_are_the_energy_of_what_a_pair_cannot_represent(n, seed):
    matrix = sp.csr_array(laplacian(random_graph(n, seed)) + 0.1 * sp.eye_array(n))
    smooth = np.random.default_rng(seed).standard_normal(n)
    weights, _ = matched(matrix, smooth)
    A, d = matrix.toarray(), matrix.diagonal()
    rows = np.repeat(np.arange(n), np.diff(matrix.indptr))
    for weight, i, j in zip(weights, rows, matrix.indices, strict=True):
        if i != j:
            left = np.array([smooth[j] / d[i], -smooth[i] / d[j]])  # orthogonal to w in the inner product of D
            pair = A[np.ix_([i, j], [i, j])]
            assert 1.0 + weight == pytest.approx(left @ pair @ left / (left**2 @ d[[i, j]]), abs=1e-5)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(2, 60), seed=st.integers(0, 1000), sweeps=st.integers(1, 3))
def test_aggregates_and_their_matrix(n, seed, sweeps):
    matrix = laplacian(random_graph(n, seed, density=0.1))
    smooth = np.random.default_rng(seed).uniform(0.5, 2.0, n)
    found = aggregate(matrix, matrix, smooth, sweeps, coarsest=1)
    coupled = np.diff(matrix.indptr) > 1
    if found is None:
        assert not coupled.any()
        return
    np.testing.assert_array_equal(found.groups >= 0, coupled)
    grouped = np.flatnonzero(coupled)
    P = np.zeros((n, found.smooth.size))
    P[grouped, found.groups[grouped]] = found.weights[grouped]
    assert found.smooth.size <= grouped.size / 2
    np.testing.assert_allclose(P.T @ P, np.eye(found.smooth.size), atol=1e-12)
    np.testing.assert_allclose((P @ found.smooth)[grouped], smooth[grouped])
    np.testing.assert_allclose(coarse_matrix(matrix, found).toarray(), P.T @ matrix.toarray() @ P, atol=1e-12)


def test_a_star_becomes_one_aggregate():
    found = aggregate(star(5000), star(5000), np.ones(5001), 1, coarsest=100)
    assert found.smooth.tolist() == [pytest.approx(5001**0.5)]
    assert bootstrap(star(5000)).hierarchies[0].sizes == [5001, 1]


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_strong_couplings_keep_the_smooth_vector(seed, both):
    matrix = laplacian(random_graph(30, seed, low=1e-3))
    smooth = np.random.default_rng(seed).uniform(0.5, 1.5, 30)
    strong = strong_couplings(matrix, smooth, both=both).toarray()
    np.testing.assert_allclose(strong @ smooth, matrix @ smooth, atol=1e-12)
    np.testing.assert_array_equal(strong, strong.T)
    A = np.abs(matrix.toarray() * np.outer(smooth, smooth)) * (1.0 - np.eye(30))
    bound = 0.1 * A.max(axis=1)
    rows, columns = np.less_equal(bound[:, None], A), np.less_equal(bound, A)
    kept = (rows & columns if both else rows | columns) & (A > 0)
    np.testing.assert_array_equal((strong != 0) & ~np.eye(30, dtype=bool), kept)


def test_who_is_weak_for_its_neighbours_joins_them():
    """A vertex that hangs on another by an edge that is weak for that one is not left out of the coarse level."""
    edges = np.array([[0, 1, 1.0], [1, 2, 1.0], [2, 3, 1.0], [3, 0, 1.0], [0, 4, 1e-3], [4, 5, 1e-6]])
    upper = sp.coo_array((edges[:, 2], (edges[:, 0].astype(int), edges[:, 1].astype(int))), shape=(6, 6))
    matrix = laplacian(upper + upper.T)
    found = aggregate(matrix, strong_couplings(matrix, np.ones(6), both=True), np.ones(6), 1, coarsest=1)
    assert found.groups[4] == found.groups[0] == found.groups[5] >= 0


def test_the_number_of_threads_changes_nothing():
    matrix = grid((900, 450))  # enough entries for two parallel chunks
    results = []
    for threads in (1, 2):
        with pinned_threads(threads):
            inverse = bootstrap(matrix, max_hierarchies=2, target_rate=0.0, trials=2)
            results.append((inverse.smooth_vectors, inverse.rates, inverse.apply(np.ones(matrix.shape[0]))))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", SMOOTHERS)
def test_smoothers_are_adjoint_and_converge(name):
    matrix = sp.csr_array(laplacian(random_graph(40, 1)) + 0.01 * sp.eye_array(40))
    smoother = SMOOTHERS[name](matrix, 1.0 / matrix.diagonal())
    identity = np.eye(40)
    before, residual = smoother.before(identity)
    np.testing.assert_allclose(residual, identity - matrix @ before, atol=1e-12)
    after = smoother.after(np.zeros((40, 40)), identity.copy())  # what is left of an error
    A = matrix.toarray()
    np.testing.assert_allclose(A @ after, (identity - before @ A).T @ A, atol=1e-10)
    assert np.abs(np.linalg.eigvals(after)).max() < 1.0
    vector, rest = smoother.before(identity[0])
    np.testing.assert_allclose(vector, before[:, 0], atol=1e-14)
    np.testing.assert_allclose(rest, residual[:, 0], atol=1e-14)
    np.testing.assert_allclose(remainder(matrix, identity[0], vector), rest, atol=1e-12)


@pytest.mark.parametrize(("composition", "cycle"), LINEAR)
@pytest.mark.parametrize("smoother", SMOOTHERS)
def test_symmetric_positive_definite_and_convergent(composition, cycle, smoother):
    matrix = ritz.problems.diffusion((19, 17), contrast=1e4).operator.to_sparse()
    options = {"composition": composition, "cycle": cycle, "smoother": smoother}
    inverse = bootstrap(matrix, target_rate=0.0, max_hierarchies=2, **options)
    B = dense(inverse)
    np.testing.assert_allclose(B, B.T, atol=100 * SINGLE * np.abs(B).max())
    spectrum = np.linalg.eigvals(B @ matrix.toarray()).real
    assert 0.0 < spectrum.min() < spectrum.max() < 1.0 + 100 * SINGLE


@pytest.mark.parametrize("prolongation", ["smoothed", "plain"])
@pytest.mark.parametrize("size", [2, 4, 8])
def test_rates_are_those_of_the_iteration(size, prolongation):
    matrix = ritz.problems.diffusion((20, 20), coefficient="rotated").operator.to_sparse()
    kind = {"aggregate_size": size, "prolongation": prolongation}
    inverse = bootstrap(matrix, target_rate=0.0, max_hierarchies=3, trials=60, **kind)
    assert inverse.smooth_vectors.shape == (400, 4)
    for count, (rate, slow) in enumerate(zip(inverse.rates, inverse.smooth_vectors.T[1:], strict=True), start=1):
        hierarchies = list(inverse.hierarchies[:count])
        part = CompositeCorrection(in_precision(matrix, np.float32), "symmetrised", True, 1.0, hierarchies)
        largest = 1.0 - np.linalg.eigvals(part.correct(matrix.toarray())).real.min()
        assert 0.85 * largest < rate <= 1.001 * largest + 100 * SINGLE
        assert slow @ (matrix @ slow) == pytest.approx(1.0)
    assert (np.diff(inverse.rates) < 0).all()


def test_blocks_are_columns_side_by_side():
    matrix = random_graph_laplacian(700).matrix
    block = np.random.default_rng(0).standard_normal((700, 3))
    for cycle in ("V", "W", "K"):
        inverse = bootstrap(matrix, cycle=cycle, max_hierarchies=2)
        together = inverse.apply(block)
        for j in range(3):
            np.testing.assert_allclose(
                together[:, j], inverse.apply(block[:, j]), rtol=1e-4, atol=1e-5 * np.abs(together).max()
            )
        np.testing.assert_allclose(inverse.apply(torch.tensor(block)).numpy(), together)


ROBUST = {
    "plane": grid((120, 120)),
    "space": grid((25, 24, 23)),
    "jumps": ritz.problems.diffusion((120, 120), contrast=1e6).operator.to_sparse(),
    "lognormal": ritz.problems.diffusion((110, 120), coefficient="lognormal", contrast=1e6).operator.to_sparse(),
    "rotated": ritz.problems.diffusion((120, 120), coefficient="rotated").operator.to_sparse(),
    "neighbours": random_graph_laplacian(12000).matrix,
    "streets": streets(110),
    "star": star(9000),
    "hubs": hubs(6000),
    "ring": ring(9000),
    "components": sp.csr_array(sp.block_diag([ring(3000), sp.csr_array((5, 5)), star(400), 1e6 * grid((40, 40))])),
}


@pytest.mark.parametrize("name", ROBUST)
def test_robust(name):
    """Few iterations, little memory, on matrices that nothing is tuned for."""
    matrix = ROBUST[name]
    b = consistent_rhs(matrix)
    solution = ritz.solve(matrix, b, "bootstrap-amg")
    assert solution.iterations <= 40
    assert solution.stats["operator_complexity"] <= 1.0 + 1.5 * solution.stats["hierarchies"]
    assert len(solution.stats["rates"]) == solution.stats["hierarchies"] <= 3
    again = ritz.solve(matrix, b, "cg", preconditioner="bootstrap-amg")
    np.testing.assert_array_equal(again.x, solution.x)


def test_iterations_hardly_grow_with_the_mesh():
    counts = [ritz.solve(ritz.problems.poisson((n, n)), "bootstrap-amg").iterations for n in (40, 320)]
    assert counts[1] <= 1.5 * counts[0]


def test_more_hierarchies_take_fewer_iterations():
    problem = ritz.problems.diffusion((100, 100), coefficient="rotated")
    one, four = (
        ritz.solve(problem, "bootstrap-amg", target_rate=0.0, max_hierarchies=count, trials=15) for count in (1, 4)
    )
    assert four.iterations < 0.6 * one.iterations
    assert four.stats["rates"][0] == one.stats["rates"][0] > four.stats["rates"][-1]


def unevenly_scaled(matrix, decades):
    scale = sp.diags_array(10.0 ** (decades * np.random.default_rng(3).uniform(-0.5, 0.5, matrix.shape[0])))
    return sp.csr_array(scale @ matrix @ scale)


def test_further_hierarchies_are_built_where_they_pay():
    one = ritz.solve(ROBUST["neighbours"], consistent_rhs(ROBUST["neighbours"]), "bootstrap-amg")
    assert one.stats["hierarchies"] == 1
    scaled = unevenly_scaled(ROBUST["jumps"], 4.0)
    several = ritz.solve(scaled, consistent_rhs(scaled), "bootstrap-amg")
    alone = ritz.solve(scaled, consistent_rhs(scaled), "bootstrap-amg", max_hierarchies=1)
    assert several.stats["hierarchies"] > 1
    cycles = 2 * several.stats["hierarchies"] - 1
    assert several.iterations * cycles + 30 * (several.stats["hierarchies"] - 1) < alone.iterations


def test_a_rate_that_few_trials_cannot_tell_is_tested_longer():
    scaled = unevenly_scaled(ROBUST["jumps"], 4.0)
    short, long = bootstrap(scaled, target_rate=1.0), bootstrap(scaled)
    assert short.rates[0] < rate_worth_another(1, 3) < long.rates[0]


def test_another_hierarchy_pays_sooner_where_iterations_cost_more():
    limits = [rate_worth_another(cycles, cycles + 2) for cycles in (1, 3, 5)]
    assert 1.0 > limits[0] > limits[1] > limits[2] > 0.5


def test_fewer_iterations_than_smoothed_aggregation():
    for matrix in (ROBUST["rotated"], ROBUST["neighbours"]):
        b = consistent_rhs(matrix)
        ours = ritz.solve(matrix, b, "bootstrap-amg", target_rate=0.75)
        theirs = ritz.solve(matrix, b, "pyamg-sa")
        assert ours.iterations < theirs.iterations
        np.testing.assert_allclose(ours.x, theirs.x, atol=1e-4 * np.abs(theirs.x).max())


@pytest.mark.parametrize(
    "options",
    [{"composition": "multiplicative", "target_rate": 0.0}, {"cycle": "K"}, {"cycle": "K", "prolongation": "plain"}],
    ids=["multiplicative", "K", "K-plain"],
)
def test_what_is_not_symmetric_gets_flexible_conjugate_gradients(options):
    matrix = ROBUST["jumps"]
    b = np.random.default_rng(1).standard_normal((matrix.shape[0], 2))
    solution = ritz.solve(matrix, b, "bootstrap-amg", **options)
    assert solution.converged
    assert solution.iterations < 40
    with pytest.raises(InvalidProblem, match=r"not a symmetric preconditioner.*solver 'bootstrap-amg'"):
        preconditioners["bootstrap-amg"](**options)


def test_stand_alone_iteration_converges_at_its_rate():
    matrix = grid((90, 90))
    solution = ritz.solve(matrix, np.ones(8100), "bootstrap-amg", acceleration="none")
    assert solution.converged
    rates = solution.history[6:] / solution.history[5:-1]
    assert rates.max() < 0.05 + max(0.75, solution.stats["rates"][-1])
    accelerated = ritz.solve(matrix, np.ones(8100), "bootstrap-amg")
    assert accelerated.iterations < solution.iterations


def test_a_given_smooth_vector_is_used():
    """A matrix scaled at random from both sides: what is nearly in its nullspace is far from constant."""
    scale = np.exp(np.random.default_rng(0).normal(0.0, 2.0, 6400))
    matrix = sp.csr_array(sp.diags_array(scale) @ grid((80, 80)) @ sp.diags_array(scale))
    known, unknown = (bootstrap(matrix, smooth_vector=w, max_hierarchies=1) for w in (1.0 / scale, None))
    assert known.rates[0] < 0.8 * unknown.rates[0]
    np.testing.assert_array_equal(known.smooth_vectors[:, 0], 1.0 / scale)
    learnt = bootstrap(matrix, max_hierarchies=3, target_rate=0.0)
    assert learnt.rates[-1] < 0.8 * unknown.rates[0]


def test_normalised_laplacian_keeps_its_null_vector_out_of_the_smooth_vectors():
    graph = hubs(3000)
    degrees = graph.diagonal()
    matrix = sp.csr_array(sp.diags_array(degrees**-0.5) @ graph @ sp.diags_array(degrees**-0.5))
    inverse = bootstrap(matrix, smooth_vector=degrees**0.5, target_rate=0.0, max_hierarchies=2)
    null = degrees**0.5 / np.linalg.norm(degrees**0.5)
    slow = inverse.smooth_vectors[:, 1:]
    assert np.abs(null @ slow).max() < 1e-6 * np.linalg.norm(slow, axis=0).min()
    assert inverse.rates[-1] < 0.5


def test_zeros_in_the_smooth_vector_do_no_harm():
    matrix = grid((60, 60))
    smooth = np.ones(3600)
    smooth[::7] = 0.0
    smooth[1000:1500] = 0.0
    inverse = bootstrap(matrix, smooth_vector=smooth)
    assert np.isfinite(inverse.rates).all()
    assert ritz.solve(matrix, np.ones(3600), "cg", preconditioner=inverse).iterations < 60


def test_preconditions_an_eigensolver():
    n, count = 60, 5
    matrix = grid((n, n))
    start = np.random.default_rng(0).standard_normal((n * n, count + 3))
    values, _ = lobpcg(matrix, start, M=bootstrap(matrix).to_scipy(), largest=False, tol=1e-5, maxiter=40)
    line = np.linalg.eigvalsh(grid((n,)).toarray())
    expected = np.sort((line[:, None] + line[None]).ravel())[:count]
    np.testing.assert_allclose(np.sort(values)[:count], expected, rtol=1e-5)


def test_same_seed_same_hierarchies():
    matrix = ROBUST["streets"]
    one, two, other = (bootstrap(matrix, target_rate=0.0, max_hierarchies=2, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.smooth_vectors, two.smooth_vectors)
    assert (one.smooth_vectors[:, 1] != other.smooth_vectors[:, 1]).any()


def test_inputs_are_left_as_they_were():
    matrix = sp.csr_array(grid((30, 30)))
    before, smooth = matrix.copy(), np.ones(900)
    residual = np.ones((900, 2))
    bootstrap(matrix, smooth_vector=smooth).apply(residual)
    np.testing.assert_array_equal(matrix.data, before.data)
    np.testing.assert_array_equal(matrix.indices, before.indices)
    assert (smooth == 1.0).all()
    assert (residual == 1.0).all()


@pytest.mark.parametrize("size", [1, 2])
def test_smallest_systems(size):
    matrix = sp.csr_array(3.0 * sp.eye_array(size))
    solution = ritz.solve(matrix, np.ones(size), "bootstrap-amg")
    np.testing.assert_allclose(solution.x, np.full(size, 1 / 3))
    assert bootstrap(np.array([[0.0]])).apply(np.zeros(1)).tolist() == [0.0]


def test_a_diagonal_matrix_needs_no_coarse_level():
    matrix = sp.diags_array(np.logspace(-5, 5, 1000)).tocsr()
    inverse = bootstrap(matrix)
    assert inverse.hierarchies[0].sizes == [1000, 0]
    np.testing.assert_allclose(inverse.apply(np.ones(1000)), np.logspace(5, -5, 1000))


def test_indefinite_operators_end_without_success():
    shifted = sp.csr_array(grid((30, 30)) / 900 - 0.1 * sp.eye_array(900))
    with pytest.raises(InvalidProblem, match=r"needs a positive definite operator.*'minres'"):
        bootstrap(shifted)
    b = np.random.default_rng(0).standard_normal(900)
    solution = ritz.solve(shifted, b, "bootstrap-amg", throw=False)
    assert solution.status is Status.INDEFINITE
    assert solution.residual <= 1.0
    assert solution.stats["hierarchies"] == 0
    with pytest.raises(InvalidProblem, match="needs a positive diagonal, and entry 1 is -1"):
        bootstrap(np.diag([1.0, -1.0]))
    with pytest.raises(InvalidProblem, match="needs a positive diagonal, and entry 2 is 0"):
        bootstrap(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]))


def test_inconsistent_right_hand_side_is_refused():
    with pytest.raises(InvalidProblem, match="inconsistent"):
        ritz.solve(star(300), np.ones(301), "bootstrap-amg")
