"""What the choice of a solver rests on: sizes of factors, moments of couplings, the order of pivots, and budgets."""

import math

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import splu
from systems import graph_laplacian, laplacian

import ritz
from benchmarks.linear_systems.collection import HELD_BACK, SYSTEMS, circuit, draw, mixed_grid, random_matrix
from ritz.operators import Sparse
from ritz.problem_types.linear_system import LinearSystem
from ritz.solvers.auto.auto import Auto
from ritz.solvers.auto.budget import Budget
from ritz.solvers.auto.couplings import couplings_of
from ritz.solvers.auto.factor_size import of_columns, of_symmetric_pattern
from ritz.solvers.auto.system_features import SystemFeatures
from ritz.solvers.direct.pivot_order import keeps_to_diagonal

LONG = 10.0  # seconds that a count may take


def grid(n):
    line = laplacian(n)
    return sp.csr_array(sp.kronsum(line, line))


@given(n=st.integers(2, 60), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_trees_have_no_fill_and_full_matrices_are_triangles(n, seed):
    parents = np.array([np.random.default_rng(seed).integers(0, i) for i in range(1, n)])
    edges = sp.csr_array((np.ones(n - 1), (np.arange(1, n), parents)), shape=(n, n))
    tree = sp.csr_array(edges + edges.T + sp.eye_array(n))
    assert of_symmetric_pattern(tree, LONG).entries == 2 * (2 * n - 1)
    full = of_symmetric_pattern(sp.csr_array(np.ones((n, n))), LONG)
    assert full.entries == n * (n + 1)
    assert full.operations == sum(k * k for k in range(1, n + 1))


@pytest.mark.parametrize(
    "matrix", [grid(40), graph_laplacian(400, seed=1), random_matrix(300, 3, 1.0, 2, symmetric=True)]
)
def test_counts_agree_with_the_factors(matrix):
    matrix = sp.csr_array(matrix + 0.1 * sp.eye_array(matrix.shape[0]))
    factors = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    counted = of_symmetric_pattern(matrix, LONG)
    assert counted.complete
    assert counted.entries == pytest.approx(factors.nnz, rel=0.3)
    order = np.random.default_rng(0).permutation(matrix.shape[0])
    assert of_symmetric_pattern(matrix[order][:, order], LONG).entries == pytest.approx(counted.entries, rel=0.2)


@pytest.mark.parametrize("seed", range(3))
def test_columns_bound_factors_with_exchanges(seed):
    matrix = random_matrix(400, 3, 0.2, seed)
    assert splu(matrix.tocsc()).nnz < 1.3 * of_columns(matrix, LONG).entries


def test_counting_ends_with_its_effort():
    expander = random_matrix(3000, 4, 1.0, 0, symmetric=True)
    stopped = of_symmetric_pattern(expander, 1e-4)
    assert not stopped.complete
    assert stopped.entries < of_symmetric_pattern(expander, LONG).entries
    features = SystemFeatures(LinearSystem(expander, np.ones(3000)))
    features.count_factor(1e-4)
    assert features.factor_seconds >= 2e-4
    features.count_factor(100.0)
    assert features.factor.complete


def test_couplings_of_known_matrices():
    plane = couplings_of(grid(18), grid(18).diagonal())
    assert (plane.coherent, plane.random) == (pytest.approx(1.0), pytest.approx(0.5))
    assert plane.gap == pytest.approx(0.0, abs=1e-12)
    shifted = sp.csr_array(grid(18) + sp.eye_array(324))
    least = np.linalg.eigvalsh(shifted.toarray() / 5.0)[0]
    assert couplings_of(shifted, shifted.diagonal()).gap == pytest.approx(least, rel=0.1)
    assert couplings_of(sp.csr_array(grid(18) - 0.2 * sp.eye_array(324)), np.full(324, 3.8)).indefinite
    signs = random_matrix(324, 4, 1.2, 3)
    radius = np.abs(np.linalg.eigvals(np.eye(324) - signs.toarray() / signs.diagonal()[:, None])).max()
    assert 1.0 - couplings_of(signs, signs.diagonal()).gap == pytest.approx(radius, rel=0.25)
    assert couplings_of(mixed_grid(4), mixed_grid(4).diagonal()) is None  # zeros on the diagonal
    scale = sp.diags_array(np.logspace(-100, 100, 324))
    far = sp.csr_array(scale @ grid(18) @ scale)
    assert couplings_of(far, far.diagonal()).random == pytest.approx(0.5)


def test_saddle_points_need_exchanges_and_circuits_do_not():
    assert keeps_to_diagonal(grid(20))
    assert keeps_to_diagonal(circuit(400, 2, 1).tocsr())
    assert not keeps_to_diagonal(mixed_grid(12))
    saddle = mixed_grid(18)
    solution = ritz.solve(saddle, saddle @ np.ones(saddle.shape[0]), "lu")
    assert solution.stats["fill"] < 15  # a hundred with pivots on the diagonal
    nodal = circuit(2000, 3, 2)
    ours = ritz.solve(nodal, nodal @ np.ones(nodal.shape[0]), "lu").stats["fill"]
    assert ours < 0.5 * splu(nodal.tocsc()).nnz / nodal.nnz


def run(residuals, *, each=1.0, alternative=100.0, goal=1e-8, **options):
    """Return the iteration at which a budget stops a sequence of residuals, or None."""
    budget = Budget(None, each, lambda seconds: alternative, goal, **options)
    return next((number for number, residual in enumerate(residuals) if budget(number, None, residual)), None)


def test_budgets():
    falling = 0.5 ** np.arange(200)
    assert run(falling) is None
    assert run(np.ones(1000)) == 50  # half the alternative
    assert run(np.ones(1000), patience=0.2) == 20
    assert run(np.ones(1000), alternative=math.inf) is None
    slow = 0.99 ** np.arange(5000)  # 1,800 iterations at the cost of 18 alternatives
    assert 40 <= run(slow) <= 60
    late = np.r_[np.ones(40), 0.6 ** np.arange(100)]  # conjugate gradients often begin like this
    assert run(late) is None
    assert run(0.8 ** np.arange(100), on_trial=True) == 5
    never_more = [
        run(rate ** np.arange(5000), alternative=cost) for rate in (0.97, 0.99, 0.999) for cost in (30.0, 300.0)
    ]
    for cost, stopped in zip([30.0, 300.0] * 3, never_more, strict=True):
        assert stopped is None or stopped <= 1.6 * cost


def test_a_budget_forwards_to_the_user_and_asks_for_costs_only_when_needed():
    seen, asked = [], []

    def alternative(seconds):
        asked.append(seconds)
        return 1000.0

    budget = Budget(lambda *call: seen.append(call) or len(seen) == 8, 1.0, alternative, 1e-8)
    stops = [budget(number, "x", 0.1**number) for number in range(8)]
    assert stops == [False] * 7 + [True]
    assert not budget.slow
    assert seen[3] == (3, "x", pytest.approx(1e-3))
    assert set(asked) <= {0.0}  # lower bounds sufficed


def hard(n):
    """Return a symmetric matrix whose indefiniteness only iterations show, and on which they do not converge."""
    return random_matrix(n, 2, 0.4, 7, symmetric=True)


def test_a_factorisation_is_the_last_resort():
    matrix = hard(1500)
    b = matrix @ np.random.default_rng(0).standard_normal(1500)
    ways = []
    for _ in range(2):
        solution = ritz.solve(matrix, b)
        assert solution.converged
        ways.append((solution.stats["chosen"], solution.stats.get("failed")))
    assert ways[0] == ways[1]  # costs are estimates, so that nothing depends on the clock
    assert ways[0][0].startswith("lu")


def test_hopes_are_given_up_and_what_was_reached_is_kept():
    n = 60
    line, ones = laplacian(n), sp.eye_array(n)
    matrix = sp.csr_array(sp.kron(line @ line, ones) + sp.kron(ones, line @ line) + 2 * sp.kron(line, line))
    rhs = np.random.default_rng(0).standard_normal(n * n)
    seen = []
    prepared = Auto().prepare(LinearSystem(Sparse(matrix, aslinear(matrix).tags), rhs))
    solution = prepared.solve(callback=lambda number, x, residual: seen.append((number, residual)))
    assert solution.converged
    assert solution.stats["chosen"].split(":")[0] in ("lu", "cholesky")
    restarts = [residual for number, residual in seen if number == 0]
    assert restarts[0] == 1.0
    assert all(residual <= 1.0 for residual in restarts)


def aslinear(matrix):
    return ritz.operators.aslinearoperator(matrix)


@pytest.mark.parametrize("name", ["random/dominant-2000", "graph/hubs-2000", "equations/mixed-30", "fem/helmholtz-P2"])
def test_systems_of_the_collection(name):
    if name.startswith("fem"):
        pytest.importorskip("skfem")
    system = SYSTEMS[name]()
    solution = ritz.solve(system)
    assert np.linalg.norm(system.rhs - system.operator @ solution.x) <= 1.01e-8 * np.linalg.norm(system.rhs)


def test_the_systems_held_back_are_those_that_were_drawn():
    assert list(HELD_BACK) == draw()
    assert len(SYSTEMS) >= 150
    assert len(HELD_BACK) == len(SYSTEMS) // 3
