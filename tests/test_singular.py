"""Singular systems: solutions of minimum norm, least squares where there is no solution, and nullspaces of sums."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from systems import graph_laplacian, laplacian

import ritz
from ritz.operators import Dense, Diagonal, KroneckerSum, MatrixFree, Sparse, Tag
from ritz.operators import aslinearoperator as operator_of
from ritz.solvers.auto import candidates
from ritz.solvers.direct import pseudoinverse
from ritz.solvers.multigrid.pyamg.preconditioner import SmoothedAggregation

pytestmark = pytest.mark.filterwarnings("error")

GENERATOR = np.random.default_rng(18)


def path(n):
    """Return the Laplacian of a path of n vertices."""
    matrix = laplacian(n).toarray()
    matrix[0, 0] = matrix[-1, -1] = 1.0 if n > 1 else 0.0
    return matrix


def normalised(n, seed):
    """Return the normalised Laplacian of a random graph, whose null vector is not constant."""
    matrix = graph_laplacian(n, seed=seed).toarray()
    root = np.sqrt(matrix.diagonal())
    return matrix / np.outer(root, root)


def of_rank(n, rank, seed):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, rank)) @ generator.standard_normal((rank, n))


def with_zero_row(n, seed):
    factor = np.random.default_rng(seed).standard_normal((n, n))
    matrix = factor + factor.T
    matrix[n // 2] = matrix[:, n // 2] = 0.0
    return matrix


def structurally_singular(n, seed):
    matrix = np.triu(np.random.default_rng(seed).standard_normal((n, n)), 1)
    matrix[:, n // 3] = 0.0
    return matrix


MATRICES = {
    "path 4": path(4),
    "path 60": path(60),
    "two paths": sp.block_diag([path(7), path(9)]).toarray(),
    "two equations in one": np.array([[1.0, 1.0], [0.0, 0.0]]),
    "nilpotent": np.array([[0.0, 1.0], [0.0, 0.0]]),
    "one zero": np.zeros((1, 1)),
    "zero": np.zeros((6, 6)),
    "ones": np.ones((5, 5)),
    "normalised 20": normalised(20, 0),
    "normalised 90": normalised(90, 1),
    "zero row": with_zero_row(11, 2),
    "indefinite of rank 7": (lambda q: q @ np.diag(np.r_[np.linspace(-3, 3, 8)[:7], np.zeros(5)]) @ q.T)(
        np.linalg.qr(GENERATOR.standard_normal((12, 12)))[0]
    ),
    "rank 1": of_rank(8, 1, 3),
    "rank 13 of 20": of_rank(20, 13, 4),
    "structural": structurally_singular(15, 5),
    "periodic convection": np.eye(9) - np.roll(np.eye(9), 1, axis=0),
    "tiny": 1e-250 * of_rank(9, 5, 6),
    "huge": 1e250 * path(9),
}
FORMS = {
    "dense": np.asarray,
    "sparse": sp.csr_array,
    "operator": lambda matrix: operator_of(sp.csr_array(matrix), tags=_tags(matrix)) + Diagonal(np.zeros(len(matrix))),
}


def _tags(matrix):
    return {Tag.SYMMETRIC} if np.array_equal(matrix, matrix.T) else set()


def size_of(matrix):
    return float(np.abs(matrix).max()) or 1.0


def reference(matrix, b):
    """Return the least-squares solution of minimum norm, and the least residual norms."""
    scale = size_of(matrix)
    x = np.linalg.pinv(matrix / scale, rcond=1e-12) @ b
    return x / scale, np.linalg.norm(b - (matrix / scale) @ x, axis=0)


def consistent(matrix, columns=()):
    """Return a right-hand side of norm about one in the range of a matrix."""
    return matrix / size_of(matrix) @ np.random.default_rng(7).standard_normal((len(matrix), *columns))


def same(x, y, rtol=1e-6):
    scale = float(np.abs(y).max()) or 1.0
    np.testing.assert_allclose(np.asarray(x) / scale, y / scale, atol=rtol)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MATRICES)
def test_auto_finds_the_solution_of_least_norm(name, form):
    matrix = MATRICES[name]
    for columns in ((), (1,), (4,)):
        b = consistent(matrix, columns)
        solution = ritz.solve(FORMS[form](matrix), b, throw=False)
        assert solution.converged, solution
        same(solution.x, reference(matrix, b)[0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", MATRICES)
def test_auto_gives_least_squares_if_there_is_no_solution(name, form):
    matrix = MATRICES[name]
    b = np.random.default_rng(8).standard_normal(len(matrix))
    expected, least = reference(matrix, b)
    try:
        solution = ritz.solve(FORMS[form](matrix), b, throw=False)
    except ritz.InvalidProblem:  # a known nullspace is checked before anything is computed
        assert form != "dense"
        return
    assert solution.status is ritz.Status.LEAST_SQUARES
    assert solution.residual == pytest.approx(least / np.linalg.norm(b), rel=1e-6)
    same(solution.x, expected)


def test_blocks_with_some_columns_without_a_solution():
    matrix = MATRICES["rank 13 of 20"]
    b = np.stack([consistent(matrix), np.ones(20), np.zeros(20)], axis=1)
    solution = ritz.solve(matrix, b, throw=False)
    assert solution.status is ritz.Status.LEAST_SQUARES
    same(solution.x, reference(matrix, b)[0])
    assert np.linalg.norm(b[:, 0] - matrix @ solution.x[:, 0]) < 1e-12
    tensors = ritz.solve(torch.tensor(matrix), torch.tensor(b), throw=False)
    assert isinstance(tensors.x, torch.Tensor)
    same(tensors.x.numpy(), solution.x)


@pytest.mark.parametrize("n", [10, 60, 300])
@pytest.mark.parametrize("condition", [1e10, 1e12, 1e14])
@pytest.mark.parametrize("symmetric", [False, True])
def test_nearly_singular_systems_are_not_called_singular(n, condition, symmetric):
    generator = np.random.default_rng(n)
    left, right = (np.linalg.qr(generator.standard_normal((n, n)))[0] for _ in range(2))
    matrix = (left * np.logspace(0, -np.log10(condition), n)) @ (left if symmetric else right).T
    matrix = 0.5 * (matrix + matrix.T) if symmetric else matrix
    x = generator.standard_normal(n)
    for form in (np.asarray, sp.csr_array):
        solution = ritz.solve(form(matrix), matrix @ x, throw=False)
        assert solution.converged, solution
        assert np.linalg.norm(solution.x - x) <= 1e-15 * 1e3 * condition * np.linalg.norm(x)
        assert "singular" not in solution.stats["chosen"] or np.linalg.matrix_rank(matrix) < n
        any_rhs = ritz.solve(form(matrix), generator.standard_normal(n), throw=False)
        assert any_rhs.status is not ritz.Status.SINGULAR, any_rhs


def test_the_numerical_rank():
    for name in ("rank 13 of 20", "path 60", "zero", "huge", "normalised 90", "structural"):
        matrix = MATRICES[name]
        solution = ritz.solve(matrix, consistent(matrix), "pseudoinverse")
        assert solution.stats["rank"] == np.linalg.matrix_rank(matrix / size_of(matrix))
    assert ritz.solve(np.diag([1.0, 1e-3]), np.ones(2), "pseudoinverse", cutoff=1e-2, throw=False).stats["rank"] == 1
    with pytest.raises(ritz.InvalidProblem, match="cutoff is 2"):
        ritz.solve(np.eye(2), np.ones(2), "pseudoinverse", cutoff=2)
    with pytest.raises(ritz.InvalidProblem, match="nullspaces of at most 64"):
        ritz.solve(
            sp.kron(sp.eye_array(70), np.eye(60) - np.roll(np.eye(60), 1, axis=0)), np.ones(4200), "pseudoinverse"
        )


@pytest.mark.parametrize("name", ["auto", "transform"])
@pytest.mark.parametrize("factors", [(path(6), path(5)), (path(4), path(3), path(5)), (np.eye(3), -np.eye(4))])
def test_singular_kronecker_sums(name, factors):
    operator = KroneckerSum(*factors)
    matrix = operator.to_dense()
    b = consistent(matrix)
    solution = ritz.solve(operator, b, name, throw=False)
    assert solution.converged
    same(solution.x, reference(matrix, b)[0])
    expected, _ = reference(matrix, np.arange(len(matrix)) ** 2.0)
    solution = ritz.solve(operator, np.arange(len(matrix)) ** 2.0, name, throw=False)
    assert solution.status is ritz.Status.LEAST_SQUARES
    same(solution.x, expected)


def test_singular_kronecker_sums_that_are_not_symmetric():
    operator = KroneckerSum(MATRICES["periodic convection"], path(4))
    matrix = operator.to_dense()
    b = consistent(matrix)
    solution = ritz.solve(operator, b)
    same(solution.x, reference(matrix, b)[0])


@pytest.mark.parametrize("seed", range(4))
def test_singular_systems_too_large_for_a_dense_decomposition(seed, monkeypatch):
    monkeypatch.setattr(candidates, "FEW", 50)
    monkeypatch.setattr(pseudoinverse, "DENSE", 50)
    generator = np.random.default_rng(seed)
    n = 200
    matrix = sp.csr_array(laplacian(n) + sp.diags_array(generator.random(n)))
    keep = generator.random(n) > 0.02
    symmetric = sp.csr_array(sp.diags_array(keep * 1.0) @ matrix @ sp.diags_array(keep * 1.0))
    for each in (symmetric, sp.csr_array(sp.diags_array(keep * 1.0) @ matrix)):
        b = each @ generator.standard_normal(n)
        solution = ritz.solve(each, b, rtol=1e-10)
        expected = np.linalg.lstsq(each.toarray(), b, rcond=1e-12)[0]
        same(solution.x, expected)


def rigid_plane(side):
    """Return the elasticity matrix of a free square of springs along edges and diagonals, and its rigid motions."""
    at = np.array([(i, j) for i in range(side) for j in range(side)], dtype=float)
    number = np.arange(side * side).reshape(side, side)
    pairs = [(number[:-1], number[1:]), (number[:, :-1], number[:, 1:]), (number[:-1, :-1], number[1:, 1:])]
    starts, ends = (np.concatenate([pair[k].ravel() for pair in pairs]) for k in (0, 1))
    along = (at[ends] - at[starts]) / np.linalg.norm(at[ends] - at[starts], axis=1)[:, None]
    rows = np.repeat(np.arange(starts.size), 4)
    columns = np.stack([2 * starts, 2 * starts + 1, 2 * ends, 2 * ends + 1], axis=1).ravel()
    stretch = sp.csr_array((np.hstack([-along, along]).ravel(), (rows, columns)), shape=(starts.size, 2 * len(at)))
    motions = np.zeros((2 * len(at), 3))
    motions[::2, 0] = motions[1::2, 1] = 1.0
    motions[::2, 2], motions[1::2, 2] = -at[:, 1], at[:, 0]
    return sp.csr_array(stretch.T @ stretch), motions


RIGID, MOTIONS = rigid_plane(9)
EVERY = (
    "auto",
    "lu",
    "cholesky",
    "cg",
    "minres",
    "amg-cg",
    "gmres",
    "bicgstab",
    "lsmr",
    "scipy-spsolve",
    "pyamg-sa",
    "bootstrap-amg",
    "pseudoinverse",
)


@pytest.mark.parametrize("name", EVERY)
def test_given_null_vectors_are_used_by_every_solver(name):
    b = RIGID @ np.random.default_rng(3).standard_normal(RIGID.shape[0])
    expected = np.linalg.lstsq(RIGID.toarray(), b, rcond=1e-12)[0]
    for matrix, right in ((RIGID, b), (1e-200 * RIGID.toarray(), 1e-200 * b)):
        solution = ritz.solve(matrix, right, name, nullspace=MOTIONS, rtol=1e-10)
        assert solution.status is ritz.Status.CONVERGED
        same(solution.x, expected, rtol=1e-6)
        assert np.abs(MOTIONS.T @ solution.x).max() < 1e-8 * np.abs(solution.x).sum()
        if name in ("amg-cg", "bootstrap-amg", "pyamg-sa"):
            return


def test_null_vectors_reach_smoothed_aggregation():
    system = ritz.LinearSystem(*rigid_plane(40)[:1], np.zeros(3200), nullspace=rigid_plane(40)[1])
    b = system.operator @ np.random.default_rng(0).standard_normal(3200)
    known = ritz.solve(system.with_rhs(b), "cg", preconditioner="smoothed-aggregation")
    constant = SmoothedAggregation(candidates=np.ones((3200, 1)))
    blind = ritz.solve(system.with_rhs(b), "cg", preconditioner=constant, throw=False)
    assert known.iterations < 0.6 * blind.iterations


def test_null_vectors_in_single_precision_and_blocks():
    b = RIGID @ np.random.default_rng(4).standard_normal((RIGID.shape[0], 2))
    system = ritz.LinearSystem(RIGID.astype(np.float32), b.astype(np.float32), nullspace=MOTIONS)
    solution = ritz.solve(system, "cg", rtol=1e-5)
    assert np.abs(MOTIONS.T @ solution.x).max() < 1e-2 * np.abs(solution.x).max()
    assert system.astype(np.float64).operator.nullspace.count == 3


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (MOTIONS[:5], "nullspace has vectors of length 5, and the operator 162 unknowns"),
        (MOTIONS[:, [0, 0]], "2 linearly dependent vectors"),
        (0.0 * MOTIONS, "a vector that is zero"),
        (np.nan * MOTIONS, "no finite numbers"),
        (np.ones((162, 0)), "between 1 and 161"),
        (np.arange(162.0), "the operator maps one of its unit vectors"),
    ],
)
def test_nullspaces_that_are_none(vectors, message):
    with pytest.raises(ritz.InvalidProblem, match=message):
        ritz.solve(RIGID, np.zeros(162), nullspace=vectors)


def test_null_vectors_of_one_side_and_inconsistent_systems():
    drift = sp.csr_array(np.diag(np.full(5, 1.0)) - np.diag(np.full(4, 1.0), 1))
    drift = sp.csr_array(drift.toarray() - np.outer(np.eye(5)[4], np.eye(5)[4]))
    with pytest.raises(ritz.InvalidProblem, match="its transpose maps"):
        ritz.solve(drift, np.zeros(5), nullspace=np.ones(5))
    with pytest.raises(ritz.InvalidProblem, match="component in the nullspace of 3 vectors must be 0"):
        ritz.solve(RIGID, MOTIONS[:, 2], nullspace=MOTIONS)
    with pytest.raises(ritz.InvalidProblem, match="nullspace belongs to a linear system"):
        ritz.solve(ritz.problems.heat((8, 8), steps=2), nullspace=np.ones(64))


def large_singular(kind):
    generator = np.random.default_rng(11)
    if kind == "free elasticity":
        return rigid_plane(26)[0]
    if kind == "empty rows and columns":
        keep = sp.diags_array((generator.random(1200) > 0.01) * 1.0)
        return sp.csr_array(keep @ laplacian(1200) @ keep + 0.3 * keep @ sp.eye_array(1200, k=1) @ keep)
    if kind == "badly scaled":
        scale = sp.diags_array(10.0 ** generator.uniform(-2, 2, 1200))
        return sp.csr_array(scale @ laplacian(1200) @ sp.diags_array(np.r_[np.ones(1198), 0.0, 1.0]))
    raise ValueError(kind)


@pytest.mark.parametrize("kind", ["free elasticity", "empty rows and columns", "badly scaled"])
def test_large_singular_systems_of_any_structure(kind):
    matrix = large_singular(kind)
    generator = np.random.default_rng(12)
    for b in (matrix @ generator.standard_normal(matrix.shape[0]), generator.standard_normal(matrix.shape[0])):
        if kind == "free elasticity":
            b = b - b.mean()  # constants are found to be null vectors, and what is inconsistent with them refused
        expected = np.linalg.lstsq(matrix.toarray(), b, rcond=1e-14)[0]
        least = np.linalg.norm(b - matrix @ expected) / np.linalg.norm(b)
        solution = ritz.solve(matrix, b, "pseudoinverse", throw=False)
        assert solution.status is (ritz.Status.CONVERGED if least < 1e-8 else ritz.Status.LEAST_SQUARES)
        assert solution.residual == pytest.approx(least, rel=1e-6, abs=1e-8)
        same(solution.x, expected, rtol=1e-5)
        assert solution.stats["rank"] == np.linalg.matrix_rank(matrix.toarray(), rtol=1e-13)


# Nullspaces of composed operators.

PATH = Sparse(path(9), tags={Tag.SYMMETRIC, Tag.SEMIDEFINITE})
UNTAGGED = operator_of(sp.csr_array(path(9)))
OTHER = operator_of(graph_laplacian(9, seed=3))
FIXED = operator_of(laplacian(9))
PARTS = Sparse(sp.block_diag([path(4), path(5)]), tags={Tag.SYMMETRIC})
COMPOSED = {
    "sum": (UNTAGGED + OTHER, 1),
    "difference": (UNTAGGED - 0.25 * OTHER, 1),
    "tagged and not": (PATH + OTHER, 1),
    "fixed": (UNTAGGED + FIXED, 0),
    "regions": (PARTS + PARTS, 2),
    "regions joined": (PARTS + OTHER, 1),
    "scaled": (3.0 * (UNTAGGED + 2.0 * OTHER), 1),
    "negative": (-1.0 * UNTAGGED, 1),
    "product": (UNTAGGED @ OTHER, 1),
    "square": (UNTAGGED.T @ UNTAGGED, 1),
    "product of three": (UNTAGGED @ OTHER @ UNTAGGED, 1),
    "one-sided product": (PATH @ FIXED + FIXED, 0),
    "sum of products": (UNTAGGED @ UNTAGGED + OTHER, 1),
    "transposed": ((UNTAGGED @ OTHER).T, 1),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_nullspaces_of_composed_operators(name):
    operator, count = COMPOSED[name]
    nullspace = operator.nullspace
    assert (0 if nullspace is None else nullspace.count) == count
    matrix = operator.to_dense()
    if nullspace is not None:
        basis = nullspace.basis().toarray()
        assert np.abs(matrix @ basis).max() < 1e-12
        assert np.abs(basis.T @ matrix).max() < 1e-12
    b = consistent(matrix)
    solution = ritz.solve(operator, b, rtol=1e-10)
    same(solution.x, reference(matrix, b)[0], 1e-5)
    single = operator.astype(np.float32).nullspace
    assert (0 if single is None else single.count) == count


@pytest.mark.parametrize("solver", ["minres", "lsmr"])
def test_methods_with_solutions_of_least_norm(solver):
    for name, matrix in MATRICES.items():
        if solver == "minres" and not np.array_equal(matrix, matrix.T):
            continue
        b = consistent(matrix)
        solution = ritz.solve(FORMS["sparse"](matrix), b, solver, rtol=1e-12, throw=False)
        if solution.converged:
            same(solution.x, reference(matrix, b)[0])
        assert solution.converged or name in ("normalised 90", "rank 13 of 20"), (name, solution)


def test_products_alone():
    matrix = MATRICES["rank 13 of 20"]
    operator = MatrixFree(lambda x: matrix @ x, matrix.shape, transpose=lambda x: matrix.T @ x)
    b = consistent(matrix)
    assert ritz.solve(operator, b, "lsmr").converged
    forward = MatrixFree(lambda x: matrix @ x, matrix.shape)
    solution = ritz.solve(forward, np.ones(20), throw=False)
    assert np.isfinite(solution.x).all()
    assert solution.residual <= 1.0


def test_dense_matrices_do_not_refuse_what_their_row_sums_suggest():
    assert ritz.solve(Dense(path(3)), np.array([1.0, 0.0, 0.0]), throw=False).status is ritz.Status.LEAST_SQUARES
