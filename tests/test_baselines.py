"""Baselines: the peers' own answers and counts, under the contract."""

import warnings

import numpy as np
import pyamg
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as sla

import ritz
from ritz.errors import InvalidProblem
from ritz.solution import Status

KRYLOV = ["scipy-cg", "scipy-minres", "scipy-gmres", "scipy-bicgstab"]
PYAMG = ["pyamg-sa", "pyamg-rs", "pyamg-adaptive", "pyamg-pairwise"]
line = sp.diags_array([-np.ones(23), 2.0 * np.ones(24), -np.ones(23)], offsets=[-1, 0, 1])
MATRIX = sp.csr_array(sp.kronsum(line, line) + 0.05 * sp.eye_array(576))
RHS = np.random.default_rng(0).standard_normal(576)
RTOL = 1e-9


def directly(name):
    """What the peer returns when it is called without us: the answer and the number of iterations."""
    seen = []
    count = seen.append
    target = RTOL * np.linalg.norm(RHS)
    if name == "scipy-cg":
        return sla.cg(MATRIX, RHS, rtol=0.0, atol=target, callback=count)[0], len(seen)
    if name == "scipy-bicgstab":
        x = sla.bicgstab(MATRIX, RHS, rtol=0.0, atol=target, callback=count)[0]
        return x, len(seen)
    if name == "scipy-gmres":
        options = {"rtol": 0.0, "atol": target, "restart": 20, "callback": count, "callback_type": "pr_norm"}
        return sla.gmres(MATRIX, RHS, **options)[0], len(seen)
    if name == "pyamg-rs":
        hierarchy = pyamg.ruge_stuben_solver(MATRIX)
        return hierarchy.solve(RHS, tol=RTOL, accel="cg", callback=count), len(seen)
    return sla.spsolve(MATRIX.tocsc(), RHS), 1


@pytest.mark.parametrize("name", ["scipy-cg", "scipy-gmres", "scipy-bicgstab", "pyamg-rs", "scipy-spsolve"])
def test_result_is_the_peers(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, iterations = directly(name)
    solution = ritz.solve(MATRIX, RHS, name, rtol=RTOL)
    assert abs(solution.iterations - iterations) <= (1 if name == "scipy-bicgstab" else 0)  # half a step counts as one
    np.testing.assert_allclose(solution.x, x, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [*KRYLOV, *PYAMG])
def test_history_is_of_true_residuals(name):
    seen = []

    def watch(iteration, x, residual):
        seen.append((iteration, residual, np.linalg.norm(RHS - MATRIX @ x) / np.linalg.norm(RHS)))

    solution = ritz.solve(MATRIX, RHS, name, rtol=RTOL, callback=watch)
    assert [iteration for iteration, _, _ in seen] == list(range(solution.iterations + 1))
    np.testing.assert_allclose([residual for _, residual, _ in seen][:-1], solution.history[:-1], rtol=1e-6)
    if name != "scipy-gmres":  # which does not form its iterates
        np.testing.assert_allclose([true for *_, true in seen], solution.history, rtol=1e-5, atol=1e-14)
    alone = ritz.solve(MATRIX, RHS, name, rtol=RTOL)
    np.testing.assert_allclose(alone.history, solution.history, rtol=1e-4)
    np.testing.assert_allclose(alone.x, solution.x, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", [*KRYLOV, *PYAMG])
def test_stopping_and_limits(name):
    stopped = ritz.solve(MATRIX, RHS, name, callback=lambda iteration, x, residual: iteration == 2, throw=False)
    assert (stopped.status, stopped.iterations) == (Status.INTERRUPTED, 2)
    for limit in (0, 2):
        limited = ritz.solve(MATRIX, RHS, name, maxiter=limit, throw=False)
        assert (limited.status, limited.iterations) == (Status.MAX_ITERATIONS, limit)


@pytest.mark.parametrize("name", [*KRYLOV, *PYAMG, "scipy-spsolve"])
def test_blocks_are_solved_by_column(name):
    block = np.stack([RHS, 0 * RHS, RHS[::-1]], axis=1)
    solution = ritz.solve(MATRIX, block, name, rtol=RTOL)
    np.testing.assert_allclose(MATRIX @ solution.x, block, atol=1e-6)
    assert not solution.x[:, 1].any()
    counts = [ritz.solve(MATRIX, column, name, rtol=RTOL).iterations for column in block.T]
    assert solution.iterations == max(counts)


@pytest.mark.parametrize("name", [*KRYLOV, *PYAMG, "scipy-spsolve"])
def test_singular_consistent(name):
    ring = sp.diags_array([-np.ones(39), 2.0 * np.ones(40), -np.ones(39)], offsets=[-1, 0, 1]).tolil()
    ring[0, -1] = ring[-1, 0] = -1.0
    b = RHS[:40] - RHS[:40].mean()
    solution = ritz.solve(ring.tocsr(), b, name)
    assert abs(solution.x.mean()) < 1e-12
    np.testing.assert_allclose(ring @ solution.x, b, atol=1e-6)


@pytest.mark.parametrize("name", ["scipy-cg", *PYAMG])
def test_indefinite_ends_without_success(name):
    solution = ritz.solve(MATRIX - 1.3 * sp.eye_array(576), RHS, name, maxiter=50, throw=False)
    assert not solution.converged
    assert np.isfinite(solution.x).all()
    assert solution.residual <= 1e6


def test_scipy_minres_takes_indefinite_systems():
    matrix = MATRIX - 1.3 * sp.eye_array(576)
    solution = ritz.solve(matrix, RHS, "scipy-minres")
    assert np.linalg.norm(RHS - matrix @ solution.x) <= 1e-8 * np.linalg.norm(RHS)


@pytest.mark.parametrize("name", ["scipy-cg", "scipy-minres", "scipy-bicgstab"])
def test_preconditioned(name):
    plain = ritz.solve(MATRIX, RHS, name)
    solution = ritz.solve(MATRIX, RHS, name, preconditioner="modified-incomplete-cholesky")
    assert solution.iterations < 0.6 * plain.iterations
    assert solution.stats["preconditioner"] == "modified-incomplete-cholesky"


@pytest.mark.parametrize("name", PYAMG)
def test_plain_cycles(name):
    accelerated, plain = (ritz.solve(MATRIX, RHS, name, accel=accel) for accel in ("cg", None))
    assert accelerated.iterations <= plain.iterations < 40
    with pytest.raises(InvalidProblem, match="must be 'cg' or None"):
        ritz.solve(MATRIX, RHS, name, accel="sor")
