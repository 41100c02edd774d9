"""mic-cg on grids: the factor, its agreement with the matrix path, and where it cannot work."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.errors import InvalidProblem
from ritz.operators import Sparse, Stencil
from ritz.registry import preconditioners

SIDES = ("dirichlet", "neumann", "periodic")
NAMES = ("incomplete-cholesky", "modified-incomplete-cholesky", "symmetric-gauss-seidel")


@st.composite
def stencils(draw, shifts=(0.0, 0.3), largest=9):
    """Grids of one to three dimensions, odd sizes and single layers among them."""
    shape = tuple(draw(st.lists(st.integers(1, largest), min_size=1, max_size=3)))
    # Rings of three cells are left out: fill within them is kept by rows, and dropped on the grid.
    boundary = tuple((draw(st.sampled_from(SIDES[:2] if cells == 3 else SIDES)),) * 2 for cells in shape)
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    solid = generator.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.5]))
    solid.flat[0] = False
    coefficient = np.exp(draw(st.sampled_from([0.0, 3.0])) * generator.standard_normal(shape))
    return Stencil(
        shape,
        boundary=boundary,
        coefficient=coefficient if draw(st.booleans()) else None,
        solid=solid if solid.any() else None,
        solid_boundary="neumann",
        shift=draw(st.sampled_from(shifts)),
    )


def rough(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n)


@settings(deadline=None, max_examples=60)
@given(stencil=stencils(shifts=(0.3,)), name=st.sampled_from(NAMES))
def test_grid_sweeps_are_those_of_the_matrix(stencil, name):
    block = rough((stencil.shape[0], 2))
    options = {"relaxation": 0.9} if name == "modified-incomplete-cholesky" else {}
    on_grid = preconditioners[name](**options).build(stencil) @ block
    by_rows = preconditioners[name](**options).build(Sparse(stencil.to_sparse())) @ block
    np.testing.assert_allclose(on_grid, by_rows, atol=3e-6 * np.abs(by_rows).max())


@settings(deadline=None, max_examples=25)
@given(stencil=stencils(shifts=(0.3,), largest=6))
def test_modified_factor_keeps_row_sums(stencil):
    """With relaxation 1 the factored matrix and the operator agree on constants, and its spectrum starts at 1."""
    n = stencil.shape[0]
    inverse = preconditioners["modified-incomplete-cholesky"](relaxation=1.0).build(stencil)
    np.testing.assert_allclose(inverse @ (stencil @ np.ones(n)), np.ones(n), rtol=1e-3)
    spectrum = np.sort(np.linalg.eigvals(inverse @ stencil.to_dense()).real)
    assert spectrum[0] > 1.0 - 1e-3
    symmetric = inverse @ np.eye(n)
    np.testing.assert_allclose(symmetric, symmetric.T, atol=1e-13 * np.abs(symmetric).max())


@settings(deadline=None, max_examples=40)
@given(stencil=stencils(), seed=st.integers(0, 100))
def test_solution_is_that_of_the_dense_system(stencil, seed):
    rhs = stencil @ rough(stencil.shape[0], seed)
    solution = ritz.solve(stencil, rhs, "mic-cg", rtol=1e-10)
    assert np.linalg.norm(rhs - stencil.to_dense() @ solution.x) <= 1.01e-10 * np.linalg.norm(rhs)
    if stencil.nullspace is not None:
        np.testing.assert_allclose(stencil.nullspace.sums(solution.x), 0.0, atol=1e-8 * (1 + abs(solution.x).sum()))


@pytest.mark.parametrize(
    "problem",
    [
        ritz.problems.poisson((31, 46), obstacles=3),
        ritz.problems.poisson((12, 11, 13), obstacles=2),
        ritz.problems.diffusion((40, 33), contrast=1e6),
        ritz.problems.poisson((30, 31), boundary="neumann"),
        ritz.problems.poisson((8, 9, 10), boundary="periodic"),
    ],
    ids=["obstacles 2-D", "obstacles 3-D", "jumps", "neumann", "periodic"],
)
def test_takes_the_course_of_preconditioned_cg(problem):
    preconditioner = preconditioners["modified-incomplete-cholesky"]()
    fused = ritz.solve(problem, "mic-cg")
    general = ritz.solve(problem, "cg", preconditioner=preconditioner)
    early = slice(0, 10)  # later on, rounding leads them apart
    np.testing.assert_allclose(fused.history[early], general.history[early], rtol=1e-3)
    assert abs(fused.iterations - general.iterations) <= 2
    assert ritz.solve(problem, "cg").iterations > 2 * fused.iterations


def test_one_dimension_takes_one_iteration():
    problem = ritz.problems.poisson((513,))
    assert ritz.solve(problem, "mic-cg", relaxation=0.5, rtol=1e-6).iterations <= 2  # single-precision factors


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 1, 1)])
def test_single_cell(shape):
    assert ritz.solve(Stencil(shape, spacing=0.5), np.array([16.0 * len(shape)]), "mic-cg").x == pytest.approx([1.0])
    alone = ritz.solve(Stencil(shape, boundary="neumann"), np.zeros(1), "mic-cg")
    assert alone.x.tolist() == [0.0]


def test_blocks_and_torch_take_the_same_course():
    problem = ritz.problems.poisson((20, 21), obstacles=2)
    block = np.stack([problem.rhs, 2 * problem.rhs[::-1] * ~problem.operator.solid.ravel(), 0 * problem.rhs], axis=1)
    prepared = ritz.solvers.krylov.mic_conjugate_gradients.MICConjugateGradients().prepare(problem)
    together = prepared.solve(block)
    for column in range(3):
        np.testing.assert_allclose(together.x[:, column], prepared.solve(block[:, column]).x, rtol=1e-6, atol=1e-12)
    tensors = prepared.solve(torch.tensor(block))
    assert isinstance(tensors.x, torch.Tensor)
    np.testing.assert_allclose(tensors.x, together.x, rtol=1e-12)
    assert tensors.iterations == together.iterations


def test_best_iterate_survives_a_callback_that_stops():
    problem = ritz.problems.poisson((40, 40), obstacles=2)
    seen = []
    stopped = ritz.solve(
        problem, "mic-cg", callback=lambda i, x, residual: seen.append((x.copy(), residual)) or i == 9, throw=False
    )
    assert stopped.status is ritz.Status.INTERRUPTED
    assert stopped.iterations == 9
    for x, residual in seen:
        true = np.linalg.norm(problem.rhs - problem.operator @ x) / np.linalg.norm(problem.rhs)
        assert residual == pytest.approx(true, rel=1e-6)
    assert stopped.residual <= min(residual for _, residual in seen) * 1.001


@pytest.mark.parametrize("as_matrix", [False, True])
def test_indefinite_operators_end_in_a_status(as_matrix):
    """Positive on the diagonal, then not."""
    for shift in (-1.5, -5.0):
        operator = Stencil((12, 13), shift=shift)
        if as_matrix:
            operator = Sparse(operator.to_sparse())
        solution = ritz.solve(operator, rough(156), "mic-cg", throw=False)
        assert solution.status is ritz.Status.INDEFINITE
        assert solution.residual <= 1.0


def test_pivots_that_fail_are_shifted():
    """A floating grid factored with relaxation 1 has a last pivot of zero."""
    stencil = Stencil((9, 7), boundary="neumann")
    rhs = stencil @ rough(63)
    assert ritz.solve(stencil, rhs, "mic-cg", relaxation=1.0).converged


@pytest.mark.parametrize("name", NAMES[:2])
def test_preconditioners_refuse_a_diagonal_that_is_not_positive(name):
    with pytest.raises(InvalidProblem, match=r"needs a positive diagonal, and entry 0 is .*use 'minres' or 'lu'"):
        preconditioners[name]().build(Stencil((4, 5), shift=-9.0))


def test_refusals():
    with pytest.raises(InvalidProblem, match="relaxation is 2"):
        ritz.solve(np.eye(2), np.ones(2), "mic-cg", relaxation=2)
    with pytest.raises(InvalidProblem, match="needs a symmetric operator"):
        ritz.solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2), "mic-cg")


def test_default_relaxation_follows_the_mesh():
    """On a grid and on its matrix alike; a matrix that tells nothing of a grid gets 0.97."""
    problem = ritz.problems.poisson((64, 64))
    default = ritz.solve(problem, "mic-cg").history
    np.testing.assert_allclose(default, ritz.solve(problem, "mic-cg", relaxation=1 - 1 / 64).history)
    matrix = Sparse(problem.operator.to_sparse())
    given, by_bandwidth = (
        preconditioners["modified-incomplete-cholesky"](relaxation=value).build(matrix) @ problem.rhs
        for value in (1 - 1 / 64, None)
    )
    np.testing.assert_allclose(by_bandwidth, given)
    order = np.random.default_rng(0).permutation(64 * 64)
    shuffled = Sparse(sp.csr_array(problem.operator.to_sparse()[order][:, order]))
    given, by_bandwidth = (
        preconditioners["modified-incomplete-cholesky"](relaxation=value).build(shuffled) @ problem.rhs
        for value in (0.97, None)
    )
    np.testing.assert_allclose(by_bandwidth, given)
