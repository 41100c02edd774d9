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
from ritz.operators import (
    KroneckerSum,
    Sparse,
    Stencil,
    Tag,
)

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
