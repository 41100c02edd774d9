"""What solvers of linear systems refuse or answer with a status: raw errors and dropped gradients are neither."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from contract import installed_solvers
from systems import laplacian

import ritz
from ritz.errors import SingularMatrix
from ritz.operators import Tag
from ritz.operators.sparse_factors import sparse_factors
from ritz.registry import solvers

pytestmark = pytest.mark.filterwarnings("error")

NAMES = [name for name in installed_solvers() if name == "auto" or solvers[name].solves is ritz.LinearSystem]


def structurally_singular(seed, n=38):
    """Return a sparse matrix most of whose rows are empty or share their only column, as directed graphs have."""
    generator = np.random.default_rng(seed)
    rows, columns = generator.integers(0, n // 2, (2, n))
    return sp.csr_array((np.ones(n), (rows, columns)), shape=(n, n))


ODD = {f"structurally singular {seed}": structurally_singular(seed) for seed in range(6)} | {
    "strictly upper": sp.csr_array(np.triu(np.ones((12, 12)), 1)),
    "arrow": sp.csr_array(np.outer(np.eye(9)[0], np.ones(9)) + np.outer(np.ones(9), np.eye(9)[0])),
    "zero": sp.csr_array((7, 7)),
    "one by one zero": sp.csr_array((1, 1)),
    "one entry": sp.csr_array(([1.0], ([2], [2])), shape=(5, 5)),
    "negative": sp.csr_array(-laplacian(8)),
    "zero diagonal": sp.csr_array(np.ones((6, 6)) - np.eye(6)),
    "stored zeros": sp.csr_array((np.zeros(4), ([0, 1, 2, 3], [1, 0, 3, 2])), shape=(4, 4)),
}


@pytest.mark.parametrize("matrix_name", ODD)
@pytest.mark.parametrize("name", NAMES)
def test_odd_matrices_end_with_a_status_or_one_clear_error(name, matrix_name):
    matrix = ODD[matrix_name]
    n = matrix.shape[0]
    for b in (np.ones(n), np.zeros(n), np.eye(n, 2), matrix @ np.ones(n)):
        try:
            solution = ritz.solve(matrix, b, name, throw=False)
        except ritz.InvalidProblem:
            continue
        norms = np.linalg.norm(b, axis=0)
        true = np.linalg.norm(b - matrix @ solution.x, axis=0)
        assert np.isfinite(solution.x).all()
        assert (true <= norms + 1e-12).all()
        assert solution.converged == bool((true <= 1e-8 * norms).all())


def test_the_factorisation_calls_singular_what_superlu_cannot_match():
    for name, matrix in ODD.items():
        if name in ("negative", "zero diagonal"):
            continue
        for symmetric in (False, True):
            if name == "one entry" and symmetric:
                continue
            with pytest.raises(SingularMatrix):
                sparse_factors(matrix, symmetric=symmetric)


@pytest.mark.parametrize("given", [-3, 0, 1.5, True, "many", None])
def test_numbers_of_expected_solves(given):
    with pytest.raises(ritz.InvalidProblem, match="expected_solves is"):
        ritz.LinearSystem(np.eye(2), np.ones(2), expected_solves=given)


def test_empty_names_of_solvers():
    for call in (
        lambda: ritz.solve(np.eye(2), np.ones(2), solver=""),
        lambda: ritz.solve(np.eye(2), np.ones(2), ""),
        lambda: ritz.solve(np.eye(2), np.ones(2), solver=0),
        lambda: ritz.solve(np.eye(2), np.ones(2), solver=[]),
    ):
        with pytest.raises(ritz.InvalidProblem, match="solver"):
            call()


# Gradients.

SYMMETRIC = laplacian(5, 4) + sp.eye_array(20)
CONVECTION = sp.csr_array(SYMMETRIC + 0.2 * sp.eye_array(20, k=1))


@pytest.mark.parametrize("shape", [(20,), (20, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_right_or_refused(name, shape):
    """The gradient of g.x with respect to b solves the same system with g, if the matrix is symmetric."""
    generator = np.random.default_rng(0)
    operator = ritz.operators.Stencil((5, 4), shift=1.0, centering="vertex")
    g = generator.standard_normal(shape)
    b = torch.tensor(generator.standard_normal(shape), requires_grad=True)
    solution = ritz.solve(operator, b, name, rtol=1e-10)
    (solution.x * torch.tensor(g)).sum().backward()
    np.testing.assert_allclose(b.grad.numpy(), np.linalg.solve(operator.to_dense(), g), atol=1e-8)
    if Tag.SYMMETRIC not in getattr(solvers[name], "requires", ()) and name != "transform":
        with pytest.raises(ritz.InvalidProblem, match="rhs requires gradients"):
            ritz.solve(CONVECTION, b, name)
        assert not ritz.solve(CONVECTION, b.detach(), name).x.requires_grad
        with torch.no_grad():
            assert not ritz.solve(CONVECTION, b, name).x.requires_grad


def test_gradients_through_a_nullspace_and_a_check():
    matrix = laplacian(6).toarray()
    matrix[0, 0] = matrix[-1, -1] = 1.0
    b = torch.tensor(matrix @ np.arange(6.0), requires_grad=True)
    system = ritz.operators.aslinearoperator(sp.csr_array(matrix))
    ritz.solve(system, b, "minres", rtol=1e-12).x[0].backward()
    np.testing.assert_allclose(b.grad.numpy(), np.linalg.pinv(matrix)[0], atol=1e-10)
    rhs = torch.tensor(np.random.default_rng(1).standard_normal(20), requires_grad=True)
    assert torch.autograd.gradcheck(lambda b: ritz.solve(SYMMETRIC, b, "cg", rtol=1e-12).x, rhs)


def test_operators_that_require_gradients_are_refused():
    entries = torch.tensor(SYMMETRIC.toarray(), requires_grad=True)
    with pytest.raises(ritz.InvalidProblem, match="operator requires gradients"):
        ritz.solve(entries, torch.ones(20, dtype=torch.float64))
    assert ritz.solve(entries.detach(), torch.ones(20, dtype=torch.float64)).converged
    with torch.no_grad():
        assert ritz.solve(entries, torch.ones(20, dtype=torch.float64)).converged
