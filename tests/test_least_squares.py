"""Least squares: every solver that takes it on every kind of matrix, against LAPACK and certified values."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.backend import is_torch_array, numpy_dtype, to_numpy
from ritz.errors import ConvergenceError, InvalidProblem, UnknownName
from ritz.operators import Dense, Kronecker, MatrixFree, Sparse
from ritz.problem_types.least_squares import LeastSquares, RowBlocks
from ritz.registry import problems, solvers
from ritz.solvers.regression.least_squares.backward_error import LeastSquaresTask
from ritz.solvers.regression.least_squares.factor import factor_of

EXACT = ["gram-refine", "lstsq", "numpy-lstsq", "scipy-lsmr", "scipy-lsqr", "sketch-precondition"]
ALL = [*EXACT, "auto", "sketch-solve"]
every_exact = pytest.mark.parametrize("solver", EXACT)
every_solver = pytest.mark.parametrize("solver", ALL)

M, N = 400, 7
GENERATOR = np.random.default_rng(8)
A = GENERATOR.standard_normal((M, N)) * np.logspace(0, 2, N)
B = GENERATOR.standard_normal(M)
SPARSE = sp.csr_array(np.where(GENERATOR.random((M, N)) < 0.1, A, 0.0))

MATRICES: dict[str, Callable[[], tuple[Any, np.ndarray]]] = {  # what is given, and the same in full
    "array": lambda: (A, A),
    "fortran": lambda: (np.asfortranarray(A), A),
    "strided": lambda: (np.repeat(A, 2, axis=1)[:, ::2], A),
    "integers": lambda: (np.rint(A).astype(int), np.rint(A)),
    "list": lambda: (A.tolist(), A),
    "torch": lambda: (torch.tensor(A), A),
    "sparse": lambda: (SPARSE, SPARSE.toarray()),
    "sparse-torch": lambda: (torch.tensor(SPARSE.toarray()).to_sparse(), SPARSE.toarray()),
    "csc": lambda: (SPARSE.tocsc(), SPARSE.toarray()),
    "Dense": lambda: (Dense(A), A),
    "Sparse": lambda: (Sparse(SPARSE), SPARSE.toarray()),
    "matrix-free": lambda: (MatrixFree(lambda x: A @ x, A.shape, transpose=lambda y: A.T @ y), A),
    "kronecker": lambda: (Kronecker(A[:20, :2], A[:20, 2:5]), np.kron(A[:20, :2], A[:20, 2:5])),
    "scipy": lambda: (Dense(A).to_scipy(), A),
    "blocks": lambda: ([A[:100], A[100:101], A[101:]], A),
    "sparse-blocks": lambda: ([SPARSE[:150], SPARSE[150:]], SPARSE.toarray()),
    "function": lambda: (lambda: (A[i : i + 50] for i in range(0, M, 50)), A),
    "ridge": lambda: (A, A),
    "few-rows": lambda: (A[: N + 1], A[: N + 1]),
}


def lapack(matrix: np.ndarray, b: np.ndarray, ridge: float = 0.0) -> np.ndarray:
    """Return NumPy's solution of the problem with the penalty as further rows."""
    if ridge:
        matrix = np.vstack((matrix, ridge**0.5 * np.eye(matrix.shape[1])))
        b = np.concatenate((b, np.zeros((matrix.shape[1], *b.shape[1:]))))
    return np.linalg.lstsq(matrix, b, rcond=None)[0]


@pytest.mark.parametrize("kind", MATRICES)
@every_solver
def test_every_kind_of_matrix(solver: str, kind: str):
    given_matrix, matrix = MATRICES[kind]()
    ridge = 30.0 if kind == "ridge" else 0.0
    before = matrix.copy()
    for b in (
        B[: len(matrix)],
        np.stack((B[: len(matrix)], 0.0 * matrix[:, 0], matrix @ np.ones(matrix.shape[1])), axis=1),
    ):
        problem = LeastSquares(given_matrix, b, ridge=ridge)
        exact = lapack(matrix, b, ridge)
        solution = ritz.solve(
            problem, solver, rtol=1e-11, throw=False, **({"size": 300} if solver == "sketch-solve" else {})
        )
        assert solution.x.shape == exact.shape
        assert set(solution.stats) >= {"rank", "gradient_ratio", "backward_error", "error_estimate", "residual_norm"}
        assert len(solution.history) == solution.iterations + 1
        assert solution.converged == (solution.residual <= 1e-11)
        if solver == "sketch-solve" and len(matrix) > 300:
            least = np.square(matrix @ exact - b).sum(axis=0)
            assert (np.square(matrix @ solution.x - b).sum(axis=0) <= 1.2 * least + 1e-20).all()
        else:
            assert solution.converged, solution
            np.testing.assert_allclose(solution.x, exact, rtol=1e-8, atol=1e-8 * np.abs(exact).max())
        assert solution.stats["rank"] == matrix.shape[1]
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@every_exact
def test_torch_and_single_precision(solver: str, dtype: torch.dtype):
    matrix, b = torch.tensor(A, dtype=dtype), torch.tensor(B, dtype=dtype)
    rtol = 1e-4 if dtype is torch.float32 else 1e-11
    solution = ritz.solve(LeastSquares(matrix, b), solver, rtol=rtol)
    assert is_torch_array(solution.x)
    assert solution.x.dtype is dtype
    again = ritz.solve(LeastSquares(matrix.numpy(), b.numpy()), solver, rtol=rtol)
    assert isinstance(again.x, np.ndarray)
    assert numpy_dtype(again.x) == numpy_dtype(b)
    tolerance = 1e-3 if dtype is torch.float32 else 1e-8
    np.testing.assert_allclose(solution.x.numpy(), lapack(A, B), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(again.x, lapack(A, B), rtol=tolerance, atol=tolerance)


def test_a_file_larger_than_the_blocks(tmp_path: Path):
    problem = ritz.problems.regression(20_000, 30, condition=1e9)
    np.save(tmp_path / "A.npy", problem.A)
    mapped = np.load(tmp_path / "A.npy", mmap_mode="r")
    for solver in ("lstsq", "sketch-precondition"):
        solution = ritz.solve(LeastSquares(mapped, problem.b), solver, rtol=1e-13)
        in_memory = ritz.solve(problem, solver, rtol=1e-13)
        assert solution.stats["backward_error"] < 1e-13
        np.testing.assert_allclose(solution.x, in_memory.x, rtol=1e-4)


@cache
def ill_conditioned(condition: float) -> LeastSquares:
    return ritz.problems.regression(3000, 20, condition=condition, seed=2)


@pytest.mark.parametrize("condition", [1e1, 1e6, 1e8, 1e10, 1e12])
@pytest.mark.parametrize("solver", ["lstsq", "sketch-precondition"])
def test_as_backward_stable_as_lapack(solver: str, condition: float):
    problem = ill_conditioned(condition)
    goal = LeastSquaresTask(problem, factor_of(problem.A))

    def error(x: np.ndarray) -> float:
        return goal.backward_error(goal.assess(x), 0)

    ours, theirs = ritz.solve(problem, solver, rtol=1e-14).x, lapack(problem.A, problem.b)
    # Below one rounding unit, errors differ by what the BLAS of a machine adds up first.
    rounding = np.finfo(np.float64).eps * (5.0 if solver == "sketch-precondition" else 1.0)
    assert error(ours) <= 2.0 * error(theirs) + rounding
    assert np.linalg.norm(ours - problem.exact) <= 1e-14 * condition**2 * np.linalg.norm(problem.exact)


LONGLEY = """60323 83.0 234289 2356 1590 107608 1947 61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949 61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951 63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953 63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955 67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957 66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959 69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961 70551 116.9 554894 4007 2827 130081 1962"""
CERTIFIED = [-3482258.63459582, 15.0618722713733, -0.0358191792925910, -2.02022980381683]
CERTIFIED += [-1.03322686717359, -0.0511041056535807, 1829.15146461355]


@pytest.mark.parametrize("solver", ["lstsq", "sketch-precondition"])
def test_longleys_data_has_the_certified_coefficients(solver: str):
    """The reference data set of the National Institute of Standards and Technology; condition number 5e9."""
    table = np.array(LONGLEY.split(), dtype=float).reshape(16, 7)
    design = np.column_stack((np.ones(16), table[:, 1:]))
    x = ritz.solve(LeastSquares(design, table[:, 0]), solver, rtol=1e-14).x
    np.testing.assert_allclose(x, CERTIFIED, rtol=1e-7)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 200), columns=st.integers(1, 12), rank=st.integers(1, 12), seed=st.integers(0, 2**20),
    right=st.sampled_from([(), (1,), (3,)]), ridge=st.sampled_from([0.0, 0.5]),
)  # fmt: skip
def test_minimum_norm_of_any_shape_and_rank(
    rows: int, columns: int, rank: int, seed: int, right: tuple[int, ...], ridge: float
):
    generator = np.random.default_rng(seed)
    rank = min(rows, columns, rank)
    matrix = generator.standard_normal((rows, rank)) @ generator.standard_normal((rank, columns))
    b = generator.standard_normal((rows, *right))
    expected = lapack(matrix, b, ridge)
    tolerance = 1e-9 * (np.linalg.cond(matrix.T @ matrix + ridge * np.eye(columns)) if ridge else 1.0)
    values = np.linalg.svd(matrix, compute_uv=False)[:rank]
    scale = max(1.0, values[0] / values[-1]) ** 2
    for solver in ("lstsq", "sketch-precondition", "scipy-lsmr"):
        solution = ritz.solve(LeastSquares(matrix, b, ridge), solver, rtol=1e-12, throw=False)
        if solver != "scipy-lsmr" or solution.converged:
            np.testing.assert_allclose(solution.x, expected, atol=max(tolerance, 1e-9 * scale))
            assert solution.stats["rank"] == (columns if ridge else rank)


@pytest.mark.parametrize("make", [
    lambda a: np.column_stack((a, a[:, 0])), lambda a: np.column_stack((a, 0.0 * a[:, 0])),
    lambda a: np.column_stack((a, a @ np.ones(a.shape[1]))), lambda a: 0.0 * a,
], ids=["twice", "zeros", "sum", "nothing"])  # fmt: skip
def test_dependent_columns_in_tall_matrices(make: Callable[[np.ndarray], np.ndarray]):
    matrix = make(ritz.problems.regression(4000, 15, condition=100.0).A)
    rank = np.linalg.matrix_rank(matrix)
    b = np.random.default_rng(1).standard_normal(4000)
    for solver, options in (("lstsq", {}), ("sketch-precondition", {}), ("sketch-solve", {"size": 4000})):
        for given_matrix in (matrix, sp.csr_array(matrix)):
            solution = ritz.solve(LeastSquares(given_matrix, b), solver, rtol=1e-13, **options)
            assert solution.stats["rank"] == rank
            np.testing.assert_allclose(solution.x, lapack(matrix, b), atol=1e-10)
    sketched = ritz.solve(LeastSquares(matrix, b), "sketch-solve", throw=False)
    assert sketched.stats["rank"] == rank
    # Where rounding leaves the Gram matrix of dependent columns positive definite, its condition number is refused.
    with pytest.raises(InvalidProblem, match=r"singular|condition number"):
        ritz.solve(LeastSquares(matrix, b), "gram-refine")


def test_duplicate_rows_and_consistent_systems():
    matrix = np.repeat(A[:20], 30, axis=0)
    exact = np.arange(1.0, N + 1)
    for solver in EXACT:
        solution = ritz.solve(LeastSquares(matrix, matrix @ exact), solver, rtol=1e-12)
        np.testing.assert_allclose(solution.x, exact, rtol=1e-7)


@every_solver
def test_contract(solver: str):
    """Zero, starting vectors, callbacks, limits, other right-hand sides, and the best iterate when stopped."""
    problem = ritz.problems.regression(2000, 12, condition=1e4)
    prepared = solvers[solver]().prepare(problem)
    zero = prepared.solve(0.0 * problem.b)
    assert zero.converged
    assert zero.iterations == 0
    assert not zero.x.any()

    if solver != "sketch-solve":
        single = prepared.solve(rtol=1e-10)
        assert single.error(problem.exact) < 1e-5
        assert single.solver == solver or solver == "auto"
        warm = prepared.solve(x0=single.x, rtol=1e-9)
        assert warm.iterations == 0
        np.testing.assert_array_equal(prepared.solve(rtol=1e-10).x, single.x)
        doubled = prepared.solve(2.0 * problem.b, rtol=1e-10)
        np.testing.assert_allclose(doubled.x, 2.0 * single.x, rtol=1e-6)
        far = prepared.solve(x0=1e3 * np.ones(12), rtol=1e-10)
        np.testing.assert_allclose(far.x, single.x, rtol=1e-4, atol=1e-6)

    seen: list[tuple[int, float]] = []
    solution = prepared.solve(rtol=1e-10, callback=lambda i, x, r: seen.append((i, r)))
    assert [i for i, _ in seen[: solution.iterations]] == list(range(len(seen)))[: solution.iterations]
    assert seen[0][1] == solution.history[0]
    interrupted = prepared.solve(callback=lambda *_: True, rtol=1e-15)
    assert interrupted.status is ritz.Status.INTERRUPTED
    assert interrupted.iterations == 0

    stopped = ritz.solve(problem, solver, maxiter=0, rtol=1e-15, throw=False)
    assert stopped.status is ritz.Status.MAX_ITERATIONS
    assert len(stopped.history) == 1
    with pytest.raises(ConvergenceError, match="MAX_ITERATIONS") as caught:
        ritz.solve(problem, solver, maxiter=0, rtol=1e-15)
    np.testing.assert_array_equal(caught.value.solution.x, stopped.x)


def test_stopped_by_a_key_or_a_limit_it_keeps_the_best():
    problem = ill_conditioned(1e8)

    def press(iteration: int, x: np.ndarray, residual: float) -> None:
        if iteration == 5:
            raise KeyboardInterrupt

    solution = ritz.solve(problem, "sketch-precondition", rtol=1e-14, callback=press, throw=False)
    assert solution.status is ritz.Status.INTERRUPTED
    assert np.isfinite(solution.x).all()
    limited = ritz.solve(problem, "sketch-precondition", rtol=1e-14, maxiter=4, throw=False)
    assert limited.iterations == 4
    full = ritz.solve(problem, "sketch-precondition", rtol=1e-14)
    assert full.iterations > 4
    assert full.residual < limited.residual


def test_certificates_tell_the_truth():
    for condition in (1e2, 1e5):
        problem = ill_conditioned(condition)
        norm = np.linalg.norm(problem.A)
        for seed in range(3):
            solution = ritz.solve(problem, "sketch-solve", size=400, seed=seed, throw=False)
            residual = problem.b - problem.A @ solution.x
            assert solution.stats["residual_norm"] == pytest.approx(np.linalg.norm(residual))
            ratio = np.linalg.norm(problem.A.T @ residual) / (norm * np.linalg.norm(residual))
            assert solution.stats["gradient_ratio"] == pytest.approx(ratio, rel=1e-6)
            truth = np.linalg.norm(solution.x - problem.exact) / np.linalg.norm(solution.x)
            assert 0.5 * truth < solution.stats["error_estimate"] < 2.0 * truth
            values, right = np.linalg.svd(problem.A, full_matrices=False)[1:]
            weight = norm / np.linalg.norm(problem.b)
            share = weight / np.hypot(1.0, weight * np.linalg.norm(solution.x))
            gradient = right @ (problem.A.T @ residual)
            shift = share * np.linalg.norm(residual)
            published = share * np.linalg.norm(gradient / np.hypot(values, shift)) / norm
            assert solution.stats["backward_error"] == pytest.approx(published, rel=0.5)


def test_auto_says_what_it_chose():
    def chosen(problem: LeastSquares) -> str:
        return ritz.solve(problem).stats["chosen"]

    assert "normal equations" in chosen(ill_conditioned(1e3))
    assert "sketch as preconditioner" in chosen(ill_conditioned(1e10))
    assert "few rows" in chosen(LeastSquares(A[: N - 2], B[: N - 2]))
    exactly = ritz.solve(problems["regression"](100, 10), "sketch-precondition", size=100)
    assert exactly.stats["sketch"] == "none: no smaller than A"


def test_sketch_and_solve_by_leverage_scores():
    problem = ritz.problems.regression(5000, 10, condition=10.0, coherence=0.9, noise=0.1)
    solution = ritz.solve(problem, "sketch-solve", sketch="leverage", size=1000, rtol=0.1)
    assert solution.error(problem.exact) < 0.2


def test_sparse_sketches_that_lose_directions_are_drawn_again_and_refused():
    problem = ritz.problems.adversarial_regression(2000, 100)
    with pytest.raises(InvalidProblem, match="lost directions"):
        ritz.solve(problem, "sketch-solve", sketch="count-sketch", size=150)


@pytest.mark.parametrize(("coherence", "largest"), [(0.0, 0.1), (0.9, 0.95)])
def test_problem_has_the_properties_it_was_asked_for(coherence: float, largest: float):
    problem = ritz.problems.regression(2000, 8, condition=1e5, noise=0.3, coherence=coherence, columns=2)
    basis = np.linalg.qr(problem.A)[0]
    leverage = np.square(basis).sum(axis=1)
    assert (leverage.max() > 0.5 * largest) == (coherence > 0)
    assert np.linalg.cond(problem.A) == pytest.approx(1e5, rel=1e-6)
    residual = problem.b - problem.A @ problem.exact
    np.testing.assert_allclose(
        np.linalg.norm(residual, axis=0) / np.linalg.norm(problem.A @ problem.exact, axis=0), 0.3
    )
    assert np.linalg.norm(problem.A.T @ residual) < 1e-12 * np.linalg.norm(problem.A) * np.linalg.norm(residual)
    again = ritz.problems.regression(2000, 8, condition=1e5, noise=0.3, coherence=coherence, columns=2)
    np.testing.assert_array_equal(problem.A, again.A)
    assert not np.array_equal(problem.A, ritz.problems.regression(2000, 8, seed=1).A)


def test_sparse_problem():
    problem = ritz.problems.sparse_regression(4000, 40, condition=1e6)
    assert 1e5 < np.linalg.cond(problem.A.toarray()) < 1e8
    x = lapack(problem.A.toarray(), problem.b)
    for solver in ("lstsq", "sketch-precondition"):
        np.testing.assert_allclose(ritz.solve(problem, solver, rtol=1e-13).x, x, rtol=1e-5)


def infinite(where: Any, value: float = np.nan) -> Any:
    where = where.copy()
    (where.data if sp.issparse(where) else where)[-1] = value
    return where


INFINITE = MatrixFree(lambda x: infinite(A @ x), A.shape, transpose=lambda y: A.T @ y)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LeastSquares(A, B[:-1]), f"A has {M} rows and b has {M - 1}"),
        (lambda: LeastSquares(A, np.float64(3.0)), "b is a number"),
        (lambda: LeastSquares(A, np.ones((M, 2, 2))), "b has shape"),
        (lambda: LeastSquares(A, np.ones((M, 0))), "b has shape"),
        (lambda: LeastSquares(np.ones((0, 3)), np.ones(0)), r"A is empty \(0 x 3\)"),
        (lambda: LeastSquares(np.ones((3, 0)), np.ones(3)), r"A is empty \(3 x 0\)"),
        (lambda: LeastSquares(infinite(A), B), "A has entries that are NaN"),
        (lambda: LeastSquares(infinite(SPARSE, np.inf), B), "A has entries that are NaN"),
        (lambda: LeastSquares(torch.tensor(infinite(A)), B), "A has entries that are NaN"),
        (lambda: LeastSquares(A, infinite(B)), "b has 1 entries that are NaN"),
        (lambda: LeastSquares(A + 1j, B), "complex"),
        (lambda: LeastSquares(torch.tensor(A).to(torch.float16), B), "float16"),
        (lambda: LeastSquares(A, B, ridge=-1.0), "ridge is -1.0"),
        (lambda: LeastSquares(A, B, ridge=np.nan), "ridge is nan"),
        (lambda: LeastSquares(A, B, exact=np.ones(N + 1)), "exact has shape"),
        (lambda: LeastSquares("matrix", B), "A is a str"),
        (lambda: LeastSquares((A[i : i + 50] for i in range(0, M, 50)), B), "exhausted after one pass"),
        (lambda: LeastSquares(lambda: iter(()), B), "no row blocks"),
        (lambda: ritz.solve(LeastSquares([A[:50], A[50:90]], B)), "hold 90 rows and b has 400"),
        (lambda: ritz.solve(LeastSquares([A, A], B)), "starts at row 400"),
        (lambda: ritz.solve(LeastSquares([A[:50], A[50:, :3]], B)), "row block 1 has shape"),
        (lambda: ritz.solve(LeastSquares([A[:50], infinite(A[50:])], B)), "row block 1 has entries that are NaN"),
        (lambda: ritz.solve(LeastSquares(INFINITE, B), "sketch-precondition"), "NaN or infinite"),
        (lambda: LeastSquares(torch.tensor(A, requires_grad=True), B), "A requires gradients"),
        (lambda: LeastSquares(A, torch.tensor(B, requires_grad=True)), "b requires gradients"),
        (lambda: ritz.solve(LeastSquares(A, B), x0=torch.ones(N, requires_grad=True)), "x0 requires gradients"),
        (lambda: ritz.solve(LeastSquares(A, B), "cg"), "'cg' solves LinearSystem, not LeastSquares"),
        (lambda: ritz.solve(A, B), "solve the least-squares problem instead"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-solve", size=3), "needs at least its 7 columns"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-precondition", size=3), "needs at least its 7 columns"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-precondition", size=0), "size is 0"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-solve", sketch="shrt"), "did you mean 'srht'"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-solve", norm="l3"), "unknown norm 'l3'"),
        (lambda: ritz.solve(LeastSquares(A, B), "sketch-solve", seed=-1), "seed is -1"),
        (lambda: ritz.solve(LeastSquares(A, B), rtol=1e-17), "below what"),
        (lambda: ritz.solve(LeastSquares(A, B), x0=np.ones(3)), "x0 has shape"),
        (lambda: ritz.solve(LeastSquares(A, B), "lstsq", maxiter=-1), "maxiter is -1"),
        (lambda: ritz.solve(ill_conditioned(1e10), "gram-refine"), "accurate up to condition number 2e"),
        (lambda: ritz.problems.regression(5, 9), "m is 5"),
        (lambda: ritz.problems.regression(50, 9, condition=0.1), "condition is 0.1"),
        (lambda: ritz.problems.regression(50, 9, coherence=1.0), "coherence is 1.0"),
    ],
)  # fmt: skip
def test_bad_input(make: Callable[[], Any], message: str):
    with pytest.raises((InvalidProblem, UnknownName), match=message):
        make()


def test_helpers_of_the_problem():
    problem = LeastSquares(A, B, ridge=2.0)
    x = np.arange(float(N))
    squares, gradient = problem.residual_and_gradient(x)
    assert squares == pytest.approx(np.square(A @ x - B).sum() + 2.0 * x @ x)
    np.testing.assert_allclose(gradient, A.T @ (B - A @ x) - 2.0 * x)
    np.testing.assert_allclose(problem.normal_product(x), A.T @ (A @ x) + 2.0 * x)
    assert problem.norm == pytest.approx(np.sqrt(np.square(A).sum() + 2.0 * N))
    other = problem.with_rhs(2.0 * B)
    assert other.ridge == 2.0
    np.testing.assert_array_equal(to_numpy(other.b), 2.0 * B)
    blocks = RowBlocks([A[:100], A[100:]], M)
    np.testing.assert_allclose(blocks @ x, A @ x)
    np.testing.assert_allclose(blocks.T @ B, A.T @ B)
