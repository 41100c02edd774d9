"""Linear systems of discretised PDEs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial, reduce
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_choice, is_integer
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Dense, Diagonal, Kronecker, KroneckerSum, Nullspace, Operator, Sparse, Tag
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.pde.discretisation.axis import Axis
from ritz.problem_types.pde.discretisation.boundary_data import boundary_tensor
from ritz.problem_types.pde.discretisation.chebyshev import ChebyshevAxis
from ritz.problem_types.pde.discretisation.finite_differences import FiniteDifferenceAxis
from ritz.problem_types.pde.discretisation.fourier import FourierAxis
from ritz.problem_types.pde.discretisation.interpolation import Interpolant
from ritz.problem_types.pde.discretisation.singular import left_nullvector, remove_inconsistency
from ritz.problem_types.pde.fields import evaluate

if TYPE_CHECKING:
    from ritz.problem_types.pde.pde import PDE, MultiIndex

__all__ = ["SCHEMES", "Discretisation"]

SCHEMES = ("second-order", "fourth-order", "chebyshev")


class Discretisation:
    """A PDE discretised on a tensor grid.

    Every derivative is a Kronecker product of one matrix per axis that acts on unknowns and boundary data (see `Axis`).
    The columns of the unknowns form the operator, and those of the boundary data enter the right-hand side. A reaction
    is left to nonlinear solvers, which add its values at the unknowns, times the weights, to the left-hand side.

    Parameters
    ----------
    pde : PDE
    shape, scheme
        See `ritz.PDE.discretize`.

    Examples
    --------
    >>> from ritz import PDE
    >>> plate = PDE([(0, 1), (0, 1)], {(2, 0): -1.0, (0, 2): -1.0}, source=1.0)
    >>> Discretisation(plate, 20, "fourth-order").system.operator.shape
    (400, 400)
    """

    def __init__(self, pde: PDE, shape: int | Sequence[int], scheme: str = "second-order"):
        self.pde, self.scheme = pde, check_choice("scheme", scheme, SCHEMES)
        _check_stationary(pde)
        _check_orders(pde)
        _check_open_sides(pde)
        counts = _check_shape(shape, pde.dimension)
        self.axes = tuple(
            _axis(AXES[number], scheme, lower, upper, pair, count)
            for number, ((lower, upper), pair, count) in enumerate(zip(pde.domain, pde.sides, counts, strict=True))
        )
        self.grid = Grid(tuple(axis.points for axis in self.axes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of unknowns along each axis."""
        return self.grid.shape

    @cached_property
    def coefficients(self) -> dict[MultiIndex, float | np.ndarray]:
        """Coefficient of each non-zero term: a number if it is constant, otherwise an array of the grid's shape."""
        found: dict[MultiIndex, float | np.ndarray] = {}
        for index, coefficient in self.pde.terms.items():
            values = self._at_unknowns(f"coefficient of the term {index}", coefficient)
            constant = float(values.flat[0])
            found[index] = constant if (values == constant).all() else values
        return {index: values for index, values in found.items() if isinstance(values, np.ndarray) or values}

    @cached_property
    def factors(self) -> list[Any] | None:
        """One matrix per axis whose Kronecker sum is the differential operator, or None if there are none."""
        total: list[Any] = [0.0] * len(self.axes)
        for index, values in self.coefficients.items():
            along = {axis for axis, order in enumerate(index) if order} | _varies_along(values)
            if len(along) > 1:
                return None
            axis = min(along, default=0)
            matrix = self.axes[axis].derivative(index[axis])[:, 1:-1]
            total[axis] = total[axis] + _scale_rows(np.max(values, axis=_others(values, axis)), matrix)
        empty = [axis.derivative(0)[:, 1:-1] * 0.0 for axis in self.axes]
        return [empty[axis] if isinstance(matrix, float) else matrix for axis, matrix in enumerate(total)]

    @cached_property
    def singular(self) -> bool:
        """Whether u is determined only up to a constant."""
        held = any(condition == "dirichlet" for pair in self.pde.sides for condition in pair)
        return not held and self.pde.reaction is None and (0,) * len(self.axes) not in self.coefficients

    @cached_property
    def operator(self) -> Operator:
        """The differential operator on the unknowns, without `weights`."""
        if self.scheme != "chebyshev":
            return Sparse(self._assemble())
        factors = self.factors
        if factors is None:
            return reduce(lambda left, right: left + right, [self._term(*term) for term in self.coefficients.items()])
        dense = [Dense(matrix if isinstance(matrix, np.ndarray) else matrix.toarray()) for matrix in factors]
        return dense[0] if len(dense) == 1 else KroneckerSum(*dense)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """Factor of each equation, shape ``(n,)``, or None for ones.

        The second-order scheme uses the trapezoidal rule, which makes Neumann problems symmetric. If u is determined
        only up to a constant, the weights are such that consistent right-hand sides sum to zero.
        """
        weights = None
        if self.scheme == "second-order":
            weights = reduce(np.multiply.outer, [_trapezoidal(axis) for axis in self.axes]).ravel()
        if self.singular:
            candidate = np.ones(self.grid.size) if weights is None else weights
            weights = left_nullvector(self.operator, candidate, self.factors)
        return weights

    @cached_property
    def data(self) -> np.ndarray:
        """Boundary data, with zeros at the unknowns; see `boundary_tensor`."""
        value = self._function("boundary", self.pde.boundary)
        slopes = {name: self._function(f"normal_derivative on {name}", f) for name, f in self.pde.slopes.items()}
        return boundary_tensor(self.axes, value, slopes)

    @cached_property
    def rhs(self) -> np.ndarray:
        """Right-hand side without weights, shape ``(n,)``; consistent if the operator is singular."""
        rhs = self._at_unknowns("source", self.pde.source).ravel() + self._known
        return remove_inconsistency(rhs, self.weights) if self.singular and self.weights is not None else rhs

    @cached_property
    def _known(self) -> np.ndarray:
        """Contribution of the boundary data to the right-hand side without weights, shape ``(n,)``."""
        total = np.zeros(self.shape)
        if self.data.any():
            for index, values in self.coefficients.items():
                known = self.data
                for number, (axis, order) in enumerate(zip(self.axes, index, strict=True)):
                    known = _along(axis.derivative(order), known, number)
                total -= values * known
        return total.ravel()

    @property
    def boundary_part(self) -> np.ndarray:
        """Contribution of the boundary data to the weighted right-hand side, shape ``(n,)``."""
        return self._known if self.weights is None else self.weights * self._known

    @property
    def system(self) -> LinearSystem:
        """The linear system; raises `InvalidProblem` if the PDE is nonlinear."""
        if self.pde.reaction is not None:
            raise InvalidProblem(
                "a PDE with a reaction is nonlinear and has no linear system: linearise it yourself (Newton's method"
                " adds reaction'(u) to the term of order zero), or use 'chebyshev' or 'finite-difference' on the PDE"
            )
        return self.linear_part

    @cached_property
    def linear_part(self) -> LinearSystem:
        """The linear system without the reaction."""
        operator, rhs = self.operator, self.rhs
        if isinstance(operator, Sparse):
            matrix = operator.matrix
            if self.weights is not None:
                matrix, rhs = _scale_rows(self.weights, matrix), self.weights * rhs
            constants = Nullspace(np.zeros(self.grid.size, dtype=np.int64)) if self.singular else None
            operator = Sparse(matrix, self._tags(matrix), constants)
        return LinearSystem(operator, rhs, grid=self.grid, exact=self.exact, name=self.pde.name)

    @cached_property
    def exact(self) -> np.ndarray | None:
        """Exact solution of the PDE at the unknowns, of mean zero if it is determined only up to a constant."""
        if self.pde.exact is None:
            return None
        values = self._at_unknowns("exact", self.pde.exact).ravel()
        return values - values.mean() if self.singular else values

    def dense_matrix(self) -> np.ndarray:
        """Return the entries of `operator` as a new array, shape (n, n)."""
        total = np.zeros((self.grid.size, self.grid.size))
        for index, values in self.coefficients.items():
            parts = [axis.derivative(order)[:, 1:-1] for axis, order in zip(self.axes, index, strict=True)]
            dense = [part if isinstance(part, np.ndarray) else part.toarray() for part in parts]
            total += _scale_rows(np.ravel(values), reduce(np.kron, dense))
        return total

    def interpolant(self, x: np.ndarray) -> Interpolant:
        """Return the function on the box with values `x`, shape ``(n,)``, at the unknowns."""
        points = np.meshgrid(*(axis.nodes for axis in self.axes), indexing="ij")
        inside = tuple(axis.unknowns for axis in self.axes)
        outside = np.ones(points[0].shape, dtype=bool)
        outside[inside] = False
        nodal = np.empty(points[0].shape)
        nodal[inside] = x.reshape(self.shape)
        nodal[outside] = evaluate("boundary", self.pde.boundary, [coordinate[outside] for coordinate in points])
        return Interpolant(self.axes, nodal)

    def _at_unknowns(self, name: str, field: Any) -> np.ndarray:
        return evaluate(name, field, np.meshgrid(*self.grid.axes, indexing="ij"))

    def _function(self, name: str, field: Any) -> Callable[..., np.ndarray]:
        return lambda *coordinates: evaluate(name, field, coordinates)

    def _assemble(self) -> Any:
        from scipy.sparse import csr_array, kron

        total: Any = csr_array((self.grid.size, self.grid.size))
        for index, values in self.coefficients.items():
            parts = [axis.derivative(order)[:, 1:-1] for axis, order in zip(self.axes, index, strict=True)]
            total = total + _scale_rows(np.ravel(values), reduce(partial(kron, format="csr"), parts))
        return csr_array(total)

    def _term(self, index: MultiIndex, values: float | np.ndarray) -> Operator:
        parts: list[Operator] = []
        for axis, order in zip(self.axes, index, strict=True):
            matrix = axis.derivative(order)[:, 1:-1]
            parts.append(Dense(matrix) if isinstance(matrix, np.ndarray) else Sparse(matrix))
        derivative = Kronecker(*parts)
        return Diagonal(values.ravel()) @ derivative if isinstance(values, np.ndarray) else derivative * values

    def _tags(self, matrix: Any) -> set[Tag]:
        """Return the tags that are certain to hold for the weighted matrix.

        Symmetry is tested. A symmetric ``-u_xx`` is semidefinite along every axis, and definite along an axis with a
        Dirichlet end; constant coefficients of the right sign preserve this.
        """
        if (matrix != matrix.T).nnz:
            return set()
        tags, definite = {Tag.SYMMETRIC}, False
        for index, value in self.coefficients.items():
            even = sum(index) == 0 or (sum(index) == 2 and max(index) == 2)
            if isinstance(value, np.ndarray) or not even or (value < 0 if sum(index) == 0 else value > 0):
                return tags
            definite |= sum(index) == 0 or "dirichlet" in self.pde.sides[index.index(2)]
        return tags | {Tag.POSITIVE_DEFINITE if definite else Tag.SEMIDEFINITE}


def _axis(name: str, scheme: str, lower: float, upper: float, conditions: tuple[str, str], count: int) -> Axis:
    order = {"second-order": 2, "fourth-order": 4}.get(scheme)
    periodic = conditions[0] == "periodic"
    fewest = 3 if order is None else order + 1 if periodic else 3 * order // 2  # nodes
    if order is not None and "open" in conditions:
        fewest = order + 2  # nodes of a one-sided second derivative
    held = sum(condition == "dirichlet" for condition in conditions)
    if count + held < fewest:
        raise InvalidProblem(
            f"shape has {count} unknowns along {name}; the {scheme} scheme with {' and '.join(conditions)} ends"
            f" needs at least {fewest - held}"
        )
    if order is not None:
        return FiniteDifferenceAxis(lower, upper, conditions, count, order)
    return (FourierAxis if periodic else ChebyshevAxis)(lower, upper, conditions, count)


def _check_stationary(pde: PDE) -> None:
    if pde.initial is not None:
        raise InvalidProblem(
            "a PDE with initial values depends on time: discretise dataclasses.replace(pde, initial=None) for its"
            " operator in space, or use a time-stepping problem such as ritz.problems.heat"
        )


def _check_open_sides(pde: PDE) -> None:
    for axis, pair in enumerate(pde.sides):
        highest = max(index[axis] for index in pde.terms)
        given = sum(condition in ("dirichlet", "neumann") for condition in pair)
        if "open" in pair and given < highest:
            raise InvalidProblem(
                f"sides of the axis {AXES[axis]} are open, and a derivative of order {highest} along it needs"
                f" {highest} conditions at its ends, not {given}: use 'dirichlet' or 'neumann' there"
            )


def _check_orders(pde: PDE) -> None:
    for index in pde.terms:
        if sum(index) > 2 and any(
            order and pair[0] != "periodic" for order, pair in zip(index, pde.sides, strict=True)
        ):
            raise InvalidProblem(
                f"the term {index} has order {sum(index)}; one condition per side closes derivatives up to order 2"
                " (higher ones only along periodic axes): introduce the Laplacian as an unknown of its own"
            )


def _check_shape(shape: Any, dimension: int) -> tuple[int, ...]:
    counts = [shape] * dimension if is_integer(shape) else shape
    if (
        not isinstance(counts, Sequence)
        or len(counts) != dimension
        or not all(is_integer(count) and count > 0 for count in counts)
    ):
        raise InvalidProblem(f"shape is {shape!r}; give the unknowns along each of {dimension} axes")
    if prod(counts) >= 2**31:
        raise InvalidProblem(f"shape is {shape!r}; a grid has at most {2**31 - 1} unknowns")
    return tuple(int(count) for count in counts)


def _varies_along(values: float | np.ndarray) -> set[int]:
    if not isinstance(values, np.ndarray):
        return set()
    return {axis for axis in range(values.ndim) if (values != np.take(values, [0], axis=axis)).any()}


def _others(values: float | np.ndarray, axis: int) -> tuple[int, ...] | None:
    return tuple(other for other in range(np.ndim(values)) if other != axis) if np.ndim(values) else None


def _scale_rows(weights: Any, matrix: Any) -> Any:
    if isinstance(matrix, np.ndarray):
        return np.reshape(weights, (-1, 1)) * matrix
    from scipy.sparse import diags_array

    return (diags_array(np.broadcast_to(weights, matrix.shape[0])) @ matrix).tocsr()


def _trapezoidal(axis: Axis) -> np.ndarray:
    weights = np.ones(axis.count)
    for end in (0, 1):
        if axis.conditions[end] == "neumann":
            weights[-end] = 0.5
    return weights


def _along(matrix: Any, tensor: np.ndarray, axis: int) -> np.ndarray:
    """Apply `matrix` along one axis of a tensor."""
    moved = np.moveaxis(tensor, axis, 0)
    result = matrix @ moved.reshape(moved.shape[0], -1)
    return np.moveaxis(result.reshape(matrix.shape[0], *moved.shape[1:]), 0, axis)
