"""Factorisations: right answers, refinement, pinned nullspaces, and what they say of matrices they cannot factor."""

import importlib.util

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import spsolve

import ritz
from ritz.errors import InvalidProblem, MissingExtra
from ritz.operators import MatrixFree
from ritz.solution import Status

HAS_CHOLMOD = importlib.util.find_spec("sksparse") is not None
CHOLMOD = pytest.param("cholmod", marks=pytest.mark.skipif(not HAS_CHOLMOD, reason="scikit-sparse is not installed"))
DIRECT = ["lu", "cholesky", CHOLMOD]


def laplacian(n, *, neumann=False):
    matrix = sp.diags_array([-np.ones(n - 1), 2.0 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1]).tolil()
    if neumann:
        matrix[0, 0] = matrix[-1, -1] = 1.0
    return sp.csr_array(sp.kronsum(matrix, matrix))


@pytest.fixture
def rhs():
    return np.random.default_rng(0).standard_normal(144)


@pytest.mark.parametrize("solver", DIRECT)
@pytest.mark.parametrize("make", [sp.csr_array, lambda matrix: matrix.toarray()], ids=["sparse", "dense"])
def test_agrees_with_scipy(solver, make, rhs):
    matrix = laplacian(12)
    solution = ritz.solve(make(matrix), rhs, solver, rtol=1e-13)
    np.testing.assert_allclose(solution.x, spsolve(matrix.tocsc(), rhs), rtol=1e-11)
    assert solution.iterations == len(solution.history) - 1 == 1
    assert solution.history[0] == 1.0
    assert solution.history[1] == solution.residual


@pytest.mark.parametrize("solver", DIRECT)
def test_blocks_torch_and_single_precision(solver, rhs):
    block = torch.tensor(np.stack([rhs, 0 * rhs, -3 * rhs], axis=1), dtype=torch.float32)
    solution = ritz.solve(laplacian(12).astype(np.float32), block, solver, rtol=1e-5)
    assert solution.x.dtype == torch.float32
    np.testing.assert_allclose(solution.x[:, 2], -3 * solution.x[:, 0], rtol=1e-4)
    assert not solution.x[:, 1].any()


@pytest.mark.parametrize("solver", DIRECT)
def test_singular_regions_are_pinned(solver, rhs):
    """Two floating regions, and an unknown without any equation."""
    floating = laplacian(12, neumann=True)
    matrix = sp.csr_array(sp.block_diag([floating, 5 * floating, sp.csr_array((1, 1))]))
    b = np.concatenate([rhs - rhs.mean(), rhs - rhs.mean(), [0.0]])
    x = ritz.solve(matrix, b, solver, rtol=1e-11).x
    assert abs(x[:144].mean()) < 1e-12
    np.testing.assert_allclose(x[:144], 5 * x[144:288], atol=1e-12)
    with pytest.raises(InvalidProblem, match="region 1 of 3"):
        ritz.solve(matrix, b + (np.arange(289) // 144 == 1), solver)


@pytest.mark.parametrize(
    "matrix",
    [np.ones((3, 3)), sp.csr_array(np.array([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]])), np.zeros((3, 3))],
    ids=["dense", "sparse", "zero"],
)
@pytest.mark.parametrize("solver", ["lu", "scipy-spsolve"])
def test_singular(matrix, solver):
    solution = ritz.solve(matrix, np.array([1.0, 2.0, 3.0]), solver, throw=False)
    assert solution.status is Status.SINGULAR
    assert np.isfinite(solution.x).all()
    assert solution.residual <= 1.0


@pytest.mark.parametrize("make", [np.array, sp.csr_array], ids=["dense", "sparse"])
def test_nearly_singular_is_not_called_solved(make):
    hilbert = make(1.0 / (1.0 + np.arange(14)[:, None] + np.arange(14)))
    solution = ritz.solve(hilbert, np.random.default_rng(0).standard_normal(14), "lu", throw=False)
    assert solution.status is Status.SINGULAR
    assert solution.residual > 1e-8


def test_refinement_recovers_single_precision_rounding():
    generator = np.random.default_rng(3)
    q, _ = np.linalg.qr(generator.standard_normal((60, 60)))
    matrix = (q * np.logspace(0, 4, 60) @ q.T).astype(np.float32)
    b = generator.standard_normal(60).astype(np.float32)
    once = ritz.solve(matrix + 0, b, "lu", rtol=1e-6, maxiter=1, throw=False)
    refined = ritz.solve(matrix + 0, b, "lu", rtol=1e-6, throw=False)
    assert refined.residual <= once.residual


@pytest.mark.parametrize("make", [np.array, sp.csr_array], ids=["dense", "sparse"])
def test_cholesky_meets_an_indefinite_matrix(make):
    solution = ritz.solve(make(np.diag([1.0, -1.0, 2.0])), np.ones(3), "cholesky", throw=False)
    assert solution.status is Status.INDEFINITE
    assert solution.iterations == 0


def test_cholesky_refuses_a_band_that_does_not_fit():
    matrix = sp.random_array((60_000, 60_000), density=2e-4, rng=np.random.default_rng(0), format="csr")
    matrix = matrix + matrix.T + 100 * sp.eye_array(60_000)
    with pytest.raises(InvalidProblem, match=r"GiB.*above its limit"):
        ritz.solve(matrix, np.ones(60_000), "cholesky")


@pytest.mark.parametrize("solver", DIRECT)
def test_limits_and_callback(solver, rhs):
    matrix = laplacian(12)
    assert ritz.solve(matrix, rhs, solver, maxiter=0, throw=False).status is Status.MAX_ITERATIONS
    assert ritz.solve(matrix, rhs, solver, callback=lambda *_: True, throw=False).status is Status.INTERRUPTED
    seen = []
    ritz.solve(matrix, rhs, solver, callback=lambda iteration, x, residual: seen.append((iteration, residual)))
    assert [iteration for iteration, _ in seen] == [0, 1]
    assert seen[1][1] < 1e-12


def test_entries_are_needed():
    operator = MatrixFree(lambda x: x, (5000, 5000))
    with pytest.raises(InvalidProblem, match="'lu' needs the entries"):
        ritz.solve(operator, np.ones(5000), "lu")


@pytest.mark.skipif(HAS_CHOLMOD, reason="scikit-sparse is installed")
def test_missing_extra_says_how_to_install_it():
    with pytest.raises(MissingExtra, match=r"scikit-sparse is not installed: pip install 'ritz\[cholmod\]'"):
        ritz.solve(np.eye(2), np.ones(2), "cholmod")
