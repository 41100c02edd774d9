"""Bad input is one clear error that names the argument and the remedy; failures end in a status, iterate kept."""

import os
import signal
import threading
import time

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.sparse.linalg import LinearOperator
from systems import graph_laplacian, laplacian

import ritz
from ritz.operators import MatrixFree, Tag
from ritz.solvers.krylov.conjugate_gradients import ConjugateGradients

POISSON = laplacian(8, 7)
RHS = np.random.default_rng(0).standard_normal(56)
KRYLOV = ["cg", "fcg", "minres", "gmres", "bicgstab", "lsmr"]


def with_entry(values, value):
    changed = values.copy()
    changed[3] = value
    return changed


BAD_INPUT = {
    "rhs too short": (lambda: ritz.solve(POISSON, RHS[:-1]), r"rhs has shape \(55,\).*\(56,\) or \(56, k\)"),
    "rhs of three dimensions": (lambda: ritz.solve(POISSON, RHS.reshape(56, 1, 1)), r"rhs has shape \(56, 1, 1\)"),
    "rhs without columns": (lambda: ritz.solve(POISSON, RHS.reshape(56, 1)[:, :0]), r"rhs has shape \(56, 0\)"),
    "rhs a number": (lambda: ritz.solve(POISSON, 1.0), r"rhs has shape \(\)"),
    "rhs ragged": (lambda: ritz.solve(np.eye(2), [[1.0], [1.0, 2.0]]), "rhs is a list that cannot be read as an array"),
    "rhs of text": (lambda: ritz.solve(np.eye(2), np.array(["a", "b"])), "rhs has dtype.*float32 or float64"),
    "rhs NaN": (lambda: ritz.solve(POISSON, with_entry(RHS, np.nan)), "rhs has 1 entries that are NaN or infinite"),
    "rhs infinite": (lambda: ritz.solve(POISSON, with_entry(RHS, np.inf)), "rhs has 1 entries that are NaN"),
    "rhs NaN in torch": (lambda: ritz.solve(POISSON, torch.tensor(with_entry(RHS, np.nan))), "rhs has 1 entries"),
    "rhs complex": (lambda: ritz.solve(POISSON, 1j * RHS), "rhs has dtype complex128.*float32 or float64"),
    "rhs half precision": (lambda: ritz.solve(POISSON, RHS.astype("f2")), "rhs has dtype float16.*float32 or float64"),
    "rhs left out": (lambda: ritz.solve(POISSON), "csr_array alone is not a problem: give A, b"),
    "rhs left out before a name": (lambda: ritz.solve(POISSON, "cg"), "csr_array alone is not a problem: give A, b"),
    "rhs None": (lambda: ritz.solve(POISSON, None), "csr_array alone is not a problem: give A, b"),
    "rhs twice": (
        lambda: ritz.solve(ritz.LinearSystem(POISSON, RHS), RHS),
        "LinearSystem holds its right-hand side already: use problem.with_rhs",
    ),
    "matrix complex": (lambda: ritz.solve(1j * POISSON, RHS), r"operator has dtype complex128.*real block system"),
    "matrix half precision": (lambda: ritz.solve(np.eye(3, dtype="f2"), RHS[:3]), "operator has dtype float16"),
    "matrix not square": (lambda: ritz.solve(np.ones((3, 2)), RHS[:3]), "operator is 3 x 2.*least-squares"),
    "matrix empty": (lambda: ritz.solve(np.ones((0, 0)), RHS[:0]), "operator is empty"),
    "matrix of one dimension": (lambda: ritz.solve(RHS, RHS), r"operator has shape \(56,\).*2 dimension"),
    "matrix NaN": (lambda: ritz.solve(np.diag(with_entry(RHS, np.nan)), RHS), "operator has 1 entries that are NaN"),
    "sparse matrix NaN": (
        lambda: ritz.solve(sp.diags_array(with_entry(RHS, np.nan)).tocsr(), RHS),
        "operator has 1 entries that are NaN",
    ),
    "no matrix": (lambda: ritz.solve("poisson", RHS), "operator is a str; give an Operator"),
    "x0 of another shape": (
        lambda: ritz.solve(POISSON, RHS, "cg", x0=np.ones((56, 1))),
        r"x0 has shape \(56, 1\) and rhs \(56,\); give both the same",
    ),
    "x0 too short": (lambda: ritz.solve(POISSON, RHS, "cg", x0=np.ones(5)), r"x0 has shape \(5,\); it must be"),
    "x0 NaN": (lambda: ritz.solve(POISSON, RHS, "cg", x0=with_entry(RHS, np.nan)), "x0 has 1 entries that are NaN"),
    "rtol negative": (lambda: ritz.solve(POISSON, RHS, "cg", rtol=-1.0), "rtol is -1.0; it must be"),
    "rtol NaN": (lambda: ritz.solve(POISSON, RHS, "cg", rtol=np.nan), "rtol is nan; it must be"),
    "rtol text": (lambda: ritz.solve(POISSON, RHS, "cg", rtol="1e-8"), "rtol is '1e-8'; it must be"),
    "atol None": (lambda: ritz.solve(POISSON, RHS, "cg", atol=None), "atol is None; it must be"),
    "rtol too small": (
        lambda: ritz.solve(POISSON, RHS, "cg", rtol=1e-17),
        "rtol=1e-17 is below what float64.*use rtol",
    ),
    "rtol too small for float32": (
        lambda: ritz.solve(POISSON.astype("f4"), RHS.astype("f4"), "cg", rtol=1e-8),
        "rtol=1e-08 is below what float32 can reach; use rtol >= 4.8e-07, or a float64 system",
    ),
    "maxiter negative": (
        lambda: ritz.solve(POISSON, RHS, "cg", maxiter=-1),
        "maxiter is -1; it must be an integer of at least 0, or None",
    ),
    "maxiter a fraction": (
        lambda: ritz.solve(POISSON, RHS, "cg", maxiter=1.5),
        "maxiter is 1.5; it must be an integer of at least 0, or None",
    ),
    "not symmetric": (
        lambda: ritz.solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2), "cg"),
        "solver 'cg' needs a symmetric operator.*use 'gmres'",
    ),
    "promise of symmetry broken": (
        lambda: ritz.solve(MatrixFree(np.cumsum, (9, 9), tags={Tag.SYMMETRIC}), np.ones(9), "minres"),
        "solver 'minres' needs a symmetric operator.*use 'gmres'",
    ),
    "inconsistent": (
        lambda: ritz.solve(graph_laplacian(4, 5, 3), np.r_[0, 0, 0, 0, 1, 1, 1, 1, 1, -1, 0, 1], "cg"),
        r"inconsistent.*region 1 of 3 \(5 unknowns, the first is number 4\).*must be 0 but is 5; subtract its mean",
    ),
    "no transpose": (
        lambda: ritz.solve(LinearOperator((3, 3), matvec=lambda x: 2 * x), np.ones(3), "lsmr"),
        "solver 'lsmr' needs products with the transpose, and the operator has none.*use 'gmres'",
    ),
    "preconditioner without transpose": (
        lambda: ritz.solve(np.eye(3), np.ones(3), "lsmr", preconditioner=lambda r: r),
        "transpose, and the preconditioner has none",
    ),
    "preconditioner of another shape": (
        lambda: ritz.solve(np.eye(3), np.ones(3), "cg", preconditioner=np.eye(2)),
        r"preconditioner has shape \(2, 2\) and the operator \(3, 3\)",
    ),
    "restart of zero": (
        lambda: ritz.solve(np.eye(3), np.ones(3), "gmres", restart=0),
        "restart is 0; it must be an integer of at least 1",
    ),
    "memory of zero": (
        lambda: ritz.solve(np.eye(3), np.ones(3), "fcg", memory=0),
        "memory is 0; it must be an integer of at least 1",
    ),
    "solver of another kind": (
        lambda: ritz.solve(np.eye(3), np.ones(3), solver=3),
        "solver is a int; give a registered",
    ),
    "no steps": (
        lambda: ritz.SystemSequence(np.eye(1), 0, abs, max, steps=0),
        "steps is 0; it must be an integer of at least 1",
    ),
    "operator that returns another shape": (
        lambda: ritz.solve(MatrixFree(lambda x: x[:, None], (3, 3), tags={Tag.SYMMETRIC}), np.ones(3), "cg"),
        r"returned an array of shape \(3, 1\).*must return \(3,\)",
    ),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input(case):
    call, message = BAD_INPUT[case]
    with pytest.raises(ritz.InvalidProblem, match=message):
        call()


def test_unknown_names_and_options_are_answered_with_close_ones():
    with pytest.raises(ritz.UnknownName, match="unknown solver 'gc'; did you mean 'gp' or 'cg'"):
        ritz.solve(POISSON, RHS, "gc")
    with pytest.raises(ritz.UnknownName, match="unknown preconditioner 'jacoby'; did you mean 'jacobi'"):
        ritz.solve(POISSON, RHS, "cg", preconditioner="jacoby")
    with pytest.raises(ritz.UnknownOption, match="solver 'gmres' has no option 'restrat'; did you mean 'restart'"):
        ritz.solve(POISSON, RHS, "gmres", restrat=30)
    with pytest.raises(TypeError):  # an unknown option is a TypeError, as it is for every Python function
        ritz.solve(POISSON, RHS, "cg", restart=30)
    with pytest.raises(ritz.UnknownOption, match="ConjugateGradients has no option 'preconditioner'"):
        ritz.solve(POISSON, RHS, ConjugateGradients(), preconditioner="jacobi")


def test_the_solver_is_given_once():
    with pytest.raises(TypeError, match="solver is given twice: 'cg' by position and 'lu' by name"):
        ritz.solve(POISSON, RHS, "cg", solver="lu")
    with pytest.raises(TypeError, match="1 too many given"):
        ritz.solve(POISSON, RHS, "cg", None)
    assert ritz.solve(POISSON, RHS, solver="cg").solver == "cg"
    assert ritz.solve(POISSON, RHS, solver=ConjugateGradients()).solver == "cg"


@pytest.mark.parametrize("name", ["cg", "fcg"])
def test_indefinite(name):
    matrix = np.diag([4.0, 3.0, -1.0, 2.0])
    solution = ritz.solve(matrix, np.ones(4), name, throw=False)
    assert solution.status is ritz.Status.INDEFINITE
    assert "minres" in solution.status.value
    with pytest.raises(ritz.ConvergenceError, match=r"INDEFINITE.*use 'minres'") as caught:
        ritz.solve(matrix, np.ones(4), name)
    np.testing.assert_array_equal(caught.value.solution.x, solution.x)


@pytest.mark.parametrize("name", ["cg", "fcg", "minres"])
def test_indefinite_preconditioner(name):
    solution = ritz.solve(POISSON, RHS, name, preconditioner=lambda r: -r, throw=False)
    assert solution.status is ritz.Status.INDEFINITE


@pytest.mark.parametrize("name", ["minres", "gmres", "lsmr"])
def test_singular_and_inconsistent(name):
    """Without a known nullspace the method finds out, and keeps the least-squares solution."""
    matrix = np.diag([1.0, 2.0, 3.0, 0.0])
    solution = ritz.solve(matrix, np.ones(4), name, throw=False)
    assert solution.status in (ritz.Status.SINGULAR, ritz.Status.LEAST_SQUARES)
    assert solution.residual == pytest.approx(0.5, rel=1e-6)
    np.testing.assert_allclose(solution.x[:3], [1.0, 1 / 2, 1 / 3], rtol=1e-6)


def test_breakdown():
    """BiCGStab on a skew-symmetric matrix: every stabilising step is of length zero."""
    solution = ritz.solve(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.array([1.0, 0.0]), "bicgstab", throw=False)
    assert solution.status is ritz.Status.BREAKDOWN
    assert solution.residual <= 1.0


def test_stagnation_of_restarted_gmres():
    """A cyclic shift tells a short cycle nothing."""
    shift, b = np.roll(np.eye(10), 1, axis=0), np.eye(10)[0]
    solution = ritz.solve(shift, b, "gmres", restart=4, throw=False)
    assert solution.status is ritz.Status.STAGNATED
    assert solution.iterations == 4
    assert ritz.solve(shift, b, "gmres", restart=10).iterations == 10


@pytest.mark.parametrize("name", KRYLOV)
def test_unreachable_tolerance(name):
    """Rounding stops an ill-conditioned system above the tolerance, in finite time and with a good iterate."""
    generator = np.random.default_rng(1)
    basis, _ = np.linalg.qr(generator.standard_normal((30, 30)))
    matrix = basis @ np.diag(np.logspace(0, 7, 30)) @ basis.T
    matrix = 0.5 * (matrix + matrix.T)
    b = generator.standard_normal(30)
    solution = ritz.solve(matrix, b, name, rtol=1e-15, throw=False, maxiter=20_000)
    assert solution.status in (ritz.Status.STAGNATED, ritz.Status.MAX_ITERATIONS)
    assert solution.iterations < 20_000 or name == "lsmr"
    assert solution.residual < (1e-7 if name != "lsmr" else 1.0)


@pytest.mark.parametrize("name", KRYLOV)
@pytest.mark.parametrize("where", ["operator", "preconditioner"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_products(name, where, value):
    """A product that turns bad half-way costs what comes after it, not what came before."""
    calls = 0

    def failing(x, matrix=POISSON):
        nonlocal calls
        calls += 1
        product = matrix @ x
        return with_entry(product, value) if calls == 24 else product

    operator, preconditioner = POISSON, None
    if where == "operator":
        tags = {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}
        operator = MatrixFree(failing, POISSON.shape, tags=tags)
    else:
        identity = sp.eye_array(56).tocsr()
        preconditioner = MatrixFree(lambda r: failing(r, identity), POISSON.shape, tags={Tag.SYMMETRIC})
    solution = ritz.solve(operator, RHS, name, preconditioner=preconditioner, rtol=1e-14, throw=False)
    if value is np.nan or not solution.converged:  # an infinite step length of zero may do no harm
        assert solution.status is ritz.Status.NON_FINITE
    assert np.isfinite(solution.x).all()
    assert len(solution.history) == solution.iterations + 1
    finite = solution.history[np.isfinite(solution.history)]
    assert solution.iterations > 3
    assert solution.residual <= 2.001 * finite.min()


@pytest.mark.parametrize("name", KRYLOV)
def test_maxiter_keeps_the_best_iterate(name):
    solution = ritz.solve(POISSON, RHS, name, maxiter=9, throw=False)
    assert solution.status is ritz.Status.MAX_ITERATIONS
    assert "raise maxiter" in solution.status.value
    assert solution.iterations == 9
    assert len(solution.history) == 10
    assert solution.residual <= 2.001 * solution.history.min()


def test_erratic_residuals_keep_the_best_iterate():
    """BiCGStab on a matrix far from normal: the last iterate is much worse than the best."""
    generator = np.random.default_rng(8)
    n = 120
    matrix = np.triu(generator.standard_normal((n, n)), 1) + np.diag(np.linspace(0.5, 3.0, n))
    worse = 0
    for maxiter in range(20, 60):
        solution = ritz.solve(matrix, generator.standard_normal(n), "bicgstab", maxiter=maxiter, throw=False)
        assert solution.residual <= 2.001 * solution.history.min()
        worse += solution.history[-1] > 3.0 * solution.residual
    assert worse > 5


@pytest.mark.parametrize("block", [False, True], ids=["vector", "block"])
@pytest.mark.parametrize("name", KRYLOV)
def test_interrupt_by_callback_signal(name, block):
    """Ctrl-C during an iteration gives the iterate that was reached."""
    b = np.stack([RHS, 2 * RHS], axis=1) if block else RHS

    def interrupt(iteration, x, residual):
        if iteration == 5:
            os.kill(os.getpid(), signal.SIGINT)

    solution = ritz.solve(POISSON, b, name, callback=interrupt, throw=False)
    assert solution.status is ritz.Status.INTERRUPTED
    assert solution.iterations == 5
    assert solution.residual == pytest.approx(solution.history[-1], rel=1e-6)
    with pytest.raises(ritz.ConvergenceError, match=r"INTERRUPTED.*Ctrl-C") as caught:
        ritz.solve(POISSON, b, name, callback=interrupt)
    np.testing.assert_array_equal(caught.value.solution.x, solution.x)


@pytest.mark.parametrize("name", KRYLOV)
def test_interrupt_in_a_product(name):
    """Ctrl-C in the middle of a step leaves an iterate that is as good as the last one reported."""
    calls = 0

    def product(x):
        nonlocal calls
        calls += 1
        if calls == 30:
            os.kill(os.getpid(), signal.SIGINT)
        return POISSON @ x

    operator = MatrixFree(product, POISSON.shape, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    solution = ritz.solve(operator, RHS, name, throw=False, rtol=1e-14)
    assert solution.status is ritz.Status.INTERRUPTED
    assert solution.residual <= 2.001 * solution.history.min()
    assert 10 < solution.iterations < 30


def test_interrupt_before_the_first_residual():
    calls = []

    def product(x):
        calls.append(0)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return 2.0 * x

    solution = ritz.solve(MatrixFree(product, (4, 4)), np.ones(4), "gmres", throw=False)
    assert solution.status is ritz.Status.INTERRUPTED
    assert solution.iterations == 0
    assert solution.history.tolist() == [1.0]


@pytest.mark.parametrize("delay", [0.0005, 0.002, 0.0035, 0.007])
def test_interrupt_from_a_timer(delay):
    """Ctrl-C at whatever moment it comes."""
    timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))

    def slow(iteration, x, residual):
        if iteration == 1:
            timer.start()
        time.sleep(1e-4)

    b = np.random.default_rng(0).standard_normal(3600)
    solution = ritz.solve(laplacian(60, 60), b, "cg", rtol=1e-12, callback=slow, throw=False)
    timer.join()
    assert solution.status is ritz.Status.INTERRUPTED
    assert solution.iterations > 0
    assert len(solution.history) == solution.iterations + 1
    assert solution.residual <= 2.001 * solution.history.min()


def test_an_error_of_the_user_passes_through():
    def product(x):
        raise ZeroDivisionError("in user code")

    with pytest.raises(ZeroDivisionError, match="in user code"):
        ritz.solve(MatrixFree(product, (4, 4), tags={Tag.SYMMETRIC}), np.ones(4), "gmres")


def test_a_sequence_stops_at_the_first_step_that_fails():
    """Two right-hand sides that are eigenvectors take an iteration each; the third takes more than are allowed."""
    matrix = laplacian(12)
    easy = np.linalg.eigh(matrix.toarray())[1][:, 0]
    sides = [easy, 2 * easy, RHS[:12], easy]
    operator = ritz.operators.aslinearoperator(matrix)
    sequence = ritz.SystemSequence(operator, 0, sides.__getitem__, lambda state, x: state + 1, steps=4)
    trajectory = ritz.solve(sequence, "cg", maxiter=2, throw=False)
    assert [step.status.name for step in trajectory.steps] == ["CONVERGED", "CONVERGED", "MAX_ITERATIONS"]
    assert trajectory.status is ritz.Status.MAX_ITERATIONS
    assert trajectory.state == 3
    with pytest.raises(ritz.ConvergenceError, match="step 3: cg ended MAX_ITERATIONS") as caught:
        ritz.solve(sequence, "cg", maxiter=2)
    assert len(caught.value.solution.steps) == 3
