"""Sketches: products of every kind, what they promise, and what they refuse."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import Kronecker, MatrixFree
from ritz.problem_types.least_squares import RowBlocks
from ritz.solvers.regression.sketches.hadamard import HadamardRows
from ritz.solvers.regression.sketches.row_sample import RowSample
from ritz.solvers.regression.sketches.sketch import Sketch, apply_sketch, sketch_size
from ritz.solvers.regression.sketches.sketch_kinds import SKETCHES, make_sketch
from ritz.solvers.regression.sketches.sparse_sign import SparseSign
from ritz.solvers.regression.sketches.srht import SRHT
from ritz.solvers.regression.sketches.tensor_srht import TensorSRHT


def _factors(rows: int) -> tuple[int, int]:
    return next((a, rows // a) for a in range(int(rows**0.5), 0, -1) if rows % a == 0)


KINDS: dict[str, Callable[[int, int, int], Sketch]] = {
    **SKETCHES,
    "sparse-sign-3": lambda size, rows, seed: SparseSign(size, rows, seed, nnz=3),
    "cosine": lambda size, rows, seed: SRHT(size, rows, seed, transform="cosine"),
    "tensor-srht": lambda size, rows, seed: TensorSRHT(size, _factors(rows), seed),
    "row-sample": lambda size, rows, seed: RowSample(size, np.linspace(1.0, 2.0, rows), seed),
}
MIXING = ("srht", "cosine", "gaussian-pooled", "tensor-srht")
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@settings(max_examples=15, deadline=None)
@given(
    size=st.integers(8, 40),
    rows=st.integers(41, 700),
    columns=st.sampled_from([(), (1,), (3,), (19,)]),
    seed=st.integers(0, 2**32),
)
def test_products_agree_with_the_matrix(kind: str, size: int, rows: int, columns: tuple[int, ...], seed: int):
    sketch = KINDS[kind](size, rows, seed)
    matrix = sketch.to_dense()
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((rows, *columns)), generator.standard_normal((size, *columns))
    close = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(sketch @ x, matrix @ x, **close)
    np.testing.assert_allclose(sketch.T @ y, matrix.T @ y, **close)
    assert np.vdot(sketch @ x, y) == pytest.approx(np.vdot(x, sketch.T @ y), abs=1e-9)
    for tensor, expected in ((sketch @ torch.tensor(x), matrix @ x), (sketch.T @ torch.tensor(y), matrix.T @ y)):
        assert isinstance(tensor, torch.Tensor)
        np.testing.assert_allclose(tensor.numpy(), expected, **close)
    assert (sketch @ x.astype(np.float32)).dtype == np.float32
    np.testing.assert_array_equal(KINDS[kind](size, rows, seed) @ x, sketch @ x)
    assert not np.array_equal(KINDS[kind](size, rows, seed + 1) @ x, sketch @ x)


@every_kind
def test_sparse_and_streamed_matrices(kind: str):
    sketch = KINDS[kind](30, 3000, 5)
    generator = np.random.default_rng(0)
    A = generator.standard_normal((3000, 6))
    sparse = sp.random_array((3000, 6), density=0.01, format="csr", rng=generator)
    product = sketch @ sparse
    assert sp.issparse(product) == (kind in ("count-sketch", "sparse-sign", "sparse-sign-3", "row-sample"))
    dense = product.toarray() if sp.issparse(product) else product
    np.testing.assert_allclose(dense, sketch @ sparse.toarray(), atol=1e-12)
    np.testing.assert_allclose(apply_sketch(sketch, sparse), dense, atol=1e-12)
    operator = MatrixFree(lambda x: A @ x, A.shape)
    np.testing.assert_allclose(apply_sketch(sketch, operator), sketch @ A, atol=1e-12)
    cuts = (0, 700, 1024, 2900, 3000)
    for whole in (A, sparse):
        blocks = RowBlocks([whole[a:b] for a, b in pairwise(cuts)], 3000)
        if kind in MIXING:
            with pytest.raises(InvalidProblem, match="block by block"):
                apply_sketch(sketch, blocks)
        else:
            np.testing.assert_allclose(apply_sketch(sketch, blocks), apply_sketch(sketch, whole), atol=1e-12)


@every_kind
def test_lengths_are_right_on_average(kind: str):
    """E S'S = I, so the mean of the squared length over seeds is within five standard errors."""
    x = np.zeros(256)
    x[:3] = 1.0, -2.0, 2.0
    squares = np.array([np.square(KINDS[kind](32, 256, seed) @ x).sum() / 9.0 for seed in range(300)])
    assert abs(squares.mean() - 1.0) < 5.0 * squares.std() / 300**0.5
    other = np.random.default_rng(1).standard_normal(256)
    other -= x * (x @ other) / 9.0
    products = [(KINDS[kind](32, 256, seed) @ x) @ (KINDS[kind](32, 256, seed) @ other) for seed in range(300)]
    assert abs(np.mean(products)) < 5.0 * np.std(products) / 300**0.5


@every_kind
@settings(max_examples=10, deadline=None)
@given(columns=st.integers(1, 6), spiked=st.booleans(), seed=st.integers(0, 2**20))
def test_subspaces_are_embedded(kind: str, columns: int, spiked: bool, seed: int):
    """Singular values of S U lie in 1 +- eps; coordinate vectors, the worst case of all that sample, included."""
    eps = 0.6
    rows = 1200
    generator = np.random.default_rng(seed)
    basis = np.linalg.qr(generator.standard_normal((rows, columns)))[0]
    if spiked and kind != "row-sample":  # which must know the leverage scores
        basis[:, 0] = np.eye(rows)[seed % rows]
        basis = np.linalg.qr(basis)[0]
    size = sketch_size(columns, eps, delta=1e-9)
    if kind in ("count-sketch", "tensor-srht", "row-sample"):  # whose bounds are weaker
        size = 600
    values = np.linalg.svd(KINDS[kind](size, rows, seed) @ basis, compute_uv=False)
    assert 1.0 - eps < values[-1] <= values[0] < 1.0 + eps


def test_guarantees():
    for kind, make in KINDS.items():
        sparse = kind in ("count-sketch", "sparse-sign", "sparse-sign-3", "row-sample")
        assert make(10, 100, 0).guarantees == ({"l2"} if sparse else {"l2", "linf"})


@settings(max_examples=40, deadline=None)
@given(power=st.integers(0, 13), rows=st.integers(1, 60), columns=st.integers(1, 40), seed=st.integers(0, 99))
def test_hadamard_rows(power: int, rows: int, columns: int, seed: int):
    length = 2**power
    generator = np.random.default_rng(seed)
    count = int(generator.integers(1, length + 1))
    x, signs = generator.standard_normal((count, columns)), generator.choice([-1.0, 1.0], count)
    chosen = generator.integers(0, length, rows)
    bits = np.bitwise_count(chosen[:, None] & np.arange(count)) % 2  # row i, column j: (-1)^(i . j)
    expected = (1.0 - 2.0 * bits) @ (signs[:, None] * x)
    for given_x in (x, np.asfortranarray(x)):
        np.testing.assert_allclose(HadamardRows(length, chosen)(given_x, signs), expected, atol=1e-9)


def test_hadamard_matrix_is_sylvesters():
    np.testing.assert_array_equal(HadamardRows(64)(np.eye(64), np.ones(64)), scipy.linalg.hadamard(64))


def test_kronecker_products_are_not_formed():
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((100, 4)), generator.standard_normal((90, 3))
    sketch = TensorSRHT(2000, (100, 90), seed=1)
    product = Kronecker(a, b)
    sketched = apply_sketch(sketch, product)
    np.testing.assert_allclose(sketched, sketch @ np.kron(a, b), atol=1e-10)
    ratio = np.linalg.norm(sketched, 2) / np.linalg.norm(np.kron(a, b), 2)
    assert 0.8 < ratio < 1.2


def test_coordinates_of_sketched_solutions_separate():
    """Largest coordinate error times sqrt(d) / eps: bounded for dense sketches, growing for CountSketch."""
    problem = ritz.problems.adversarial_regression(4096, 256)

    def largest(kind: str, seed: int) -> float:
        sketch = make_sketch(kind, 2048, 4096, seed)
        return float(abs(np.linalg.lstsq(sketch @ problem.A, sketch @ problem.b, rcond=None)[0]).max())

    kinds = ("srht", "gaussian-pooled", "count-sketch")
    scaled = {kind: 2048**0.5 * np.mean([largest(kind, seed) for seed in range(4)]) for kind in kinds}
    assert scaled["srht"] < 5.0
    assert scaled["gaussian-pooled"] < 5.0
    assert scaled["count-sketch"] > 2.0 * scaled["srht"]


def test_sketch_size_follows_the_published_bounds():
    assert sketch_size(100, 0.1) == pytest.approx((10 + np.sqrt(2 * np.log(200))) ** 2 / 0.01, abs=1)
    linf = sketch_size(100, 0.5, 0.01, "linf", rows=10**6)
    assert linf == pytest.approx(100 * np.log(1e8) ** 3 / 0.25, abs=1)
    assert sketch_size(100, 0.25, 0.01, "linf", rows=10**6) == pytest.approx(4 * linf, abs=4)
    assert sketch_size(200, 0.5, 0.01, "linf", rows=10**6) == pytest.approx(2 * linf, abs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sketch_size(0, 0.1), "columns is 0"),
        (lambda: sketch_size(5, 1.5), "eps is 1.5"),
        (lambda: sketch_size(5, 0.5, 0.0), "delta is 0.0"),
        (lambda: sketch_size(5, 0.5, norm="linf"), "rows is None"),
        (lambda: sketch_size(5, 0.5, norm="l3"), "unknown norm 'l3'"),
        (lambda: make_sketch("shrt", 5, 10), "did you mean 'srht'"),
        (lambda: SRHT(65, 64), "size is 65"),
        (lambda: SRHT(5, 64, transform="fourier"), "unknown transform"),
        (lambda: SparseSign(4, 64, nnz=8), "nnz is 8"),
        (lambda: RowSample(5, np.array([1.0, -1.0])), "weights must be"),
        (lambda: make_sketch("gaussian", 0, 10), "size is 0"),
        (lambda: make_sketch("gaussian", 5, 10, seed=-1), "seed is -1"),
        (lambda: HadamardRows(12), "length is 12"),
        (lambda: KINDS["gaussian-pooled"](5, 10, 0) @ np.ones(11), r"takes \(10,\)"),
        (lambda: KINDS["count-sketch"](5, 10, 0) @ sp.eye_array(11), "applied to a matrix"),
    ],
)
def test_bad_arguments(call: Callable[[], object], message: str):
    with pytest.raises((InvalidProblem, UnknownName), match=message):
        call()


def test_sparse_sketches_warn_where_coordinates_matter():
    problem = ritz.problems.regression(2000, 5, condition=10.0)
    with pytest.warns(UserWarning, match="fewer than 8 entries"):
        ritz.solve(problem, "sketch-solve", sketch="count-sketch", norm="linf", throw=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ritz.solve(problem, "sketch-solve", sketch="sparse-sign", norm="linf", throw=False)
        ritz.solve(problem, "sketch-solve", sketch="srht", norm="linf", throw=False)
