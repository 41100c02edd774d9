"""Matrices from outside: damaged index arrays, all formats, byte orders, masks, and inputs that must not change."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import ritz
from ritz.errors import InvalidProblem
from ritz.operators import Dense, Sparse, aslinearoperator
from ritz.registry import solvers
from ritz.solvers.regression.column_space.leverage_scores import leverage_scores
from ritz.solvers.regression.sketches.sparse_sign import SparseSign

N = 40
FORMATS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")


def second_differences() -> sp.csr_array:
    return sp.csr_array(sp.diags_array([-1.0, 4.0, -1.0], offsets=[-1, 0, 1], shape=(N, N)))


def damaged() -> dict[str, sp.sparray]:
    """Return sparse matrices whose arrays contradict each other, each in a way of its own."""
    found: dict[str, sp.sparray] = {}
    ones, pointers = np.ones(N), np.arange(N + 1)
    for kind in ("csr", "csc"):
        make = getattr(sp, f"{kind}_array")
        found[f"{kind} one beyond"] = make((ones, np.arange(1, N + 1), pointers), shape=(N, N))
        found[f"{kind} far beyond"] = make((ones, np.arange(N) * 5_000_000, pointers), shape=(N, N))
        found[f"{kind} negative"] = make((ones, np.arange(N) - 1, pointers), shape=(N, N))
        found[f"{kind} 64 bits"] = make((ones, np.arange(N, dtype=np.int64) + 2**40, pointers), shape=(N, N))
        A = second_differences().asformat(kind)
        A.indptr = A.indptr.copy()
        A.indptr[3], A.indptr[4] = A.indptr[4], A.indptr[3]
        found[f"{kind} decreasing pointers"] = A
        A = second_differences().asformat(kind)
        A.indptr = A.indptr + 1
        found[f"{kind} pointers from one"] = A
        A = second_differences().asformat(kind)
        A.indptr = A.indptr[:-1]
        found[f"{kind} a pointer lacks"] = A
        A = second_differences().asformat(kind)
        A.data = A.data[:-5]
        found[f"{kind} values lack"] = A
        A = second_differences().asformat(kind)
        A.indices = A.indices[:-5]
        found[f"{kind} indices lack"] = A
    blocks = sp.bsr_array((np.ones((2, 2, 2)), [0, 1], [0, 1, 2]), shape=(4, 4))
    blocks.indices[1] = 7_000_000
    found["bsr"] = blocks
    for axis in (0, 1):
        A = second_differences().tocoo()
        A.coords[axis][5] = N + 3
        found[f"coo axis {axis}"] = A
        A = second_differences().tocoo()
        A.coords[axis][5] = -1
        found[f"coo axis {axis} negative"] = A
    A = second_differences().tolil()
    A.rows[3] = [1, 2, 3_000_000]
    found["lil"] = A
    A = second_differences().tolil()
    A.data[3] = list(range(1000))
    found["lil lengths"] = A
    A = second_differences().todok()
    A._dict[(N + 60, 3)] = 1.0
    found["dok"] = A
    A = second_differences().todia()
    A.offsets = np.arange(1000, dtype=np.int32)
    found["dia"] = A
    return found


DAMAGED = damaged()
ENTRANCES = {
    "operator": aslinearoperator,
    "Sparse": Sparse,
    "sum": lambda A: Dense(np.eye(A.shape[0])) + A,
    "product": lambda A: Dense(np.eye(A.shape[0])) @ A,
    "system": lambda A: ritz.solve(A, np.ones(A.shape[0])),
    "preconditioner": lambda A: ritz.solve(second_differences(), np.ones(N), "cg", preconditioner=A),
    "least squares": lambda A: ritz.LeastSquares(A, np.ones(A.shape[0])),
    "row blocks": lambda A: ritz.solve(ritz.LeastSquares([A, A], np.ones(2 * A.shape[0])), "gram-refine"),
    "lp": lambda A: ritz.LpRegression(A, np.ones(A.shape[0]), p=1),
    "graph": ritz.AttributedGraph,
    "attributes": lambda A: ritz.AttributedGraph(np.ones((A.shape[0],) * 2), A),
    "named attributes": lambda A: ritz.AttributedGraph(np.ones((A.shape[0],) * 2), {"words": A}),
    "affine form": lambda A: ritz.AffineForm([A], lambda mu: [1.0], np.ones((1, A.shape[0]))),
    "clustering": lambda A: ritz.estimators.SpectralClustering(2, affinity="precomputed").fit(A),
    "regression": lambda A: ritz.estimators.SketchedLinearRegression().fit(A, np.arange(A.shape[0])),
    "spectrum": lambda A: ritz.solvers.spectrum.eigenvalues(A, 1),
    "leverage": leverage_scores,
    "sketch": lambda A: SparseSign(16, A.shape[0], nnz=2) @ A,
}


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_damaged_matrices_are_refused_wherever_they_enter(entrance):
    for name, matrix in DAMAGED.items():
        with pytest.raises(InvalidProblem, match=r"index|pointers|entries|damaged|cannot be read|sparse") as caught:
            ENTRANCES[entrance](matrix)
        assert len(str(caught.value)) < 300, name


def test_damaged_tensors_are_refused():
    starts, columns, ones = torch.arange(N + 1), torch.arange(1, N + 1), torch.ones(N, dtype=torch.float64)
    square = (N, N)
    tensors = [
        torch.sparse_csr_tensor(starts, columns, ones, square, check_invariants=False),
        torch.sparse_csc_tensor(starts, columns, ones, square, check_invariants=False),
        torch.sparse_csr_tensor(starts.flip(0), columns - 1, ones, square, check_invariants=False),
        torch.sparse_coo_tensor(torch.stack([columns, columns]), ones, square, check_invariants=False),
    ]
    for tensor, entrance in itertools.product(tensors, ("operator", "least squares", "lp", "graph", "attributes")):
        with pytest.raises(InvalidProblem, match="damaged"):
            ENTRANCES[entrance](tensor)


def untidy(form: str) -> tuple[sp.sparray, np.ndarray]:
    """Return a positive definite matrix with unsorted, repeated and zero entries and 64-bit indices, and it dense."""
    generator = np.random.default_rng(3)
    A = second_differences().tocoo()
    rows, columns = (np.concatenate([part, part, [0, 5]]).astype(np.int64) for part in A.coords)
    values = np.concatenate([0.25 * A.data, 0.75 * A.data, [0.0, 0.0]])
    order = generator.permutation(rows.size)
    order = order[np.argsort(rows[order], kind="stable")]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=N))])
    compressed = (values[order], columns[order], pointers)  # the matrix is symmetric: rows or columns, it is the same
    made = {
        "csr": lambda: sp.csr_array(compressed, shape=(N, N)),
        "csc": lambda: sp.csc_array(compressed, shape=(N, N)),
        "coo": lambda: sp.coo_array((values, (rows, columns)), shape=(N, N)),
        "spare room": lambda: sp.csr_array(compressed, shape=(N, N)),
    }
    matrix = made[form]() if form in made else A.asformat(form)
    if form == "spare room":
        matrix.data = np.concatenate([matrix.data, [np.nan, 7.0]])
        matrix.indices = np.concatenate([matrix.indices, [10**9, -4]])
    return matrix, second_differences().toarray()


def snapshot(matrix: sp.sparray) -> list[np.ndarray]:
    names = ("data", "indices", "indptr", "row", "col", "offsets")
    return [np.array(getattr(matrix, name), copy=True) for name in names if hasattr(matrix, name)]


def solved(problem, name: str) -> np.ndarray | None:
    try:
        return ritz.solve(problem, name, rtol=1e-9).x
    except (ritz.MissingExtra, InvalidProblem, ritz.ConvergenceError):
        return None


@pytest.mark.parametrize("form", [*FORMATS, "spare room"])
def test_untidy_matrices_are_solved_and_left_alone(form):
    matrix, dense = untidy(form)
    before = snapshot(matrix)
    b = np.sin(np.arange(N))
    expected = np.linalg.solve(dense, b)
    names = ("cg", "lu", "cholesky", "amg-cg", "bootstrap-amg", "gmres", "scipy-spsolve", "auto")
    answers = [(name, solved(ritz.LinearSystem(matrix, b), name)) for name in names]
    answers += [(name, solved(ritz.LeastSquares(matrix, b), name)) for name in ("lstsq", "gram-refine", "scipy-lsmr")]
    answers += [(name, solved(ritz.LpRegression(matrix, b, p=1), name)) for name in ("lp", "lp-highs")]
    told = {name for name, x in answers if x is not None}
    assert {"cg", "lu", "cholesky", "bootstrap-amg", "lstsq", "lp"} <= told
    for name, x in answers:
        if x is not None:
            np.testing.assert_allclose(x, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    for was, now in zip(before, snapshot(matrix), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
@pytest.mark.parametrize("form", FORMATS)
def test_empty_matrices_become_operators_and_no_problems(shape, form):
    matrix = sp.bsr_array(shape) if form == "bsr" else sp.csr_array(shape).asformat(form)
    assert aslinearoperator(matrix).shape == shape
    for entrance in ("system", "lp", "graph"):
        with pytest.raises(InvalidProblem, match=r"empty|x 3|x 0|must be"):
            ENTRANCES[entrance](matrix)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", ["f4", "f8", "i2", "i4", "i8"])
def test_byte_order_does_not_matter(order, size):
    dense = second_differences().toarray()
    given, b = dense.astype(order + size), np.arange(1.0, N + 1).astype(order + size)
    options = {"rtol": 1e-5}
    expected = np.linalg.solve(dense, np.arange(1.0, N + 1))
    tampered = sp.csr_array(second_differences().astype(size))
    tampered.data = tampered.data.astype(order + size)
    tampered.indices = tampered.indices.astype(">i4")
    for A in (given, tampered, aslinearoperator(given)):
        for name in ("cg", "lu", "amg-cg", "auto"):
            x = ritz.solve(A, b, name, x0=None if name == "lu" else b.astype(order + size), **options).x
            assert x.dtype.isnative
            np.testing.assert_allclose(x, expected, rtol=1e-3)
    x = ritz.solve(ritz.LeastSquares(given, b), rtol=1e-5).x
    np.testing.assert_allclose(x, expected, rtol=1e-3)
    np.testing.assert_allclose(aslinearoperator(tampered) @ b, dense @ np.arange(1.0, N + 1), rtol=1e-6)
    np.testing.assert_allclose(ritz.solve(ritz.LpRegression(given, b, p=1), rtol=1e-5).x, expected, rtol=1e-3)


def test_matrix_objects_count_as_arrays():
    dense, b = second_differences().toarray(), np.ones(N)
    expected = np.linalg.solve(dense, b)
    A, column = np.matrix(dense), np.matrix(b).T
    for problem in (ritz.LinearSystem(A, b), ritz.LinearSystem(A, column), ritz.LeastSquares(A, column)):
        x = ritz.solve(problem).x
        assert type(x) is np.ndarray
        np.testing.assert_allclose(x.ravel(), expected, rtol=1e-6)
    np.testing.assert_allclose(ritz.solve(ritz.LpRegression(A, b, p=1)).x, expected, rtol=1e-6)
    assert type(aslinearoperator(A) @ column) is np.ndarray
    adjacency = np.matrix(dense < 0)
    assert ritz.AttributedGraph(adjacency, np.matrix(dense)).edges == N - 1


VECTORS = {
    "rhs": lambda b: ritz.LinearSystem(np.eye(3), b),
    "exact": lambda b: ritz.LinearSystem(np.eye(3), np.ones(3), exact=b),
    "x0": lambda b: ritz.solve(np.eye(3), np.ones(3), "cg", x0=b),
    "later rhs": lambda b: solvers["cg"]().prepare(ritz.LinearSystem(np.eye(3), np.ones(3))).solve(b),
    "b": lambda b: ritz.LeastSquares(np.eye(3), b),
    "b of lp": lambda b: ritz.LpRegression(np.eye(3), b, p=1),
}


@pytest.mark.parametrize("entrance", VECTORS)
def test_sparse_and_masked_vectors_are_refused_with_what_would_work(entrance):
    column = np.array([[1.0], [0.0], [2.0]])
    for sparse in (*(sp.csr_array(column).asformat(form) for form in FORMATS), sp.csr_matrix(column)):
        with pytest.raises(InvalidProblem, match=r"sparse.*\(3, 1\).*toarray"):
            VECTORS[entrance](sparse)
    with pytest.raises(InvalidProblem, match=r"sparse.*\(3,\).*to_dense"):
        VECTORS[entrance](torch.tensor([1.0, 0.0, 2.0]).to_sparse())
    with pytest.raises(InvalidProblem, match=r"masked.*filled"):
        VECTORS[entrance](np.ma.masked_equal([1.0, 0.0, 2.0], 0.0))


def test_masked_matrices_are_refused():
    masked = np.ma.masked_equal(np.array([[2.0, 0.0], [0.0, 3.0]]), 3.0)
    for entrance in ("operator", "system", "least squares", "lp", "graph", "attributes"):
        with pytest.raises(InvalidProblem, match="masked"):
            ENTRANCES[entrance](masked)
    with pytest.raises(InvalidProblem, match="masked"):
        aslinearoperator(np.eye(2)) @ masked
