"""Least squares with columns of very different lengths and offsets, and entries whose squares overflow or vanish."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from regression_references import ASIDE, TABLES, attainable, difference, householder, offset, shortest, units

import ritz
from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.estimators import LpRegressor, SketchedLinearRegression
from ritz.operators import MatrixFree
from ritz.problem_types.least_squares import LeastSquares

DIRECT = ["lstsq", "sketch-precondition"]
ALL = [*DIRECT, "gram-refine", "numpy-lstsq", "scipy-lsmr", "scipy-lsqr", "sketch-solve"]
EVERY = {**TABLES, **ASIDE}
every_table = pytest.mark.parametrize("name", EVERY)

KINDS: dict[str, Callable[[np.ndarray], Any]] = {
    "array": np.asarray,
    "sparse": sp.csr_array,
    "blocks": lambda A: [A[:40], A[40:]],
    "matrix-free": lambda A: MatrixFree(lambda x: A @ x, A.shape, transpose=lambda y: A.T @ y),
    "torch": torch.tensor,
}


def responses(A: np.ndarray, noise: float = 0.1) -> np.ndarray:
    """Return a response of all columns, with noise relative to its spread."""
    generator = np.random.default_rng(7)
    spread = A.std(axis=0)
    signal = (A - A.mean(axis=0)) @ (generator.standard_normal(A.shape[1]) / np.where(spread > 0.0, spread, 1.0))
    return signal + noise * signal.std() * generator.standard_normal(len(A))


def answers(A: Any, b: Any, solvers: list[str] = ALL, **options: Any) -> list[tuple[str, ritz.Solution]]:
    """Return the solutions of all solvers that take the problem."""
    found: list[tuple[str, ritz.Solution]] = []
    for solver in solvers:
        try:
            found.append((solver, ritz.solve(LeastSquares(A, b, **options), solver, throw=False)))
        except InvalidProblem as refusal:
            if solver != "gram-refine" or "accurate up to condition number" not in str(refusal):
                raise
    return found


@every_table
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_as_accurate_as_qr_or_not_converged(name: str, noise: float):
    A = EVERY[name]()
    b = responses(A, noise)
    reference = householder(A, b)
    possible = 5.0 * attainable(A, b, reference)
    for solver, solution in answers(A, b):
        assert solution.converged or solver not in DIRECT, (solver, solution)
        error = difference(A, solution.x, reference)
        assert not solution.converged or error <= possible + (1e-12 if solver == "lstsq" else 1e-7), (solver, error)
        assert error <= 20.0 * solution.stats["error_estimate"] or error < 1e-12, (solver, error)


@every_table
@pytest.mark.parametrize("kind", ["sparse", "blocks", "matrix-free", "torch"])
def test_every_kind_of_matrix(name: str, kind: str):
    A = EVERY[name]()
    b = responses(A)
    reference = householder(A, b)
    for solver, solution in answers(KINDS[kind](A), b, DIRECT):
        assert solution.converged, solver
        assert difference(A, to_numpy(solution.x), reference) <= 5.0 * attainable(A, b, reference) + 1e-8


@every_table
def test_ridge_several_right_hand_sides_and_single_precision(name: str):
    A = EVERY[name]()
    b = responses(A)
    columns = A.shape[1]
    ridge = 1e-3 * np.linalg.norm(A, axis=0).min() ** 2
    extended, zeros = np.vstack((A, ridge**0.5 * np.eye(columns))), np.zeros(columns)
    reference = householder(extended, np.append(b, zeros))
    possible = 5.0 * attainable(extended, np.append(b, zeros), reference) + 1e-8
    for _, solution in answers(A, b, DIRECT, ridge=ridge):
        assert solution.converged
        assert difference(extended, solution.x, reference) <= possible

    B = np.stack((b, 0.0 * b, 1e-3 * np.random.default_rng(0).standard_normal(len(b))), axis=1)
    for _, solution in answers(A, B, DIRECT):
        assert solution.converged
        assert not solution.x[:, 1].any()
        for column in (0, 2):
            one = householder(A, B[:, column])
            assert difference(A, solution.x[:, column], one) <= 5.0 * attainable(A, B[:, column], one) + 1e-8

    single = A.astype(np.float32)
    if np.linalg.matrix_rank(single / np.linalg.norm(single, axis=0)) == columns:
        reference = householder(single, b.astype(np.float32))
        possible = 5.0 * attainable(single.astype(float), b, reference) + 2e-5
        solution = ritz.solve(LeastSquares(single, b.astype(np.float32)), rtol=1e-5)
        assert difference(single.astype(float), solution.x.astype(float), reference) <= possible


@pytest.mark.parametrize("name", [name for name in EVERY if name[-4:] not in ("1e12", "1e11", "e-11", "rs^4")])
@pytest.mark.parametrize("kind", ["array", "sparse"])
def test_duplicated_columns_give_the_shortest(name: str, kind: str):
    """With twins of the first and the last column, and a column of zeros; beyond offset 1e10 even QR sees no rank."""
    A = EVERY[name]()
    b, columns = responses(A), A.shape[1]
    twins = np.column_stack((A, A[:, 0], A[:, -1], 0.0 * b))
    null = np.zeros((columns + 3, 3))
    null[0, 0] = null[columns - 1, 1] = null[-1, 2] = 1.0
    null[columns, 0] = null[columns + 1, 1] = -1.0
    once = householder(A, b)
    reference = shortest(np.append(once, np.zeros(3)), null)
    for _, solution in answers(KINDS[kind](twins), b, DIRECT):
        assert solution.converged
        assert solution.stats["rank"] == columns
        # The last column of the table has unit length in `difference`, whose own zero column counts as one.
        kept = slice(0, columns + 2)
        assert difference(twins[:, kept], solution.x[kept], reference[kept]) <= 5.0 * attainable(A, b, once) + 1e-8
        assert abs(solution.x[-1]) <= 1e-12 * abs(solution.x).max()


@pytest.mark.parametrize("shape", [(30, 50), (1, 7), (20, 21)])
def test_wide_matrices_of_unlike_columns(shape: tuple[int, int]):
    generator = np.random.default_rng(3)
    A = generator.standard_normal(shape) * 10.0 ** generator.uniform(-4.0, 4.0, shape[1])
    b = generator.standard_normal(shape[0])
    null = np.linalg.svd(A)[2][shape[0] :]
    for solver, solution in answers(A, b, [*DIRECT, "numpy-lstsq"]):
        assert solution.converged, solver
        np.testing.assert_allclose(A @ solution.x, b, atol=1e-10)
        assert np.linalg.norm(null @ solution.x) <= 1e-7 * np.linalg.norm(solution.x)


@pytest.mark.parametrize("size", [1e0, 1e3, 1e5, 1e8, 1e10])
def test_estimators_with_an_intercept_and_offset_features(size: float):
    X = offset(size)[:, 1:]
    y = 3.0 * (X[:, 0] - size) + np.random.default_rng(0).standard_normal(len(X))
    centred = X[:, 0].astype(np.longdouble) - X[:, 0].astype(np.longdouble).mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    for features in (X, sp.csr_array(X)):
        for model in (SketchedLinearRegression(), LpRegressor(p=2)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(features, y)
            assert caught or abs(model.coef_.ravel()[0] / slope - 1.0) < 1e-14 * max(size, 1e4)
        assert abs(SketchedLinearRegression().fit(features, y).coef_[0] / slope - 1.0) < 1e-14 * max(size, 1e4)


# --- squares that overflow or vanish

M, N = 90, 5
GENERATOR = np.random.default_rng(0)
MATRIX = GENERATOR.standard_normal((M, N))
RIGHT = MATRIX @ GENERATOR.standard_normal(N) + 0.1 * GENERATOR.standard_normal(M)
ANSWER = np.linalg.lstsq(MATRIX, RIGHT)[0]
EXPONENTS = (-300, -170, 0, 170, 300)


def scaled(x: np.ndarray, exponent: int) -> np.ndarray:
    return (x.astype(np.longdouble) * np.longdouble(10) ** exponent).astype(float)


def agree(x: Any, exact: np.ndarray) -> bool:
    largest = np.abs(exact).max(axis=0)
    largest = np.where(largest > 0.0, largest, 1.0)
    return bool((np.abs(to_numpy(x) / largest - exact / largest) < 1e-6).all())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_any_magnitude_of_the_matrix(exponent: int, kind: str):
    A = KINDS[kind](MATRIX * 10.0**exponent)
    for other in EXPONENTS:
        if abs(other - exponent) <= 300:
            for solver, solution in answers(A, RIGHT * 10.0**other, ALL if other == exponent else ["lstsq"]):
                assert solution.converged, (solver, other)
                assert agree(solution.x, scaled(ANSWER, other - exponent)), (solver, other)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_unlike_right_hand_sides_in_one_block(kind: str):
    exponents = (-300, -170, 0, 170, 300)
    B = np.stack([RIGHT * 10.0**e for e in exponents] + [0.0 * RIGHT], axis=1)
    expected = np.stack([ANSWER * 10.0**e for e in exponents] + [0.0 * ANSWER], axis=1)
    for solver, solution in answers(KINDS[kind](MATRIX), torch.tensor(B) if kind == "torch" else B):
        assert solution.converged, solver
        assert agree(solution.x, expected), solver
    before = B.copy()
    ritz.solve(LeastSquares(MATRIX, B))
    np.testing.assert_array_equal(B, before)


@pytest.mark.filterwarnings("error")
def test_unlike_columns_zeros_and_ridges():
    exponents = np.array([-200, -100, 0, 100, 200])
    A = MATRIX * 10.0**exponents
    expected = np.array([scaled(ANSWER[j : j + 1], -int(e))[0] for j, e in enumerate(exponents)])
    for kind in ("array", "sparse", "torch"):
        for solver, solution in answers(KINDS[kind](A), RIGHT):
            assert solution.converged, solver
            np.testing.assert_allclose(solution.x, expected, rtol=1e-6)
    for zeros in (0.0 * MATRIX, sp.csr_array((M, N))):
        for solver, solution in answers(zeros, RIGHT):
            assert solution.converged, solver
            assert not solution.x.any()
    ridged = np.linalg.solve(MATRIX.T @ MATRIX + np.eye(N), MATRIX.T @ RIGHT)
    for exponent in (-150, -120, 120, 150):
        for solver, solution in answers(MATRIX * 10.0**exponent, RIGHT, ridge=10.0 ** (2 * exponent)):
            assert solution.converged or solver == "sketch-solve", solver
            assert not solution.converged or agree(solution.x, scaled(ridged, -exponent)), solver


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [1e-170, 1e170, 5e-324, 1e308])
def test_the_smallest_of_problems(value: float):
    for solver, solution in answers(np.ones((2, 1)), np.full((2, 1), value)):
        assert solution.converged, solver
        assert solution.x[0, 0] == pytest.approx(value, rel=1e-7)


@pytest.mark.filterwarnings("error")
def test_answers_that_no_number_holds_are_not_converged():
    for exponent in (-200, 200):
        for solver, solution in answers(MATRIX * 10.0**exponent, RIGHT * 10.0**-exponent):
            assert not solution.converged, solver


def test_units_change_nothing_but_the_units():
    A = units(0, 0)
    b = responses(A)
    exact = householder(A, b).astype(float)
    for exponents in ([-9, 9, -6, 6, -3, 3, 0], [12, 0, -12, 5, -5, 7, -7]):
        solution = ritz.solve(LeastSquares(A * 10.0 ** np.array(exponents), b))
        np.testing.assert_allclose(solution.x * 10.0 ** np.array(exponents), exact, rtol=1e-11)
