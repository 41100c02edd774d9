"""Linear functionals of a process: values of derivatives and of differential operators at points."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ritz.backend import Array, asarray_like, namespace, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES, side_names
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE, MultiIndex

from .covariance import SpectralMixture, axis_matrices

__all__ = [
    "Functional",
    "boundary_data",
    "covariance_matrix",
    "equation",
    "evaluation",
    "gram_matrix",
    "prior_variance",
]


@dataclass(frozen=True, eq=False)
class Functional:
    """Linear functionals ``sum_a c_a(x_i) d^a u(x_i)`` of a process u at points x_i.

    Parameters
    ----------
    points : ndarray, shape (P, d)
    terms : mapping
        Coefficients, shape (P,), by multi-index.
    """

    points: np.ndarray
    terms: Mapping[MultiIndex, np.ndarray]

    def __len__(self) -> int:
        return len(self.points)

    @property
    def orders(self) -> tuple[int, ...]:
        """Highest order of the derivatives along each axis."""
        return tuple(np.max(list(self.terms), axis=0).tolist())


def evaluation(points: np.ndarray, derivative: MultiIndex) -> Functional:
    """Return the functionals that evaluate one derivative at points of shape (P, d)."""
    return Functional(points, {derivative: np.ones(len(points))})


def equation(pde: PDE, points: np.ndarray, slope: np.ndarray | None = None) -> Functional:
    """Return the differential operator of a PDE at points (P, d), with `slope` added to the term of order zero."""
    coordinates = tuple(points.T)
    terms = {
        index: evaluate(f"coefficient of the term {index}", coefficient, coordinates)
        for index, coefficient in pde.terms.items()
    }
    if slope is not None:
        zero = (0,) * pde.dimension
        terms[zero] = terms.get(zero, 0.0) + slope
    return Functional(points, terms)


def boundary_data(pde: PDE, points: np.ndarray) -> list[tuple[Functional, np.ndarray]]:
    """Return the functionals in the conditions of the sides, at points on them, with their values.

    Parameters
    ----------
    pde : PDE
    points : ndarray, shape (B, d)
        Points on the sides. A point on several sides contributes the data of each, but the value of u only once.

    Raises
    ------
    InvalidProblem
        If a side is periodic, or a point lies on no side.
    """
    lower, upper = np.array(pde.domain).T
    if len(points) == 0:
        return []
    close = 1e-12 * (upper - lower)
    on = np.stack([np.abs(points - lower) <= close, np.abs(points - upper) <= close], axis=2).reshape(len(points), -1)
    if not on.any(axis=1).all():
        place = tuple(points[~on.any(axis=1)][0].tolist())
        raise InvalidProblem(f"boundary_points holds {place}, which is on no side of the box {pde.domain}")
    conditions = [condition for pair in pde.sides for condition in pair]
    if "periodic" in conditions:
        axis = AXES[conditions.index("periodic") // 2]
        raise InvalidProblem(
            f"axis {axis} is periodic, and the process has no period: use 'chebyshev' (which is trigonometric there)"
        )
    held = on[:, [condition == "dirichlet" for condition in conditions]].any(axis=1)
    found: list[tuple[Functional, np.ndarray]] = []
    if held.any():
        values = evaluate("boundary", pde.boundary, tuple(points[held].T))
        found.append((evaluation(points[held], (0,) * pde.dimension), values))
    for number, (name, condition) in enumerate(zip(side_names(pde.dimension), conditions, strict=True)):
        if condition == "neumann" and on[:, number].any():
            here = points[on[:, number]]
            axis, end = divmod(number, 2)
            index = tuple(int(other == axis) for other in range(pde.dimension))
            outward = np.full(len(here), 1.0 if end else -1.0)
            values = evaluate(f"normal_derivative on {name}", pde.slopes[name], tuple(here.T))
            found.append((Functional(here, {index: outward}), values))
    return found


def covariance_matrix(covariances: Sequence[SpectralMixture], left: Functional, right: Functional) -> Array:
    """Return the covariance of two functionals of a process whose covariance is a product over the axes.

    Along each axis, covariances are evaluated between distinct coordinates only, so grids are cheap and uniform grids
    cheaper still. O(P Q) time and memory for P pairs of distinct coordinates.

    Parameters
    ----------
    covariances : sequence of SpectralMixture
        One covariance per axis.
    left, right : Functional

    Returns
    -------
    array, shape (len(left), len(right))
        NumPy or torch, as the fields of the covariances.
    """
    lefts = [np.unique(column, return_inverse=True) for column in left.points.T]
    rights = [np.unique(column, return_inverse=True) for column in right.points.T]
    along: list[dict[int, Array]] = []
    for axis, (covariance, (rows, row), (columns, column)) in enumerate(zip(covariances, lefts, rights, strict=True)):
        orders = sorted({a[axis] + b[axis] for a, b in itertools.product(left.terms, right.terms)})
        matrices = axis_matrices(covariance, rows, columns, orders)
        if not (_is_range(row, len(rows)) and _is_range(column, len(columns))):
            matrices = [matrix[row[:, None], column[None, :]] for matrix in matrices]
        along.append(dict(zip(orders, matrices, strict=True)))
    total: Array = 0.0
    for (a, first), (b, second) in itertools.product(left.terms.items(), right.terms.items()):
        product: Array = (-1.0) ** sum(b)
        for axis, (m, n) in enumerate(zip(a, b, strict=True)):
            product = product * along[axis][m + n]
        weights = asarray_like(first[:, None], product), asarray_like(second, product)
        total = total + weights[0] * product * weights[1]
    return total


def gram_matrix(covariances: Sequence[SpectralMixture], functionals: Sequence[Functional]) -> Array:
    """Return the covariance matrix of several sets of functionals, stacked; shape (M, M)."""
    blocks: dict[tuple[int, int], Array] = {}
    for i, left in enumerate(functionals):
        for j, right in enumerate(functionals[: i + 1]):
            blocks[i, j] = covariance_matrix(covariances, left, right)
            blocks[j, i] = blocks[i, j].T
    xp = namespace(blocks[0, 0])
    count = range(len(functionals))
    return xp.concat([xp.concat([blocks[i, j] for j in count], axis=1) for i in count])


def prior_variance(covariances: Sequence[SpectralMixture], functional: Functional) -> np.ndarray:
    """Return the prior variance of a functional at each of its points, shape (P,)."""
    total = np.zeros(len(functional))
    for (a, first), (b, second) in itertools.product(functional.terms.items(), repeat=2):
        at_zero = [
            to_numpy(covariance.derivative(np.zeros(1), m + n))[0]
            for covariance, m, n in zip(covariances, a, b, strict=True)
        ]
        total += (-1.0) ** sum(b) * math.prod(at_zero) * first * second
    return total


def _is_range(index: np.ndarray, count: int) -> bool:
    return len(index) == count and bool((index == np.arange(count)).all())
