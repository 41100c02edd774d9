"""The best iterate is kept: no answer is worse than the start or zero, and none has entries that are not finite."""

import os
import signal

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from contract import installed_solvers
from scipy.linalg import hilbert
from systems import graph_laplacian, laplacian

import ritz
from ritz.operators import MatrixFree, Stencil, Tag
from ritz.registry import solvers

pytestmark = pytest.mark.filterwarnings("error")

NAMES = [name for name in installed_solvers() if name == "auto" or solvers[name].solves is ritz.LinearSystem]
SPECIAL = {"multigrid", "learned-multigrid", "transform", "tridiagonal-transform"}  # stencils alone
GENERAL = [name for name in NAMES if name not in SPECIAL]
OURS = ["cg", "fcg", "minres", "gmres", "bicgstab", "lsmr"]


def normalised_laplacian(n, seed):
    """Return a singular matrix whose null vector no solver knows."""
    matrix = graph_laplacian(n, seed=seed).toarray()
    root = np.sqrt(matrix.diagonal())
    return sp.csr_array(matrix / np.outer(root, root))


def residuals(matrix, b, x):
    return np.linalg.norm(b - matrix @ x, axis=0)


def check(matrix, b, solution, x0=None, slack=1e-9):
    """Check each column against the starting vector or zero, whichever is worse, and the reported residual."""
    x = np.asarray(solution.x)
    assert x.shape == b.shape
    assert np.isfinite(x).all()
    norms, true = np.linalg.norm(b, axis=0), residuals(matrix, b, x)
    start = norms if x0 is None else np.minimum(norms, residuals(matrix, b, x0))
    size = np.linalg.norm(abs(matrix) @ abs(x), axis=0)
    assert (true <= start * (1 + slack) + 1e-15 * size).all(), solution
    largest = float((true / np.where(norms > 0, norms, 1.0)).max())
    assert solution.residual == pytest.approx(largest, rel=1e-6, abs=1e-14 + 1e-15 * float(np.max(size)))


MATRICES = {
    "singular, 40": normalised_laplacian(40, 1),
    "Hilbert": sp.csr_array(hilbert(12)),
    "indefinite": sp.csr_array(laplacian(7, 6) - 1.3 * sp.eye_array(42)),
    "shift": sp.csr_array(np.roll(np.eye(9), 1, axis=0)),
    "empty column": sp.csr_array(np.diag([1.0, 2.0, 3.0, 0.0]) + np.diag([1.0, 1.0, 0.0], -1)),
    "Jordan": sp.csr_array(np.eye(30) + 3.0 * np.eye(30, k=1)),
}


def taken(matrix, name):
    """Return whether a solver takes a matrix, which may have to be symmetric."""
    return Tag.SYMMETRIC not in getattr(solvers[name], "requires", ()) or abs(matrix - matrix.T).max() < 1e-12


@pytest.mark.parametrize("matrix_name", MATRICES)
@pytest.mark.parametrize("name", GENERAL)
def test_never_worse_than_the_start(name, matrix_name):
    matrix = MATRICES[matrix_name]
    if not taken(matrix, name):
        pytest.skip("not symmetric")
    generator = np.random.default_rng(3)
    n = matrix.shape[0]
    for columns in ((), (3,)):
        b, x0 = generator.standard_normal((2, n, *columns))
        for controls in ({}, {"x0": x0}, {"maxiter": 3}, {"x0": 1e8 * x0}, {"rtol": 1e-13}):
            try:
                solution = ritz.solve(matrix, b, name, throw=False, **{"maxiter": 2 * n, **controls})
            except ritz.InvalidProblem:
                pytest.skip("its coarsening breaks down on the matrix")
            check(matrix, b, solution, controls.get("x0"), slack=1e-6 if "x0" in controls else 1e-9)


@pytest.mark.parametrize("n", [20, 60, 150])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", OURS)
def test_singular_systems_without_a_solution(name, n, seed):
    """Iterates that grow along the null vector do not replace the good ones before them."""
    matrix = normalised_laplacian(n, seed)
    b = np.random.default_rng(seed).standard_normal(n)
    x = np.linalg.pinv(matrix.toarray(), rcond=1e-10) @ b
    least = np.linalg.norm(b - matrix @ x)
    solution = ritz.solve(matrix, b, name, throw=False)
    assert not solution.converged
    assert np.linalg.norm(b - matrix @ solution.x) <= 3.0 * least


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"transform", "tridiagonal-transform"}])
@pytest.mark.parametrize("stop", [0, 2])
def test_whenever_a_callback_or_ctrl_c_stops(name, stop):
    operator = Stencil((9, 8))
    matrix = operator.to_sparse()
    b, x0 = np.random.default_rng(stop).standard_normal((2, 72))

    def interrupt(iteration, x, residual):
        if iteration == stop:
            os.kill(os.getpid(), signal.SIGINT)

    for callback in (lambda iteration, x, residual: iteration == stop, interrupt):
        for start in (None, x0):
            solution = ritz.solve(operator, b, name, x0=start, callback=callback, throw=False)
            check(matrix, b, solution, start)


@pytest.mark.parametrize("name", [*OURS, "scipy-cg", "scipy-gmres", "scipy-bicgstab", "scipy-minres", "auto"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e308])
def test_products_that_stop_being_finite(name, bad):
    matrix = laplacian(40)
    for first in (1, 2, 4, 9):
        calls = []

        def product(x, first=first, calls=calls):
            calls.append(0)
            return matrix @ x if len(calls) < first else np.full(40, bad)

        operator = MatrixFree(product, (40, 40), transpose=product, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        try:
            solution = ritz.solve(operator, np.ones(40), name, throw=False)
        except ritz.InvalidProblem:  # found by the test of symmetry
            continue
        assert np.isfinite(solution.x).all()
        assert not solution.converged
        assert residuals(matrix, np.ones(40), solution.x) <= np.sqrt(40) * 2.001


SHAPES = {"vector": (), "one column": (1,), "more than rows": (9,)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", GENERAL)
def test_shapes_of_right_hand_sides(name, shape):
    generator = np.random.default_rng(20)
    matrices = [hilbert(7), laplacian(7).toarray(), np.diag(np.arange(1.0, 8.0)), 3.0 * np.eye(7)]
    if taken(np.triu(np.ones((2, 2))), name):
        matrices += [generator.standard_normal((7, 7)), np.roll(np.eye(7), 1, axis=0)]
    for matrix in matrices:
        blocks = [generator.standard_normal((7, *SHAPES[shape]))]
        if len(SHAPES[shape]) and SHAPES[shape][0] > 1:
            apart = blocks[0].copy()  # columns that are solved at the start, at once, and last
            apart[:, 0], apart[:, 1] = 0.0, matrix @ np.eye(7)[3]
            blocks += [apart, np.eye(7)[:, [0] * SHAPES[shape][0]]]
        for b in blocks:
            for controls in ({}, {"x0": np.ones_like(b), "rtol": 1e-14}):
                solution = ritz.solve(matrix, b, name, throw=False, **controls)
                check(matrix, b, solution, controls.get("x0"), slack=1e-6)
            tensor = ritz.solve(torch.tensor(matrix), torch.tensor(b), name, throw=False)
            assert isinstance(tensor.x, torch.Tensor)
            assert tuple(tensor.x.shape) == b.shape


def test_columns_that_break_down_leave_the_others_alone():
    """The first column breaks down at once; the others are solved."""
    matrix = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    b = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 2.0]])
    for name in ("bicgstab", "gmres", "lsmr"):
        solution = ritz.solve(matrix, b, name, throw=False)
        np.testing.assert_allclose(solution.x[:, 1], [0.0, 0.0, 1.0], atol=1e-7)
    singular = sp.block_diag([np.ones((2, 2)), laplacian(6)]).tocsr()
    b = np.zeros((8, 3))
    b[0, 0], b[2:, 1], b[:2, 2] = 1.0, 1.0, 1.0
    for name in ("minres", "gmres", "lsmr"):
        solution = ritz.solve(singular, b, name, throw=False)
        assert (residuals(singular, b, solution.x)[1:] <= 1e-7).all(), name
        assert not solution.converged
