"""Operators multiply as the matrices they stand for, in every kind, dtype and backend."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
import scipy.sparse as sp
import scipy.sparse.linalg as spla
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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

SEEDS = st.integers(0, 2**32 - 1)
SIDES = st.one_of(st.just(("periodic", "periodic")), st.tuples(*[st.sampled_from(["dirichlet", "neumann"])] * 2))


@dataclass
class StencilCase:
    """Arguments of a Stencil, and its matrix assembled entry by entry from the definition."""

    shape: tuple[int, ...]
    boundary: tuple[tuple[str, str], ...]
    spacing: list[float]
    coefficient: object
    values: np.ndarray  # of the coefficient: axis, then cell
    solid: np.ndarray
    solid_boundary: str
    shift: float
    centering: str
    matrix: np.ndarray = field(init=False)

    def __post_init__(self):
        size = int(np.prod(self.shape))
        number = np.arange(size).reshape(self.shape)
        wall = 2.0 if self.centering == "cell" else 1.0
        self.matrix = np.zeros((size, size))
        for cell in itertools.product(*map(range, self.shape)):
            row = number[cell]
            if self.solid[cell]:
                continue
            self.matrix[row, row] += self.shift
            for axis, step in itertools.product(range(len(self.shape)), (-1, 1)):
                here = self.values[(axis, *cell)] / self.spacing[axis] ** 2
                neighbour = list(cell)
                neighbour[axis] += step
                if not 0 <= neighbour[axis] < self.shape[axis]:
                    condition = self.boundary[axis][0 if step < 0 else 1]
                    if condition == "dirichlet":
                        self.matrix[row, row] += wall * here
                    if condition != "periodic":
                        continue
                    neighbour[axis] %= self.shape[axis]
                neighbour = tuple(neighbour)
                if self.solid[neighbour]:
                    if self.solid_boundary == "dirichlet":
                        self.matrix[row, row] += wall * here
                    continue
                there = self.values[(axis, *neighbour)] / self.spacing[axis] ** 2
                flux = 2.0 / (1.0 / here + 1.0 / there)
                self.matrix[row, row] += flux
                self.matrix[row, number[neighbour]] -= flux

    def operator(self, dtype=np.float64):
        return Stencil(
            self.shape,
            spacing=self.spacing,
            coefficient=self.coefficient,
            boundary=self.boundary,
            solid=self.solid,
            solid_boundary=self.solid_boundary,
            shift=self.shift,
            centering=self.centering,
            dtype=dtype,
        )


@st.composite
def stencils(draw):
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=3)))
    dimension = len(shape)
    rng = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(["one", "axes", "cells"]))
    if kind == "axes" and shape != (dimension,):
        coefficient = rng.uniform(0.5, 2.0, dimension)
        values = np.broadcast_to(coefficient.reshape(-1, *[1] * dimension), (dimension, *shape))
    else:
        coefficient = 1.7 if kind == "one" else 10.0 ** rng.uniform(-3, 3, shape)
        values = np.broadcast_to(coefficient, (dimension, *shape))
    solid = rng.random(shape) < draw(st.sampled_from([0.0, 0.2, 0.6]))
    solid.flat[rng.integers(solid.size)] = False
    return StencilCase(
        shape=shape,
        boundary=tuple(draw(SIDES) for _ in shape),
        spacing=rng.uniform(0.5, 2.0, dimension).tolist(),
        coefficient=coefficient,
        values=values,
        solid=solid,
        solid_boundary=draw(st.sampled_from(["neumann", "dirichlet"])),
        shift=draw(st.sampled_from([0.0, 0.0, 1.5, -0.3])),
        centering=draw(st.sampled_from(["cell", "vertex"])),
    )


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


KINDS = (
    "dense sparse diagonal|matrix free|matrix free blocks|kronecker|kronecker sum|low rank|low rank symmetric|sum|"
    "difference|product|scaled|transposed|product transposed|normal equations|nested|stencil"
)
KINDS = ["dense", "sparse", *KINDS.split("sparse ")[1].split("|")]


def check_product(operator: Operator, matrix: np.ndarray, rng):
    """Assert that `operator` multiplies as `matrix` does, for every kind of array there is."""
    m, n = matrix.shape
    assert operator.shape == (m, n)
    scale = np.abs(matrix).sum() + 1e-300
    x, y, block = rng.standard_normal(n), rng.standard_normal(m), rng.standard_normal((n, 3))
    kept = x.copy(), block.copy()

    def close(product, expected, relative=1e-13):
        assert product.shape == expected.shape
        np.testing.assert_allclose(np.asarray(product), expected, rtol=0, atol=relative * scale * 10)

    close(operator @ x, matrix @ x)
    close(operator @ block, matrix @ block)
    close(operator @ np.asfortranarray(block), matrix @ block)
    close(operator @ np.repeat(block, 2, axis=0)[::2], matrix @ block)
    close(operator @ block[:, :1], matrix @ block[:, :1])
    close(operator @ block[:, :0], np.zeros((m, 0)))
    close(operator @ np.arange(n), matrix @ np.arange(n))
    close(operator.T @ y, matrix.T @ y)
    close(y @ operator, y @ matrix)
    close(np.stack([y, 2 * y]) @ operator, np.stack([y, 2 * y]) @ matrix)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(block, kept[1])

    # Linearity and the adjoint identity.
    close(operator @ (2.0 * x - block[:, 0]), 2.0 * (operator @ x) - operator @ block[:, 0])
    assert abs(y @ (operator @ x) - (operator.T @ y) @ x) <= 1e-12 * scale * np.linalg.norm(x) * np.linalg.norm(y)

    # torch: float64, float32, blocks, integers, gradients.
    product = operator @ torch.from_numpy(x)
    assert isinstance(product, torch.Tensor)
    assert product.dtype == torch.float64
    close(product, matrix @ x)
    close(operator @ torch.from_numpy(block), matrix @ block)
    close(operator @ torch.from_numpy(block[:, :0]), np.zeros((m, 0)))
    close(operator.T @ torch.from_numpy(y), matrix.T @ y)
    close(torch.from_numpy(y) @ operator, y @ matrix)
    single = operator @ torch.from_numpy(x).float()
    assert single.dtype == torch.float32
    close(single, matrix @ x, 1e-6)
    assert (operator @ torch.arange(n)).dtype == torch.float64
    tracked = torch.from_numpy(x).requires_grad_()
    (operator @ tracked).dot(torch.from_numpy(y)).backward()
    close(tracked.grad, matrix.T @ y)


def check_entries(operator: Operator, matrix: np.ndarray):
    tolerance = {"rtol": 0, "atol": 1e-12 * (np.abs(matrix).sum() + 1e-300)}
    np.testing.assert_allclose(operator.to_dense(), matrix, **tolerance)
    assert isinstance(operator.to_sparse(), sp.csr_array)
    np.testing.assert_allclose(operator.to_sparse().toarray(), matrix, **tolerance)
    np.testing.assert_allclose(operator.diagonal(), np.diagonal(matrix), **tolerance)
    converted = operator.astype(np.float32)
    assert converted.dtype == np.float32
    assert converted.tags == operator.tags
    product = converted @ np.ones(matrix.shape[1], dtype=np.float32)
    assert product.dtype == np.float32
    np.testing.assert_allclose(product, matrix.sum(axis=1), rtol=0, atol=1e-5 * (np.abs(matrix).sum() + 1e-300))
    assert (converted @ np.ones(matrix.shape[1])).dtype == np.float64


def check_promises(operator: Operator, matrix: np.ndarray):
    size = np.abs(matrix).max(initial=0.0) + 1e-300
    if Tag.SYMMETRIC in operator.tags:
        assert np.abs(matrix - matrix.T).max() <= 1e-12 * size
        assert operator.T is operator
        eigenvalues = np.linalg.eigvalsh(matrix)
        if Tag.POSITIVE_DEFINITE in operator.tags:
            assert eigenvalues.min() > 0
        if Tag.SEMIDEFINITE in operator.tags:
            assert eigenvalues.min() >= -1e-12 * size * len(matrix)
    else:
        assert not operator.tags
    if operator.nullspace is not None:
        basis = operator.nullspace.basis().toarray()
        assert np.abs(operator @ basis).max(initial=0.0) <= 1e-12 * size * len(matrix)
        np.testing.assert_allclose(basis.T @ basis, np.eye(operator.nullspace.count), atol=1e-14)


def check_scipy(operator: Operator, matrix: np.ndarray, rng):
    x, block, y = (
        rng.standard_normal(matrix.shape[1]),
        rng.standard_normal((matrix.shape[1], 2)),
        rng.standard_normal(len(matrix)),
    )
    there = operator.to_scipy()
    tolerance = {"rtol": 0, "atol": 1e-12 * (np.abs(matrix).sum() + 1e-300)}
    np.testing.assert_allclose(there @ x, matrix @ x, **tolerance)
    np.testing.assert_allclose(there @ block, matrix @ block, **tolerance)
    np.testing.assert_allclose(there.H @ y, matrix.T @ y, **tolerance)
    np.testing.assert_allclose(spla.aslinearoperator(operator) @ x, matrix @ x, **tolerance)
    back = aslinearoperator(there)
    np.testing.assert_allclose(back @ block, matrix @ block, **tolerance)
    np.testing.assert_allclose(back.T @ y, matrix.T @ y, **tolerance)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=12)
@given(seed=SEEDS)
def test_every_kind_is_its_matrix(kind, seed):
    rng = np.random.default_rng(seed)
    operator, matrix = build(kind, rng)
    check_product(operator, matrix, rng)
    check_promises(operator, matrix)
    check_scipy(operator, matrix, rng)
    if not kind.startswith("matrix free") or matrix.shape[0] == matrix.shape[1]:
        check_entries(operator, matrix)


@settings(deadline=None, max_examples=150)
@given(case=stencils(), seed=SEEDS)
def test_stencil_is_its_definition(case, seed):
    operator, rng = case.operator(), np.random.default_rng(seed)
    solid, matrix = case.solid.ravel(), case.matrix.copy()
    assembled = operator.to_dense()
    np.testing.assert_allclose(assembled[np.ix_(~solid, ~solid)], matrix[np.ix_(~solid, ~solid)], rtol=1e-12, atol=0)
    if solid.any():  # identity rows of the size of the others, without coupling
        typical = np.unique(np.diag(assembled)[solid])
        assert typical.size == 1
        entries = np.abs(np.diag(matrix)[~solid])
        assert entries.min() * 0.999 <= typical[0] <= entries.max() * 1.001 or entries.max() == 0 < typical[0]
        matrix[solid, solid] = typical[0]
    check_product(operator, matrix, rng)
    check_entries(operator, matrix)
    check_promises(operator, matrix)

    # Both ways to multiply tensors agree; the other one serves devices that are not main memory.
    block = torch.from_numpy(rng.standard_normal((len(matrix), 2)))
    np.testing.assert_allclose(
        operator._multiply_tensor(block), matrix @ block.numpy(), rtol=0, atol=1e-12 * np.abs(matrix).sum() + 1e-300
    )

    # The couplings are minus the entries that they say.
    for axis, along in enumerate(operator.couplings):
        assert along.shape == case.shape
        number = np.arange(len(matrix)).reshape(case.shape)
        following = np.roll(number, -1, axis)
        if case.shape[axis] > 2:
            np.testing.assert_allclose(along, -matrix[number, following], rtol=1e-12)


@settings(deadline=None, max_examples=100)
@given(case=stencils())
def test_stencil_tags_and_nullspace_are_exact(case):
    operator = case.operator()
    if case.shift < 0:
        assert operator.tags == {Tag.SYMMETRIC}
        assert operator.nullspace is None
        return
    fluid = ~case.solid.ravel()
    diagonal = np.sqrt(np.maximum(np.diag(case.matrix), 1e-300))  # equal scales, so that rank is well defined
    scaled = (case.matrix / np.outer(diagonal, diagonal))[np.ix_(fluid, fluid)]
    scaled[np.diag(case.matrix)[fluid] == 0] = 0.0
    nullity = int((np.linalg.eigvalsh(scaled) < 1e-10).sum())
    assert (Tag.POSITIVE_DEFINITE in operator.tags) == (nullity == 0)
    assert (Tag.SEMIDEFINITE in operator.tags) == (nullity > 0)
    assert (0 if operator.nullspace is None else operator.nullspace.count) == nullity
    if operator.nullspace is not None:
        assert (operator.nullspace.labels[case.solid.ravel()] == -1).all()
        found = Sparse(operator.to_sparse(), tags={Tag.SYMMETRIC}).nullspace  # read off the matrix
        assert found is not None
        np.testing.assert_array_equal(found.labels >= 0, operator.nullspace.labels >= 0)
        assert found.count == nullity


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("centering", ["cell", "vertex"])
def test_constant_stencil_is_a_kronecker_sum(dimension, centering):
    def second_difference(n):
        matrix = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
        if centering == "cell":
            matrix[0, 0] = matrix[-1, -1] = 3.0
        return matrix

    shape = (4, 3, 5)[:dimension]
    expected = KroneckerSum(*(second_difference(n) / 0.25**2 for n in shape))
    np.testing.assert_array_equal(Stencil(shape, spacing=0.25, centering=centering).to_dense(), expected.to_dense())


def test_constant_and_variable_kernels_agree_on_long_rows():
    rng = np.random.default_rng(0)
    for shape in [(200,), (7, 130), (130, 7), (5, 40, 70)]:
        for boundary in ("mixed", "periodic", "neumann"):
            constant = Stencil(shape, boundary=boundary, spacing=0.3, shift=0.5)
            variable = Stencil(shape, boundary=boundary, spacing=0.3, shift=0.5, coefficient=np.ones(shape))
            assert constant.constant
            assert not variable.constant
            for columns in [(), (1,), (4,)]:
                x = rng.standard_normal((constant.shape[0], *columns))
                for operators in [(constant, variable), (constant.astype("f4"), variable.astype("f4"))]:
                    first, second = (operator @ x.astype(operator.dtype) for operator in operators)
                    assert first.dtype == operators[0].dtype
                    error = np.abs(first - second).max() / np.abs(first).max()
                    assert error <= 20 * np.finfo(first.dtype).eps


def test_stencil_copies_the_mask_and_leaves_the_coefficient():
    solid, coefficient = np.zeros((3, 3), dtype=bool), np.ones((3, 3))
    solid[1, 1] = True
    coefficient[1, 1] = np.nan  # not read in solid cells
    operator = Stencil((3, 3), solid=solid, coefficient=coefficient)
    before = operator.to_dense()
    solid[0, 0] = True
    assert np.isnan(coefficient[1, 1])
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(operator.to_dense(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": ()}, "shape"),
        ({"shape": (2, 2, 2, 2)}, "shape"),
        ({"shape": (3, 0)}, "shape"),
        ({"shape": 2.5}, "shape"),
        ({"spacing": 0.0}, "spacing"),
        ({"spacing": (1.0, 2.0, 3.0)}, "spacing"),
        ({"spacing": "a"}, "spacing"),
        ({"coefficient": -1.0}, "coefficient"),
        ({"coefficient": np.nan}, "coefficient"),
        ({"coefficient": np.ones((4, 3))}, r"coefficient has shape \(4, 3\)"),
        (
            {"coefficient": np.array([[1.0, 2, 3, 4], [1, 2, 0, 4], [1, 2, 3, 4]])},
            r"coefficient is 0.0 at cell \(1, 2\)",
        ),
        ({"coefficient": 1j}, "coefficient"),
        ({"boundary": "robin"}, "robin"),
        ({"boundary": {"z-": "neumann"}}, "z-"),
        ({"boundary": {"x-": "periodic"}}, "periodic"),
        ({"solid": np.zeros((3, 4))}, "solid"),
        ({"solid": np.zeros((4, 3), dtype=bool)}, "solid"),
        ({"solid": np.ones((3, 4), dtype=bool)}, "solid is True in every cell"),
        ({"solid_boundary": "periodic"}, "solid_boundary"),
        ({"shift": np.inf}, "shift"),
        ({"shift": [1.0, 2.0]}, "shift"),
        ({"centering": "edge"}, "centering"),
        ({"dtype": np.int64}, "dtype"),
        ({"dtype": np.float16}, "dtype"),
        ({"dtype": "nonsense"}, "dtype"),
    ],
)
def test_stencil_names_the_argument_that_is_wrong(arguments, message):
    with pytest.raises(InvalidProblem, match=message):
        Stencil(**{"shape": (3, 4), **arguments})


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
