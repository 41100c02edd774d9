"""Numbers from 1e-300 to 1e300 are numbers: every solver of linear systems finds the same digits at every scale.

Scales are powers of two, so that the scaled system has exactly the digits of the one with entries near one, and the
reference is that system's solution by dense linear algebra.
"""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from contract import installed_solvers
from systems import laplacian

import ritz
from ritz.operators import Diagonal, KroneckerSum, MatrixFree, Stencil, Tag
from ritz.registry import solvers

pytestmark = pytest.mark.filterwarnings("error")

GENERATOR = np.random.default_rng(17)
SHAPE = (6, 5)
N = 30
POISSON = laplacian(*SHAPE)
CONVECTION = sp.csr_array(POISSON + 0.3 * sp.diags_array([-np.ones(N - 1), np.ones(N)], offsets=[-1, 0]))
RHS = GENERATOR.standard_normal(N)
BLOCK = GENERATOR.standard_normal((N, 3))

NAMES = [name for name in installed_solvers() if name == "auto" or solvers[name].solves is ritz.LinearSystem]
ON_GRIDS = {"multigrid", "learned-multigrid"}
SEPARABLE = {"transform", "tridiagonal-transform"}
GENERAL = {"auto", "bicgstab", "gmres", "lsmr", "lu", "scipy-bicgstab", "scipy-gmres", "scipy-spsolve"}
KRYLOV = ["cg", "fcg", "minres", "gmres", "bicgstab", "lsmr", "deflated-cg", "conjugate-directions", "scipy-cg", "auto"]

EXPONENTS = {"float64": (-996, -450, -95, 95, 450, 990), "float32": (-99, 99)}
RTOL = {"float64": 1e-8, "float32": 1e-4}


def matrices(name, dtype="float64"):
    """Return operators near one that a solver takes, with their dense matrices."""
    stencil = Stencil(SHAPE, centering="vertex", dtype=dtype)
    line = laplacian(6).toarray().astype(dtype)
    if name in SEPARABLE:
        return {"stencil": stencil, "Kronecker sum": KroneckerSum(line, laplacian(5).toarray().astype(dtype))}
    if name in ON_GRIDS:
        return {"stencil": stencil}
    found = {"sparse": POISSON.astype(dtype), "dense": POISSON.toarray().astype(dtype), "stencil": stencil}
    if name in GENERAL:
        found["sparse"] = CONVECTION.astype(dtype)
    return found


def times(matrix, exponent):
    """Return a matrix times a power of two, as a user would write it."""
    if isinstance(matrix, np.ndarray):
        return np.ldexp(matrix, exponent)
    if sp.issparse(matrix):
        return sp.csr_array((np.ldexp(matrix.data, exponent), matrix.indices, matrix.indptr), shape=matrix.shape)
    if isinstance(matrix, Stencil):
        return Stencil(matrix.grid_shape, centering="vertex", coefficient=np.ldexp(1.0, exponent), dtype=matrix.dtype)
    half = exponent // 2
    return KroneckerSum(*(np.ldexp(np.ldexp(factor.to_dense(), half), exponent - half) for factor in matrix.factors))


def dense(matrix):
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else getattr(matrix, "to_dense", lambda: matrix)(), float)


def check(solution, matrix, b, growth, rtol):
    """Check a solution whose entries are those of ``matrix x = b`` times ``2**growth``; `growth` has one per column."""
    assert solution.status is ritz.Status.CONVERGED, solution
    x = np.asarray(solution.x, dtype=float)
    x = np.ldexp(x, -np.asarray(growth))
    true = np.linalg.norm(b - dense(matrix) @ x, axis=0) / np.linalg.norm(b, axis=0)
    assert np.max(true) <= 1.01 * rtol + 1e-14
    assert solution.residual == pytest.approx(float(np.max(true)), rel=1e-2, abs=1e-6 if rtol > 1e-6 else 1e-13)
    assert solution.history[0] == pytest.approx(1.0, rel=1e-5)


def possible(matrix, exponent):
    """Whether a stencil's coefficient may be that large; its own check refuses others."""
    return not isinstance(matrix, Stencil) or abs(exponent) < 330


@pytest.mark.parametrize("dtype", EXPONENTS)
@pytest.mark.parametrize("name", NAMES)
def test_right_hand_sides_of_any_size(name, dtype):
    for matrix in matrices(name, dtype).values():
        for exponent in EXPONENTS[dtype]:
            b = RHS.astype(dtype)
            solution = ritz.solve(matrix, np.ldexp(b, exponent), name, rtol=RTOL[dtype], throw=False)
            check(solution, matrix, b.astype(float), exponent, RTOL[dtype])


@pytest.mark.parametrize("name", NAMES)
def test_blocks_with_columns_of_any_size(name):
    powers = [np.array(each) for each in ((-990, 0, 990), (-560, -560, -560), (565, 565, 565))]
    for matrix in matrices(name).values():
        for exponents in powers:
            solution = ritz.solve(matrix, np.ldexp(BLOCK, exponents), name, throw=False)
            check(solution, matrix, BLOCK, exponents, 1e-8)


@pytest.mark.parametrize("dtype", EXPONENTS)
@pytest.mark.parametrize("name", NAMES)
def test_operators_of_any_size(name, dtype):
    for matrix in matrices(name, dtype).values():
        for exponent in EXPONENTS[dtype]:
            if not possible(matrix, exponent):
                continue
            for rhs_exponent in {0, exponent} if abs(exponent) == 450 else {exponent}:
                b = RHS.astype(dtype)
                scaled = times(matrix, exponent)
                solution = ritz.solve(scaled, np.ldexp(b, rhs_exponent), name, rtol=RTOL[dtype], throw=False)
                check(solution, matrix, b.astype(float), rhs_exponent - exponent, RTOL[dtype])


@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_any_size(name):
    matrix = next(iter(matrices(name).values()))
    for exponents in ((-990, 0, 990), (-560, -560, -560)):
        b = torch.tensor(np.ldexp(BLOCK, np.array(exponents)))
        solution = ritz.solve(matrix, b, name, throw=False)
        assert isinstance(solution.x, torch.Tensor)
        check(solution, matrix, BLOCK, exponents, 1e-8)
    solution = ritz.solve(matrix, torch.tensor(np.ldexp(RHS, -700)), name, throw=False)
    check(solution, matrix, RHS, -700, 1e-8)


@pytest.mark.parametrize("name", KRYLOV)
@pytest.mark.parametrize("exponent", [-990, -700, -250, 450, 990])
def test_operators_known_by_products(name, exponent):
    def product(x):
        return np.ldexp(POISSON @ x, exponent)

    definite = {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}
    operator = MatrixFree(product, (N, N), tags=definite, transpose=product)
    seen = []
    solution = ritz.solve(
        operator,
        np.ldexp(RHS, exponent),
        name,
        throw=False,
        callback=lambda iteration, x, residual: seen.append(np.max(np.abs(x))) and False,
    )
    check(solution, POISSON, RHS, 0, 1e-8)
    assert 0.5 < seen[-1] / np.abs(solution.x).max() < 2.0


@pytest.mark.parametrize("exponent", [-900, -450, 450, 900])
@pytest.mark.parametrize("name", ["cg", "minres", "gmres", "lsmr"])
def test_composed_operators_and_given_preconditioners(name, exponent):
    base = ritz.operators.aslinearoperator(POISSON, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    ones = Diagonal(np.ones(N))
    factor = float(np.ldexp(1.0, exponent))
    product = base.T @ base
    for operator, reference in (
        (factor * base, POISSON),
        (factor * base + factor * ones, POISSON + sp.eye_array(N)),
        (factor * product, POISSON @ POISSON),
        ((factor * base) @ ones + ones @ (factor * base), 2.0 * POISSON),
    ):
        if name in ("cg", "minres") and Tag.SYMMETRIC not in operator.tags:
            continue
        solution = ritz.solve(operator, np.ldexp(RHS, exponent), name, throw=False)
        check(solution, sp.csr_array(reference), RHS, 0, 1e-8)
    inverse = Diagonal(np.full(N, 0.25 / factor))
    solution = ritz.solve(times(POISSON, exponent), RHS, name, preconditioner=inverse, throw=False)
    if abs(exponent) < 900:
        check(solution, POISSON, RHS, -exponent, 1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_starting_vectors_tolerances_and_callbacks_keep_the_callers_units(name):
    matrix = matrices(name)["stencil"]
    exact = np.linalg.solve(dense(matrix), RHS)
    for exponent in (-700, 560):
        b, x = np.ldexp(RHS, exponent), np.ldexp(exact, exponent)
        assert ritz.solve(matrix, b, name, x0=x, throw=False).iterations == 0
        near = ritz.solve(matrix, b, name, x0=1.001 * x, throw=False)
        check_start = np.linalg.norm(0.001 * RHS) / np.linalg.norm(RHS)
        assert near.converged
        assert near.history[0] == pytest.approx(check_start, rel=1e-3)
        size = float(np.linalg.norm(RHS))
        assert ritz.solve(matrix, b, name, atol=float(np.ldexp(2.0 * size, exponent))).iterations == 0
        assert ritz.solve(matrix, b, name, rtol=0.0, atol=float(np.ldexp(1e-6 * size, exponent))).residual <= 1e-6
        seen = []
        solution = ritz.solve(matrix, b, name, callback=lambda i, x, r, seen=seen: seen.append(np.array(x)) and False)
        assert np.linalg.norm(np.ldexp(seen[-1], -exponent) - np.ldexp(solution.x, -exponent)) <= 1e-6 * np.linalg.norm(
            exact
        )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("exponents", [(-800, 800), (800, -800)])
def test_what_cannot_be_represented_is_not_solved(name, exponents):
    matrix = next(iter(matrices(name).values()))
    if isinstance(matrix, Stencil):
        pytest.skip("a stencil refuses such coefficients")
    solution = ritz.solve(times(matrix, exponents[0]), np.ldexp(RHS, exponents[1]), name, throw=False)
    assert not solution.converged
    assert np.isfinite(solution.x).all()
    assert solution.residual <= 1.0 + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_hopeless_starting_vectors(name):
    matrix = matrices(name)["stencil"]
    for size in (1e40, 1e300):
        solution = ritz.solve(matrix, RHS, name, x0=size * np.ones(N), throw=False)
        assert np.isfinite(solution.x).all()
        assert solution.residual <= 1.0 or name.startswith(("scipy", "pyamg"))


@pytest.mark.parametrize("name", ["auto", "lu", "scipy-spsolve", "cholesky"])
@pytest.mark.parametrize("sparse", [False, True])
def test_rows_and_columns_of_very_different_sizes(name, sparse):
    """Direct solvers find every digit if rows, columns, or both are scaled apart."""
    plain = GENERATOR.standard_normal((12, 12))
    plain = plain @ plain.T + np.eye(12)
    exact = GENERATOR.standard_normal(12)
    for low, high in ((-500, 500), (-300, 200), (-40, 40)):
        powers = np.linspace(low, high, 12).astype(int)
        if name == "cholesky":
            matrix, growth = np.ldexp(np.ldexp(plain, powers[:, None] // 2), powers // 2), powers // 2
        else:
            plain[0, 1] += 0.5
            matrix, growth = np.ldexp(plain, powers[:, None]), 0 * powers
        b = np.ldexp(plain @ exact, powers if name != "cholesky" else powers // 2)
        solution = ritz.solve(sp.csr_array(matrix) if sparse else matrix, b, name, throw=False)
        assert solution.converged, (low, high, solution)
        np.testing.assert_allclose(np.ldexp(solution.x, growth), exact, rtol=1e-6)


def test_norms_that_are_not_finite_are_never_solved():
    from ritz.iteration import LinearSystemTask

    task = LinearSystemTask(ritz.LinearSystem(np.eye(2), np.ones(2)), atol=1e300)
    assert not task.solved(np.array([np.nan]))
    assert not task.solved(np.array([np.inf]))
