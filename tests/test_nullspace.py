"""Nullspaces made of constants: projections, consistency, and finding them in matrices."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ritz.errors import InvalidProblem
from ritz.operators import Diagonal, Nullspace, Sparse, Stencil, Tag


@st.composite
def nullspaces(draw):
    labels = draw(arrays(np.int64, st.integers(1, 30), elements=st.integers(-1, 3)))
    present = np.unique(labels[labels >= 0])
    return Nullspace(np.where(labels >= 0, np.searchsorted(present, labels), -1))


@settings(deadline=None, max_examples=60)
@given(nullspace=nullspaces(), seed=st.integers(0, 1000))
def test_projection_is_the_orthogonal_one(nullspace, seed):
    n = nullspace.labels.size
    block = np.random.default_rng(seed).standard_normal((n, 3))
    basis = nullspace.basis().toarray()
    assert basis.shape == (n, nullspace.count)
    np.testing.assert_allclose(basis.T @ basis, np.eye(nullspace.count), atol=1e-14)
    projected = nullspace.project(block)
    np.testing.assert_allclose(projected, block - basis @ (basis.T @ block), atol=1e-13)
    np.testing.assert_allclose(nullspace.project(projected), projected, atol=1e-14)
    np.testing.assert_allclose(nullspace.project(block[:, 0]), projected[:, 0], atol=1e-14)
    np.testing.assert_allclose(nullspace.component_norm(block), np.abs(basis.T @ block), atol=1e-13)
    np.testing.assert_allclose(nullspace.sums(block[:, 0]), nullspace.sums(block)[:, 0], atol=1e-13)
    tensor = nullspace.project(torch.from_numpy(block).float())
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor, projected, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_intersection_is_what_both_contain(data):
    first = data.draw(nullspaces())
    labels = data.draw(arrays(np.int64, first.labels.size, elements=st.integers(-1, 2)))
    present = np.unique(labels[labels >= 0])
    second = Nullspace(np.where(labels >= 0, np.searchsorted(present, labels), -1))
    # x lies in both where x - P x = 0 for both projections P onto the nullspaces.
    n = labels.size
    conditions = np.vstack([np.eye(n) - part.basis() @ part.basis().T.toarray() for part in (first, second)])
    dimension = n - np.linalg.matrix_rank(conditions, tol=1e-10)
    both = first.intersection(second)
    assert (0 if both is None else both.count) == dimension
    if both is not None:
        np.testing.assert_allclose(conditions @ both.basis().toarray(), 0.0, atol=1e-13)


def test_inconsistent_rhs_names_the_region():
    nullspace = Nullspace(np.array([0, 0, -1, 1, 1, 1]))
    nullspace.check_consistent(np.array([1.0, -1.0, 9.0, 1.0, 1.0, -2.0]), 1e-12)
    with pytest.raises(InvalidProblem, match=r"region 1 of 2 \(3 unknowns, the first is number 3\).*is 0.5"):
        nullspace.check_consistent(np.array([1.0, -1.0, 9.0, 1.0, 1.5, -2.0]), 1e-12)
    block = np.zeros((6, 2))
    block[0, 1] = 1.0
    nullspace.check_consistent(block, np.array([0.0, 1.0]))
    with pytest.raises(InvalidProblem, match="region 0 of 2"):
        nullspace.check_consistent(block, np.array([1.0, 0.0]))


def found(matrix):
    return Nullspace.of_matrix(sp.csr_array(matrix))


def test_regions_are_found_in_matrices():
    periodic = Stencil((4, 5), boundary="periodic").to_sparse()
    assert found(periodic).labels.tolist() == [0] * 20
    two = sp.block_diag([periodic, Stencil(3).to_sparse(), periodic], format="csr")
    assert found(two).labels.tolist() == [0] * 20 + [-1] * 3 + [1] * 20
    assert found(np.zeros((2, 2))).labels.tolist() == [0, 1]
    assert found([[1.0, -1.0], [-1.0, 1.0]]).count == 1
    assert found([[1.0, 1.0], [1.0, 1.0]]) is None  # singular, but not through a constant
    assert found([[2.0, -1.0], [-1.0, 2.0]]) is None
    assert found([[1.0, -1.0, 0.0], [-1.0, 1.5, -0.5], [0.0, -0.5, 0.5 + 1e-9]]) is None


def test_stored_zeros_connect_nothing():
    neumann = Stencil(3, boundary="neumann").to_sparse()
    matrix = sp.block_diag([neumann, sp.eye_array(2)], format="coo")
    rows, columns = np.append(matrix.coords[0], [2, 3]), np.append(matrix.coords[1], [3, 2])
    stored = sp.csr_array((np.append(matrix.data, [0.0, 0.0]), (rows, columns)), shape=(5, 5))
    assert stored.nnz > matrix.nnz
    assert found(stored).labels.tolist() == [0, 0, 0, -1, -1]
    assert stored.nnz > matrix.nnz


def test_float32_tells_a_small_shift_from_none():
    shape, spacing = (40, 40), 1 / 256
    for shift, singular in ((0.0, True), (1.0, False)):
        matrix = Stencil(shape, spacing=spacing, boundary="neumann", shift=shift).to_sparse()
        assert (found(matrix) is not None) == singular
        assert (found(matrix.astype(np.float32)) is not None) == singular


def test_sums_of_singular_operators():
    neumann = Stencil((2, 3), boundary="neumann")
    assert (neumann + 2.0 * neumann).nullspace.count == 1
    pinned = Diagonal(np.array([1.0, 0, 0, 0, 0, 0]))
    assert pinned.nullspace.count == 5
    assert (neumann + pinned).nullspace is None
    assert (neumann + Diagonal(np.zeros(6))).nullspace.labels.tolist() == [0] * 6
    assert (neumann.T @ neumann).nullspace.count == 1
    assert (-neumann).nullspace.count == 1


def test_sparse_searches_only_where_it_may():
    laplacian = [[1.0, -1.0], [-1.0, 1.0]]
    assert Sparse(laplacian, tags={Tag.SYMMETRIC}).nullspace.count == 1
    assert Sparse(laplacian).nullspace is None
    assert Sparse(laplacian, tags={Tag.SYMMETRIC}).astype(np.float32).nullspace.count == 1


def test_obstacles_cut_a_box_into_regions():
    solid = np.zeros((4, 7), dtype=bool)
    solid[:, 3] = True
    left = Stencil(
        (4, 7),
        boundary={"x-": "neumann", "x+": "neumann", "y+": "neumann"},
        solid=solid,
        solid_boundary="neumann",
    )
    assert left.nullspace.count == 1  # the left part touches the Dirichlet side y-
    assert (left.nullspace.labels.reshape(4, 7)[:, 4:] == 0).all()
    assert (left.nullspace.labels.reshape(4, 7)[:, :4] == -1).all()
    right = Stencil((4, 7), boundary="neumann", solid=solid, solid_boundary="neumann")
    assert right.nullspace.count == 2
    around = Stencil(
        (4, 7),
        boundary={"y-": "periodic", "y+": "periodic", "x-": "neumann", "x+": "neumann"},
        solid=solid,
        solid_boundary="neumann",
    )
    assert around.nullspace.count == 1
    solid[:] = True
    solid[1, 1] = solid[2, 5] = False
    isolated = Stencil((4, 7), boundary="neumann", solid=solid, solid_boundary="neumann")
    assert isolated.nullspace.count == 2  # two cells, nothing around them
    assert Stencil((4, 7), boundary="neumann", solid=solid).nullspace is None  # walls hold u = 0 by default
