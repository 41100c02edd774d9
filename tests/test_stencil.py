"""Stencils are the finite volumes that their definition says, for every boundary, mask and coefficient."""

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from operator_checks import SEEDS, check_entries, check_product, check_promises

from ritz.errors import InvalidProblem
from ritz.kernels import parallel_chunks
from ritz.operators import KroneckerSum, Sparse, Stencil, Tag

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


@st.composite
def long_stencils(draw):
    """Grids of many rows, some axes of one or two cells, so that loops over several rows and all their ends run."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 17, 40]), min_size=2, max_size=3)))
    if draw(st.booleans()):
        shape = (*shape[:-1], draw(st.sampled_from([300, 5000])) if len(shape) == 2 else 130)
    rng = np.random.default_rng(draw(SEEDS))
    kind = draw(st.sampled_from(["constant", "masked", "axes", "variable", "both"]))
    solid = None
    if kind in ("masked", "both"):
        solid = rng.random(shape) < draw(st.sampled_from([0.02, 0.5]))
        solid.flat[0] = False
    coefficient = {"axes": rng.uniform(0.5, 2.0, len(shape))}.get(kind)
    if kind in ("variable", "both"):
        coefficient = rng.uniform(0.5, 2.0, shape)
    return Stencil(
        shape,
        spacing=rng.uniform(0.5, 2.0, len(shape)),
        coefficient=coefficient,
        boundary=tuple(draw(SIDES) for _ in shape),
        solid=solid,
        solid_boundary=draw(st.sampled_from(["neumann", "dirichlet"])),
        shift=draw(st.sampled_from([0.0, 0.7])),
        dtype=draw(st.sampled_from([np.float64, np.float32])),
    )


@settings(deadline=None, max_examples=100)
@given(operator=long_stencils(), columns=st.sampled_from([(), (1,), (3,)]), threads=st.integers(2, 5), seed=SEEDS)
def test_products_are_those_of_the_matrix_on_any_number_of_threads(operator, columns, threads, seed):
    rng = np.random.default_rng(seed)
    x, z = (rng.standard_normal((operator.shape[0], *columns)).astype(operator.dtype) for _ in range(2))
    if operator.solid is not None:
        x[operator.solid.ravel()] *= 1e3  # rows of obstacles are rows like all others
    matrix = operator.to_sparse()
    size = abs(matrix) @ np.abs(x)
    eps = np.finfo(operator.dtype).eps
    product = operator @ x
    assert product.dtype == operator.dtype
    assert (np.abs(product - matrix @ x) <= 20 * eps * size).all()
    twice = operator @ (x + z) - product - operator @ z
    assert (np.abs(twice) <= 20 * eps * (size + abs(matrix) @ np.abs(z))).all()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel_chunks, "CHUNK_BYTES", 1)
        patch.setattr(parallel_chunks, "thread_limit", lambda: threads)
        np.testing.assert_array_equal(operator @ x, product)


@pytest.mark.parametrize("boundary", ["dirichlet", "neumann", "periodic", "mixed"])
@pytest.mark.parametrize("shape", [(5,), (4, 3), (3, 1, 4)])
def test_couplings_give_the_operator_back(shape, boundary):
    coefficient = np.random.default_rng(0).uniform(0.5, 2.0, shape)
    original = Stencil(shape, spacing=0.3, coefficient=coefficient, boundary=boundary, shift=0.7)
    total = sum(along + np.roll(along, 1, axis) for axis, along in enumerate(original.couplings))
    walls = np.maximum(original.diagonal().reshape(shape) - total, 0.0)
    back = Stencil.from_couplings(original.couplings, walls)
    np.testing.assert_allclose(back.to_dense(), original.to_dense(), rtol=1e-13, atol=1e-13)
    assert back.tags == original.tags
    check_product(back, back.to_dense(), np.random.default_rng(1))
    check_entries(back, back.to_dense())


def test_couplings_tell_boundary_and_nullspace():
    inner = np.array([1.0, 0.0, 2.0, 0.0])
    apart = Stencil.from_couplings([inner])
    assert apart.boundary == (("neumann", "neumann"),)
    assert apart.nullspace.labels.tolist() == [0, 0, 1, 1]
    fixed = Stencil.from_couplings([inner], np.array([1.0, 0.0, 0.0, 0.0]), dtype=np.float32)
    assert fixed.boundary == (("dirichlet", "neumann"),)
    assert fixed.nullspace.labels.tolist() == [-1, -1, 0, 0]
    assert fixed.dtype == np.float32
    assert Stencil.from_couplings([inner], 0.5).tags == {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}
    ring = Stencil.from_couplings([np.array([1.0, 0.0, 2.0, 3.0])])
    assert ring.boundary == (("periodic", "periodic"),)
    assert ring.nullspace.count == 1


@pytest.mark.parametrize(
    ("couplings", "walls", "message"),
    [
        ([], 0.0, r"shapes \[\]"),
        ([np.ones(3)] * 2, 0.0, "one array per axis"),
        ([np.ones((3, 4)), np.ones((3, 3))], 0.0, "one array per axis"),
        ([np.zeros((2, 2, 2, 2))] * 4, 0.0, "one to three axes"),
        ([np.zeros(0)], 0.0, "shape"),
        ([np.array([1.0, -2.0, 0.0])], 0.0, r"couplings\[0\] is -2.0 at \(1,\)"),
        ([np.array([1.0, np.nan])], 0.0, r"couplings\[0\] is nan"),
        ([np.zeros((3, 1)), np.ones((3, 1))], 0.0, r"couplings\[1\] must be 0"),
        ([np.array(["a"])], 0.0, "real numbers"),
        ([np.array([1.0, 0.0])], -1.0, "walls is -1.0;"),
        ([np.array([1.0, 0.0])], np.ones(3), r"walls has shape \(3,\)"),
        ([np.array([1.0, 0.0])], np.inf, "walls is inf"),
    ],
)
def test_wrong_couplings_are_named(couplings, walls, message):
    with pytest.raises(InvalidProblem, match=message):
        Stencil.from_couplings(couplings, walls)


def test_stencil_copies_the_mask_and_leaves_the_coefficient():
    solid, coefficient = np.zeros((3, 3), dtype=bool), np.ones((3, 3))
    solid[1, 1] = True
    coefficient[1, 1] = np.nan  # not read in solid cells
    operator = Stencil((3, 3), solid=solid, solid_boundary="neumann", coefficient=coefficient)
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
        ({"spacing": np.nan}, "spacing"),
        ({"coefficient": -1.0}, "coefficient"),
        ({"coefficient": np.nan}, "coefficient"),
        ({"coefficient": 0.0}, "coefficient is 0.0; it must be positive"),
        ({"coefficient": (1.0, 0.0)}, "coefficient"),
        ({"coefficient": np.full((3, 4), -1.0)}, "not positive and finite in 12 cells"),
        ({"coefficient": np.full((3, 4), np.nan)}, r"coefficient is nan at cell \(0, 0\)"),
        ({"coefficient": np.full((3, 4), np.inf)}, "coefficient is inf"),
        ({"coefficient": np.full((3, 4), 1e30), "spacing": 1e-5, "dtype": np.float32}, "beyond the range of float32"),
        ({"coefficient": 1e30, "spacing": 1e-5, "dtype": np.float32}, "beyond the range of float32"),
        ({"spacing": 1e-200}, "spacing is 1e-200"),
        ({"coefficient": np.ones((4, 3))}, r"coefficient has shape \(4, 3\)"),
        (
            {"coefficient": np.array([[1.0, 2, 3, 4], [1, 2, 0, 4], [1, 2, 3, 4]])},
            r"coefficient is 0.0 at cell \(1, 2\)",
        ),
        ({"coefficient": 1j}, "coefficient"),
        ({"boundary": "robin"}, "robin"),
        ({"boundary": {"z-": "neumann"}}, "z-"),
        ({"boundary": {"x-": "periodic"}}, "periodic must hold on both sides"),
        ({"boundary": (("periodic", "neumann"), ("neumann", "neumann"))}, "periodic must hold on both sides"),
        ({"boundary": (("neumann", "neumann"),)}, "one .* pair for each of 2 axes"),
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
