"""Operators multiply as the matrices they stand for, in every kind, dtype and backend."""

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import torch
from hypothesis import given, settings
from operator_checks import SEEDS, check_entries, check_product, check_promises, check_scipy

from ritz.errors import InvalidProblem
from ritz.operators import (
    Dense,
    Diagonal,
    Kronecker,
    KroneckerSum,
    LowRank,
    MatrixFree,
    Operator,
    Sparse,
    Stencil,
    Tag,
    aslinearoperator,
)
from ritz.operators.checks import asymmetry


def spd(rng, n):
    root = rng.standard_normal((n, n))
    return root @ root.T + np.eye(n)


def random_matrix(rng, m, n):
    return sp.random_array((m, n), density=0.5, rng=rng).toarray() + np.eye(m, n)


def build(kind, rng):
    """Return an operator of a kind, and its matrix."""
    m, n, r = (int(value) for value in rng.integers(1, 6, 3))
    a, b, c = random_matrix(rng, m, n), random_matrix(rng, m, n), random_matrix(rng, n, r)
    square = random_matrix(rng, n, n)
    eye_m, eye_n = np.eye(m), np.eye(n)
    values = rng.standard_normal(n)
    cases = {
        "dense": lambda: (Dense(a), a),
        "sparse": lambda: (Sparse(a), a),
        "diagonal": lambda: (Diagonal(values), np.diag(values)),
        "matrix free": lambda: (MatrixFree(lambda x: a @ x, a.shape, transpose=lambda x: a.T @ x), a),
        "matrix free blocks": lambda: (
            MatrixFree(lambda x: a @ x, a.shape, transpose=lambda x: a.T @ x, blocks=True),
            a,
        ),
        "kronecker": lambda: (Kronecker(a, Sparse(c), square), np.kron(np.kron(a, c), square)),
        "kronecker sum": lambda: (
            KroneckerSum(square, spd(np.random.default_rng(0), m)),
            np.kron(square, eye_m) + np.kron(eye_n, spd(np.random.default_rng(0), m)),
        ),
        "low rank": lambda: (LowRank(a, square, c.T), a @ square @ c) if r else None,
        "low rank symmetric": lambda: (LowRank(a, values), a @ np.diag(values) @ a.T),
        "sum": lambda: (Dense(a) + sp.csr_array(b), a + b),
        "difference": lambda: (Dense(a) - b, a - b),
        "product": lambda: (Sparse(a) @ Dense(c), a @ c),
        "scaled": lambda: (-2.5 * Sparse(a) / 2.0, -1.25 * a),
        "transposed": lambda: (Sparse(a).T, a.T),
        "product transposed": lambda: ((Sparse(a) @ Dense(c)).T, (a @ c).T),
        "normal equations": lambda: (Dense(a).T @ Dense(a), a.T @ a),
        "nested": lambda: (
            3.0 * (Dense(a).T @ (Sparse(a) + Dense(b))) + Diagonal(values),
            3.0 * a.T @ (a + b) + np.diag(values),
        ),
        "stencil": lambda: (Stencil((m, n), boundary="mixed"), Stencil((m, n), boundary="mixed").to_dense()),
    }
    return cases[kind]()


KINDS = [
    "dense",
    "sparse",
    "diagonal",
    "matrix free",
    "matrix free blocks",
    "kronecker",
    "kronecker sum",
    "low rank",
    "low rank symmetric",
    "sum",
    "difference",
    "product",
    "scaled",
    "transposed",
    "product transposed",
    "normal equations",
    "nested",
    "stencil",
]


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=12)
@given(seed=SEEDS)
def test_every_kind_is_its_matrix(kind, seed):
    rng = np.random.default_rng(seed)
    operator, matrix = build(kind, rng)
    check_product(operator, matrix, rng, cancelled=1.0 if kind == "difference" else 0.0)
    check_promises(operator, matrix)
    check_scipy(operator, matrix, rng)
    if not kind.startswith("matrix free") or matrix.shape[0] == matrix.shape[1]:
        check_entries(operator, matrix)


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: Dense(np.eye(3)) @ np.ones(4), r"shape \(4,\); it takes \(3,\) or \(3, k\)"),
        (lambda: Sparse(np.eye(3)) @ np.ones((3, 2, 2)), "it takes"),
        (lambda: Stencil(3) @ (1j * np.ones(3)), "real"),
        (lambda: Stencil(3) @ torch.ones(3, dtype=torch.complex64), "real"),
        (lambda: Dense(np.eye(3)) @ "abc", "real"),
        (lambda: Dense(np.eye(3)) + np.eye(4), "cannot add"),
        (lambda: Dense(np.eye(3)) @ Dense(np.ones((4, 2))), "cannot multiply"),
        (lambda: Dense(np.eye(3)) * Dense(np.eye(3)), "@ multiplies"),
        (lambda: Dense(np.ones(3)), "dimension"),
        (lambda: Diagonal(np.ones((3, 3))), "dimension"),
        (lambda: Sparse(1j * np.eye(3)), "complex"),
        (lambda: Dense(np.eye(3, dtype=np.float16)), "float16"),
        (lambda: aslinearoperator(np.ones((2, 2, 2))), r"\(2, 2, 2\)"),
        (lambda: aslinearoperator("matrix"), "str"),
        (lambda: aslinearoperator(None), "NoneType"),
        (lambda: aslinearoperator([[1.0], [1.0, 2.0]]), "list"),
        (lambda: aslinearoperator(torch.eye(2, dtype=torch.bfloat16)), "float16"),
        (lambda: aslinearoperator(spla.aslinearoperator(1j * np.eye(2))), "complex"),
        (lambda: MatrixFree(lambda x: x, (3, 3)).T @ np.ones(3), "no transpose"),
        (lambda: MatrixFree(lambda x: x[:2], (3, 3)) @ np.ones(3), "must return"),
        (lambda: MatrixFree(lambda x: x, (5000, 5000)).to_dense(), "5000 columns"),
        (lambda: Kronecker(), "Kronecker"),
        (lambda: KroneckerSum(np.ones((2, 3))), "square"),
        (lambda: LowRank(np.ones((4, 2)), np.eye(3)), "middle"),
        (lambda: LowRank(np.ones((4, 2)), right=np.ones((4, 3))), "right"),
    ],
)
def test_misuse_gives_one_clear_error(attempt, message):
    with pytest.raises(InvalidProblem, match=message):
        attempt()


def test_scipy_solvers_take_an_operator_as_it_is():
    rng = np.random.default_rng(0)
    operator = Stencil((9, 11), coefficient=rng.uniform(1.0, 2.0, (9, 11)))
    rhs = rng.standard_normal(99)
    exact = spla.spsolve(operator.to_sparse(), rhs)
    for solve in (spla.cg, spla.minres, spla.gmres, spla.bicgstab):
        x, info = solve(operator, rhs, rtol=1e-10)
        assert info == 0
        np.testing.assert_allclose(x, exact, atol=1e-7 * np.abs(exact).max())
    largest = spla.eigsh(operator, 1, return_eigenvectors=False)
    np.testing.assert_allclose(largest, np.linalg.eigvalsh(operator.to_dense())[-1], rtol=1e-8)


@pytest.mark.parametrize("other", [np.eye(6), sp.eye_array(6), sp.eye(6), Dense(np.eye(6)), torch.eye(6)])
def test_operators_mix_with_other_matrices_from_both_sides(other):
    operator = Stencil((2, 3))
    matrix, x = operator.to_dense(), np.arange(6.0)
    sums = [operator + other, operator - other]
    if not isinstance(other, torch.Tensor):
        sums += [other + operator, -(other - operator)]
    for signed, combined in zip((1, -1, 1, -1), sums, strict=False):
        assert isinstance(combined, Operator)
        np.testing.assert_allclose(combined @ x, matrix @ x + signed * x)
    if isinstance(other, np.ndarray | torch.Tensor):  # an array is a block of columns
        np.testing.assert_allclose(operator @ other, matrix)
        np.testing.assert_allclose(other @ operator, matrix)
    else:
        np.testing.assert_allclose((operator @ other) @ x, matrix @ x)
        np.testing.assert_allclose((other @ operator) @ x, matrix @ x)


@pytest.mark.parametrize("layout", ["dense", "coo", "csr"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.bool])
def test_torch_matrices_become_operators(layout, dtype):
    tensor = torch.tensor([[2, 0, 1], [0, 1, 0], [1, 0, 1]]).to(dtype)
    given_tensor = {"dense": tensor, "coo": tensor.to_sparse(), "csr": tensor.to_sparse_csr()}[layout]
    operator = aslinearoperator(given_tensor)
    assert operator.dtype == (np.float32 if dtype == torch.float32 else np.float64)
    assert operator.tags == {Tag.SYMMETRIC}
    np.testing.assert_array_equal(operator.to_dense(), tensor.numpy().astype(float))


def test_definite_tags_follow_from_the_parts():
    neumann, dirichlet = Stencil(5, boundary="neumann"), Stencil(5)
    assert Tag.POSITIVE_DEFINITE in (neumann + dirichlet).tags
    assert Tag.SEMIDEFINITE in (neumann + neumann).tags
    assert Tag.POSITIVE_DEFINITE in (2.0 * dirichlet).tags
    assert (-dirichlet).tags == {Tag.SYMMETRIC}
    assert Tag.POSITIVE_DEFINITE in Kronecker(dirichlet, dirichlet).tags
    assert Tag.SEMIDEFINITE in Kronecker(dirichlet, neumann).tags
    assert Kronecker(dirichlet, Dense(np.triu(np.ones((2, 2))))).tags == frozenset()
    assert Tag.POSITIVE_DEFINITE in KroneckerSum(dirichlet, neumann).tags
    both = KroneckerSum(neumann, neumann)
    assert Tag.SEMIDEFINITE in both.tags
    assert both.nullspace is not None
    assert both.nullspace.count == 1
    assert Tag.POSITIVE_DEFINITE in (dirichlet.T @ dirichlet).tags
    tall = Dense(np.ones((2, 3)))
    assert Tag.SEMIDEFINITE in (tall.T @ tall).tags
    assert Tag.SEMIDEFINITE in (tall @ tall.T).tags
    assert LowRank(np.ones((3, 2)), np.array([1.0, -1.0])).tags == {Tag.SYMMETRIC}


def test_asymmetry_finds_one_wrong_entry_and_forgives_rounding():
    rng = np.random.default_rng(0)
    n = 100_000
    for dtype in (np.float64, np.float32):
        matrix = Stencil(n, coefficient=10.0 ** rng.uniform(-4, 4, n), dtype=dtype).to_sparse()
        assert asymmetry(Sparse(matrix)) == 0.0
        spoilt = matrix.copy()
        entry = spoilt.indptr[n // 3]
        spoilt.data[entry] *= 3.0
        assert asymmetry(Sparse(spoilt)) > 0.0
    basis = rng.standard_normal((300, 300))
    assert asymmetry(Dense(basis @ np.diag(10.0 ** rng.uniform(-6, 6, 300)) @ basis.T)) == 0.0
    assert asymmetry(Dense(basis)) > 1e-2
    assert asymmetry(Dense(np.zeros((4, 4)))) == 0.0


def test_gradients_reach_through_compiled_products_twice():
    operator = Stencil((3, 4), boundary="neumann")
    x = torch.rand(12, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: operator @ value, (x,))
    assert torch.autograd.gradgradcheck(lambda value: (operator @ value) ** 2, (x,))
