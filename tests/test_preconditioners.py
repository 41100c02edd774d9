"""Preconditioners: symmetry, definiteness, the properties that define them, and what they refuse."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import spsolve
from typer.testing import CliRunner

import ritz
from ritz.command_line.cli import app
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import MatrixFree, Sparse, Stencil, Tag, aslinearoperator
from ritz.registry import preconditioners
from ritz.solvers.preconditioners import build_preconditioner

GRIDS = ("multigrid", "learned-multigrid")  # need a grid: see test_multigrid.py and test_learned_multigrid.py
ALL = [name for name in preconditioners.names() if name not in GRIDS]
SYMMETRIC = [name for name in ALL if name != "incomplete-lu"]
STRONG = [name for name in SYMMETRIC if name != "jacobi"]
INCOMPLETE = ["incomplete-cholesky", "modified-incomplete-cholesky"]


def build(name, matrix, **options):
    return preconditioners[name](**options).build(aslinearoperator(matrix))


def poisson(n, dimension=2, *, neumann=False):
    line = sp.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]).tolil()
    if neumann:
        line[0, 0] = line[-1, -1] = 1.0
    matrix = line
    for _ in range(dimension - 1):
        matrix = sp.kronsum(line, matrix)
    return sp.csr_array(matrix)


def random_m_matrix(n, seed, extra=0.1):
    """Symmetric, weakly dominant, off-diagonal entries negative."""
    generator = np.random.default_rng(seed)
    weights = sp.random_array((n, n), density=min(1.0, 4 / n), rng=generator, format="csr")
    weights = sp.csr_array(weights + weights.T)
    weights.setdiag(0)
    weights.eliminate_zeros()
    return sp.csr_array(sp.diags_array(weights.sum(axis=1) + extra) - weights)


@settings(deadline=None, max_examples=15)
@given(n=st.integers(2, 60), seed=st.integers(0, 1000), name=st.sampled_from(SYMMETRIC))
def test_symmetric_positive_definite(n, seed, name):
    inverse = build(name, random_m_matrix(n, seed))
    x, y = np.random.default_rng(seed).standard_normal((2, n))
    Bx, By = inverse @ x, inverse @ y
    rounding = 1e-5 if name == "bootstrap-amg" else 1e-9  # whose hierarchies are kept in single precision
    size = np.linalg.norm(x) * np.linalg.norm(By) + np.linalg.norm(y) * np.linalg.norm(Bx)
    assert abs(x @ By - y @ Bx) <= rounding * size
    assert x @ Bx > 0
    together = inverse @ np.stack([x, y], axis=1)
    np.testing.assert_allclose(together, np.stack([Bx, By], axis=1), rtol=1e-7, atol=rounding * np.abs(together).max())


def factored(inverse, n):
    """The matrix that a pair of sweeps inverts."""
    return np.linalg.inv(inverse @ np.eye(n))


@settings(deadline=None, max_examples=15)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000))
def test_incomplete_factors_agree_with_the_matrix_on_its_pattern(n, seed):
    matrix = random_m_matrix(n, seed)
    product = factored(build("incomplete-cholesky", matrix), n)
    pattern = matrix.toarray() != 0
    np.testing.assert_allclose(product[pattern], matrix.toarray()[pattern], rtol=1e-8, atol=1e-10)


@settings(deadline=None, max_examples=15)
@given(n=st.integers(2, 40), seed=st.integers(0, 1000))
def test_modified_factors_keep_row_sums(n, seed):
    matrix = random_m_matrix(n, seed)
    product = factored(build("modified-incomplete-cholesky", matrix, relaxation=1.0), n)
    np.testing.assert_allclose(product.sum(axis=1), matrix.sum(axis=1), rtol=1e-6, atol=1e-8)
    off_diagonal = (matrix.toarray() != 0) & ~np.eye(n, dtype=bool)
    np.testing.assert_allclose(product[off_diagonal], matrix.toarray()[off_diagonal], rtol=1e-8, atol=1e-10)


def test_complete_where_there_is_no_fill():
    matrix = poisson(30, 1)
    for name in [*INCOMPLETE, "incomplete-lu"]:
        x = build(name, matrix) @ np.arange(30.0)
        np.testing.assert_allclose(matrix @ x, np.arange(30.0), atol=1e-10)


def test_gauss_seidel_is_what_it_says():
    matrix = poisson(6).toarray()
    diagonal = np.diag(np.diag(matrix))
    expected = np.tril(matrix) @ np.linalg.inv(diagonal) @ np.triu(matrix)
    np.testing.assert_allclose(factored(build("symmetric-gauss-seidel", matrix), 36), expected, atol=1e-12)


@pytest.mark.parametrize("name", STRONG)
@pytest.mark.parametrize("matrix", [poisson(40), poisson(12, 3)], ids=["plane", "space"])
def test_fewer_iterations_and_the_same_answer(name, matrix):
    b = np.random.default_rng(1).standard_normal(matrix.shape[0])
    plain = ritz.solve(matrix, b, "cg", rtol=1e-10)
    solution = ritz.solve(matrix, b, "cg", preconditioner=name, rtol=1e-10)
    assert solution.iterations < 0.6 * plain.iterations
    np.testing.assert_allclose(solution.x, spsolve(matrix.tocsc(), b), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", STRONG)
def test_singular_and_empty_rows(name):
    floating = poisson(15, neumann=True)
    matrix = sp.csr_array(sp.block_diag([floating, 100 * floating, sp.csr_array((2, 2))]))
    b = np.random.default_rng(2).standard_normal(225)
    b = np.concatenate([b - b.mean(), b - b.mean(), [0.0, 0.0]])
    solution = ritz.solve(matrix, b, "cg", preconditioner=name)
    assert solution.iterations < 100
    np.testing.assert_allclose(solution.x[:225], 100 * solution.x[225:450], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_single_precision_and_torch(name):
    matrix = poisson(8).astype(np.float32)
    inverse = build(name, matrix)
    x = np.random.default_rng(3).standard_normal((64, 2)).astype(np.float32)
    result = inverse @ torch.tensor(x)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result, build(name, matrix.astype(np.float64)) @ x.astype(float), rtol=2e-3, atol=2e-3)


def test_incomplete_lu_for_convection():
    n = 30
    upwind = sp.diags_array([-np.ones(n - 1), np.ones(n)], offsets=[-1, 0])
    matrix = sp.csr_array(poisson(n) + 3 * sp.kron(upwind, sp.eye_array(n)))
    b = np.ones(n * n)
    plain = ritz.solve(matrix, b, "gmres", rtol=1e-10)
    solution = ritz.solve(matrix, b, "gmres", preconditioner="incomplete-lu", rtol=1e-10)
    assert solution.iterations < 0.3 * plain.iterations
    np.testing.assert_allclose(solution.x, spsolve(matrix.tocsc(), b), rtol=1e-7)


def test_a_pivot_that_fails_is_shifted():
    """Positive definite, but not an M-matrix: IC(0) breaks down on it without a shift."""
    matrix = np.array([[3.0, -2, 0, 2], [-2, 3, -2, 0], [0, -2, 3, -2], [2, 0, -2, 3]])
    assert np.linalg.eigvalsh(matrix).min() > 0
    pivot, row = 3.0, 3.0
    pivot = 3 - 4 / pivot
    row = 3 - 4 / pivot
    assert 3 - 4 / 3 - 4 / row < 0  # the last pivot
    inverse = build("incomplete-cholesky", matrix) @ np.eye(4)
    assert np.linalg.eigvalsh((inverse + inverse.T) / 2).min() > 0


@pytest.mark.parametrize("name", INCOMPLETE)
def test_refusals(name):
    with pytest.raises(InvalidProblem, match="needs a symmetric operator"):
        build(name, np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(InvalidProblem, match="needs a positive diagonal, and entry 1 is -1"):
        build(name, np.diag([1.0, -1.0]))


@pytest.mark.parametrize("name", [name for name in ALL if name != "jacobi"])
def test_entries_are_needed(name):
    operator = MatrixFree(lambda x: x, (5000, 5000), tags={Tag.SYMMETRIC})
    with pytest.raises(InvalidProblem, match=f"preconditioner '{name}' needs the entries"):
        preconditioners[name]().build(operator)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("modified-incomplete-cholesky", {"relaxation": 1.5}, "at least 0 and at most 1"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(InvalidProblem, match=message):
        preconditioners[name](**options)


@pytest.mark.parametrize(("name", "cycle"), [("ruge-stuben", "X"), ("smoothed-aggregation", "F")])
def test_unknown_cycles_are_refused(name, cycle):
    with pytest.raises(UnknownName, match=f"unknown cycle '{cycle}'; known: V, W"):
        preconditioners[name](cycle=cycle)


@pytest.mark.parametrize("name", preconditioners.names())
def test_every_name_builds_on_a_stencil(name):
    operator = Stencil((64, 64))
    inverse, stats = build_preconditioner(name, operator)
    assert inverse.shape == operator.shape
    assert stats["preconditioner"] == name
    assert "fallback" not in stats
    b = np.random.default_rng(0).standard_normal(operator.shape[0])
    correction = inverse @ b
    assert np.isfinite(correction).all()
    assert b @ correction > 0


def test_every_preconditioner_is_listed():
    result = CliRunner().invoke(app, ["list", "preconditioners"])
    assert result.exit_code == 0
    listed = set(result.stdout.split())
    assert {*preconditioners.names(), *GRIDS, "bootstrap-amg", "ruge-stuben"} <= listed


@pytest.mark.parametrize("name", ["ruge-stuben", "smoothed-aggregation"])
def test_w_cycle_is_at_least_as_good_and_statistics_are_given(name):
    matrix = poisson(50)
    iterations = {}
    for cycle in ("V", "W"):
        preconditioner = preconditioners[name](cycle=cycle)
        solution = ritz.solve(matrix, np.ones(2500), "cg", preconditioner=preconditioner)
        iterations[cycle] = solution.iterations
        assert solution.stats["levels"] > 2
        assert 1.0 < solution.stats["operator_complexity"] < 4.0
    assert iterations["W"] <= iterations["V"] < 15


def test_rigid_body_modes_help_elasticity():
    """Two springs' directions that do not couple: the candidates of both are needed."""
    matrix = sp.csr_array(sp.kron(poisson(20), np.array([[2.0, 1.0], [1.0, 2.0]])))
    b = np.random.default_rng(5).standard_normal(800)
    modes = np.kron(np.ones((400, 1)), np.eye(2))
    counts = [
        ritz.solve(matrix, b, "cg", preconditioner=preconditioners["smoothed-aggregation"](candidates=given)).iterations
        for given in (None, modes)
    ]
    assert counts[1] < counts[0]


def test_build_preconditioner_reports_shape_and_name():
    inverse, stats = build_preconditioner("jacobi", Sparse(sp.eye_array(3)))
    assert (inverse @ np.ones(3)).tolist() == [1.0, 1.0, 1.0]
    assert stats == {"preconditioner": "jacobi"}
    with pytest.raises(InvalidProblem, match="preconditioner has shape"):
        build_preconditioner(np.eye(2), Sparse(sp.eye_array(3)))
