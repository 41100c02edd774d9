"""l_p regression with rows and columns of very different sizes: ranks, bounds and gaps against exact minima."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from lp_references import least
from regression_references import householder

import ritz
from ritz.backend import to_numpy
from ritz.problem_types.lp_regression import LpRegression
from ritz.solvers.regression.column_space.column_basis import column_basis
from ritz.solvers.regression.column_space.leverage_scores import leverage_scores

EXPONENTS = [1.0, 1.5, 2.0, 3.0, 8.0, math.inf]
every_p = pytest.mark.parametrize("p", EXPONENTS)
KINDS = {"array": np.asarray, "sparse": sp.csr_array, "torch": lambda A: torch.tensor(A).to_sparse()}


def graded(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a small problem, in which a third of the rows is longer than the others, by up to 1e16."""
    generator = np.random.default_rng(seed)
    columns = int(generator.integers(1, 4))
    rows = columns + int(generator.integers(1, 5))
    spread, width = float(generator.choice([0, 3, 7, 9, 12, 16])), float(generator.choice([0, 3, 9]))
    sizes = 10.0 ** np.where(generator.random(rows) < 0.35, spread * generator.random(rows), 0.0)
    A = generator.standard_normal((rows, columns)) * sizes[:, None]
    A *= 10.0 ** (width * (generator.random(columns) - 0.5))
    return A, np.where(generator.random(rows) < 0.5, sizes, 1.0) * generator.standard_normal(rows)


def check(A: np.ndarray, b: np.ndarray, p: float, solution: ritz.Solution, minimum: float) -> None:
    """Check the bound and the status against a minimum, or any value that the objective attains."""
    stats, x = solution.stats, to_numpy(solution.x).astype(float)
    sizes = np.abs(A) @ np.abs(x) + np.abs(b)
    attainable = 4e-15 * float(np.linalg.norm(sizes, p)) / minimum  # rounding of x alone
    assert stats["lower_bound"] <= minimum * (1.0 + 1e-11 + attainable)
    if solution.converged:
        assert np.linalg.norm(A @ x - b, p) <= minimum * (1.0 + 2e-8)
    else:  # no x in double precision is closer
        assert solution.residual <= attainable
        assert np.linalg.norm(A @ x - b, p) <= minimum * (1.0 + 1e-7 + attainable)


@every_p
@pytest.mark.parametrize("seed", range(24))  # a third of the seeds, from 200 on, was set aside
def test_bounds_and_minima_of_unlike_rows(seed: int, p: float):
    A, b = graded(seed + 200 * (seed % 3 == 0))
    minimum = least(A, b, p)
    for kind in ("array", "sparse"):
        solution = ritz.solve(LpRegression(KINDS[kind](A), b, p), "lp", throw=False)
        assert solution.stats["rank"] == A.shape[1]
        check(A, b, p, solution, minimum)
    if p in (1.0, math.inf):
        theirs = ritz.solve(LpRegression(sp.csr_array(A), b, p), "lp-highs", throw=False)
        assert theirs.stats["lower_bound"] <= minimum * (1.0 + 1e-9)
        assert not theirs.converged or theirs.stats["objective"] <= minimum * (1.0 + 2e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_one_long_row_hides_no_rank(kind: str):
    A = np.array([[1e9, -5e8, 2e8], [0.3, 1.4, -0.4], [-0.4, -0.7, 0.6], [-0.2, -0.9, 0.1], [3.9, 1.6, -0.3]])
    b = np.array([1.0, 0.1, 0.1, -0.1, 0.7])
    solution = ritz.solve(LpRegression(KINDS[kind](A), b, 1), throw=False)
    assert solution.stats["rank"] == 3
    assert solution.stats["objective"] == pytest.approx(0.42288488, rel=1e-6)
    check(A, b, 1.0, solution, least(A, b, 1.0))


@every_p
@pytest.mark.parametrize("factor", [1e5, 1e7, 1e10])
@pytest.mark.parametrize("kind", ["array", "sparse"])
def test_larger_tables_with_a_few_long_rows(kind: str, factor: float, p: float):
    """Dense and sparse agree, and the dual vector is orthogonal to all columns to the precision of each row."""
    generator = np.random.default_rng(5)
    A = np.where(generator.random((300, 8)) < 0.5, generator.standard_normal((300, 8)), 0.0)
    b = generator.standard_normal(300)
    A[:3] *= factor
    exact = ritz.solve(LpRegression(A, b, p), "lp", throw=False)
    solution = ritz.solve(LpRegression(KINDS[kind](A), b, p), "lp", throw=False)
    assert solution.stats["rank"] == 8
    assert solution.residual <= 1e-8 + 1e-14 * factor
    assert solution.stats["objective"] == pytest.approx(exact.stats["objective"], rel=1e-7 + 1e-14 * factor)
    y = solution.stats["dual"]
    assert (np.abs(A.T @ y) <= 1e-12 * (np.abs(A).T @ np.abs(y)) + 1e-14 * factor * 1e-6).all()


@every_p
def test_dependent_columns_of_unlike_units(p: float):
    """The rank does not depend on units, and the shortest of all minimisers is found."""
    generator = np.random.default_rng(6)
    A = generator.standard_normal((80, 4)) * np.array([1e-9, 1.0, 1e4, 1e9])
    A[:2] *= 1e8
    twins = np.column_stack((A, A[:, 0], A[:, 3], np.zeros(80)))
    b = generator.standard_normal(80)
    objectives = []
    for kind in ("array", "sparse"):
        solution = ritz.solve(LpRegression(KINDS[kind](twins), b, p), "lp", throw=False)
        assert solution.stats["rank"] == 4
        assert solution.residual <= 1e-6
        np.testing.assert_allclose(solution.x[[4, 5]], solution.x[[0, 3]], rtol=1e-9)
        assert solution.x[6] == 0.0
        objectives.append(solution.stats["objective"])
    once = ritz.solve(LpRegression(A, b, p), "lp", throw=False).stats["objective"]
    assert objectives == pytest.approx([once, once], rel=1e-6)


@pytest.mark.parametrize("spread", [1e0, 1e6, 1e9, 1e14])
def test_bases_of_unlike_rows_are_orthonormal(spread: float):
    generator = np.random.default_rng(7)
    A = generator.standard_normal((60, 5))
    A[::9] *= spread
    exact = np.linalg.norm(A, axis=1)
    for matrix in (A, sp.csr_array(A)):
        basis = column_basis(matrix)
        assert basis.rank == 5
        np.testing.assert_allclose(basis.transpose(basis.apply(np.eye(5))), np.eye(5), atol=1e-12)
        x = generator.standard_normal(5)
        recovered = basis.to_unknowns @ basis.transpose(A @ x)
        assert (np.abs(A @ recovered - A @ x) <= 1e-11 * exact * np.linalg.norm(x)).all()
        assert leverage_scores(matrix).sum() == pytest.approx(5.0)


def test_squares_agree_with_qr_in_extended_precision():
    for seed in range(8):
        A, b = graded(seed)
        x = householder(A, b)
        best = float(np.sqrt(((b - A.astype(np.longdouble) @ x) ** 2).sum()))
        solution = ritz.solve(LpRegression(sp.csr_array(A), b, 2), "lp", throw=False)
        check(A, b, 2.0, solution, best)


@pytest.mark.parametrize("size", [-300, -170, 0, 170, 300])
@every_p
@pytest.mark.filterwarnings("error")
def test_any_magnitude(size: int, p: float):
    generator = np.random.default_rng(8)
    A, b = generator.standard_normal((40, 3)), generator.standard_normal(40)
    exact = ritz.solve(LpRegression(A, b, p), "lp", rtol=1e-10)
    for kind in KINDS:
        for matrix, right, expected in (
            (A, b * 10.0**size, exact.x * 10.0**size),
            (A * 10.0**size, b, exact.x * 10.0**-size),
            (A * 10.0**size, b * 10.0**size, exact.x),
        ):
            solvers = ["lp", "lp-highs"] if p in (1.0, math.inf) and kind == "sparse" else ["lp"]
            for solver in solvers:
                solution = ritz.solve(LpRegression(KINDS[kind](matrix), right, p), solver, throw=False)
                largest = np.abs(expected).max()
                assert solution.converged or solver == "lp-highs"
                assert not solution.converged or (np.abs(solution.x / largest - expected / largest) < 1e-3).all()
                assert solution.stats["lower_bound"] <= solution.stats["objective"] * (1.0 + 1e-14)
    zeros = ritz.solve(LpRegression(0.0 * A, b * 10.0**size, p), "lp", throw=False)
    assert zeros.converged
    assert not zeros.x.any()


def test_inputs_are_left_as_they_are():
    """Indices out of order and duplicates stay so, and the caller's flags too."""
    generator = np.random.default_rng(9)
    data = generator.standard_normal(200)
    starts = np.arange(0, 201, 5)
    indices = np.concatenate([generator.permutation(6)[:5] for _ in range(40)])
    indices[1] = indices[0]
    matrix: Any = sp.csr_array((data, indices, starts), shape=(40, 6))
    b = generator.standard_normal(40)
    kept = [part.copy() for part in (data, indices, starts, b)]
    flags = (matrix.has_sorted_indices, matrix.has_canonical_format)
    dense = matrix.toarray()
    for p in EXPONENTS:
        solution = ritz.solve(LpRegression(matrix, b, p), "lp")
        full = ritz.solve(LpRegression(dense, b, p), "lp")
        assert solution.stats["objective"] == pytest.approx(full.stats["objective"], rel=1e-7)
        ritz.solve(LpRegression(matrix, b, min(p, 50.0)), "lp-sampled", throw=False)
    ritz.solve(ritz.LeastSquares(matrix, b))
    leverage_scores(matrix)
    for part, before in zip((matrix.data, matrix.indices, matrix.indptr, b), kept, strict=True):
        np.testing.assert_array_equal(part, before)
    assert (matrix.has_sorted_indices, matrix.has_canonical_format) == flags


def test_sparse_tensors_and_gradients():
    generator = np.random.default_rng(10)
    A, b = generator.standard_normal((30, 3)), generator.standard_normal(30)
    plain = ritz.solve(LpRegression(A, b, 1), "lp")
    tensor = torch.tensor(A)
    for given in (tensor.to_sparse(), tensor.to_sparse_csr(), tensor.to_sparse_csc()):
        solution = ritz.solve(LpRegression(given, torch.tensor(b), 1), "lp")
        assert isinstance(solution.x, torch.Tensor)
        np.testing.assert_allclose(solution.x.numpy(), plain.x, rtol=1e-6)
    with pytest.raises(ritz.InvalidProblem, match="real systems"):
        LpRegression(tensor.to(torch.complex128).to_sparse(), b, 1)
    for A_given, b_given, name in (
        (tensor.clone().requires_grad_(), b, "A"),
        (tensor, torch.tensor(b, requires_grad=True), "b"),
    ):
        with pytest.raises(ritz.InvalidProblem, match=f"{name} requires gradients"):
            LpRegression(A_given, b_given, 1)
        with torch.no_grad():
            LpRegression(A_given, b_given, 1)
    prepared = ritz.registry.solvers["lp"]().prepare(LpRegression(A, b, 1))
    with pytest.raises(ritz.InvalidProblem, match="rhs requires gradients"):
        prepared.solve(torch.tensor(b, requires_grad=True))
