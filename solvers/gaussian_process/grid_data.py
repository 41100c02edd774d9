"""A PDE on a tensor grid: source, coefficients and conditions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ritz.arguments import is_integer
from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES, side_names
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE, MultiIndex

from .options import coordinates

__all__ = [
    "SILVER",
    "Condition",
    "GridData",
    "coefficients",
    "equation_size",
    "grid_data",
    "gridded_data",
    "side_weight",
    "uniform_shape",
]

HELD_OUT = 7  # every seventh point of an axis is held out if the source is known on the grid only
GOLDEN, SILVER = 0.5 * (5**0.5 - 1.0), 2**0.5 - 1.0  # irrational steps between points of validation
BETWEEN = {1: 4000, 2: 160, 3: 40}  # maximum number of points per axis between the nodes
SKETCH = 12  # random combinations of grid lines
CORNER = 1e-8  # distance from a corner, relative to the side, at which the data of both sides are compared
JUMP = 1e-3  # difference there, relative to the largest value, that counts as a jump


@dataclass(frozen=True)
class Condition:
    """A linear condition along one axis: a sum of derivatives of u at the ends.

    Parameters
    ----------
    parts : tuple of (int, int, float)
        End (0 lower, 1 upper), order of the derivative, and factor of each term.
    side : str
        Name of the side that the data belong to; empty for periodic conditions, whose data are 0.
    """

    parts: tuple[tuple[int, int, float], ...]
    side: str = ""


@dataclass(frozen=True, eq=False)
class GridData:
    """A PDE and its source at the nodes of a tensor grid.

    Parameters
    ----------
    pde : PDE
    axes : tuple of ndarray
        Increasing coordinates along each axis; the ends need not be among them.
    source : ndarray, shape of the grid
    measured : bool
        Whether `source` was given as values, and is unknown between the nodes.
    """

    pde: PDE
    axes: tuple[np.ndarray, ...]
    source: np.ndarray
    measured: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of points along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @cached_property
    def coefficients(self) -> dict[MultiIndex, np.ndarray]:
        """Coefficient of each term at the nodes, of shape ``(1, ..., 1)`` if it is constant."""
        return coefficients(self.pde, self.axes)

    @cached_property
    def conditions(self) -> tuple[tuple[Condition, ...], ...]:
        """Conditions along each axis."""
        return tuple(self._along(axis) for axis in range(self.dimension))

    @property
    def singular(self) -> bool:
        """Whether the solution is determined up to a constant only."""
        held = any(condition in ("dirichlet", "open") for pair in self.pde.sides for condition in pair)
        return not held and self.pde.reaction is None and (0,) * self.dimension not in self.pde.terms

    def values_on(self, condition: Condition, axis: int) -> np.ndarray:
        """Return the data of a condition on `axis` at the nodes of the other axes; length 1 along `axis`."""
        points = [np.zeros(1) if other == axis else nodes for other, nodes in enumerate(self.axes)]
        if not condition.side:
            return np.zeros([len(nodes) for nodes in points])
        [(end, order, _)] = condition.parts
        points[axis] = np.array([self.pde.domain[axis][end]])
        name, field = (
            ("boundary", self.pde.boundary)
            if order == 0
            else (
                f"normal_derivative on {condition.side}",
                self.pde.slopes[condition.side],
            )
        )
        return evaluate(name, field, np.meshgrid(*points, indexing="ij"))

    def lines(self, axis: int, seed: int = 0) -> list[np.ndarray]:
        """Return the source and the boundary values along an axis: at most two arrays of shape (n, c).

        More than `SKETCH` grid lines are replaced by random combinations of them, which keep their mean power.
        """
        generator = np.random.default_rng(seed)
        count = len(self.axes[axis])
        groups = [np.moveaxis(self.source, axis, 0).reshape(count, -1)]
        sides = [
            np.moveaxis(self.values_on(condition, other), axis, 0).reshape(count, -1)
            for other in range(self.dimension)
            if other != axis
            for condition in self.conditions[other]
            if condition.side
        ]
        if sides:
            groups.append(np.concatenate(sides, axis=1))
        return [_sketch(group, generator) for group in groups if group.any()]

    def split(self) -> tuple[GridData, GridData]:
        """Return the data to fit, and data at points for validation.

        If the source is a function, the validation points lie between the nodes, where frequencies above the Nyquist
        frequency of the grid show; otherwise every seventh point of each axis is held out.
        """
        if not self.measured:
            return self, self.between()
        out = [np.arange(len(axis)) % HELD_OUT == HELD_OUT // 2 for axis in self.axes]
        return self._part([~mask for mask in out]), self._part(out)

    def between(self, step: float = GOLDEN, *, whole: bool = False, nodes: bool = False) -> GridData:
        """Return the data at irregular points between the nodes.

        Half-way between uniform nodes, every second alias of a tone still fits perfectly; at irregular points none
        does.

        Parameters
        ----------
        step : float
            Irrational number that the places in the cells follow from.
        whole : bool
            Whether there is a point in every cell, however many there are.
        nodes : bool
            Whether to add the nodes themselves.
        """
        axes = tuple(_between(axis, len(axis) if whole else BETWEEN[self.dimension], step) for axis in self.axes)
        if nodes:
            axes = tuple(np.sort(np.concatenate(pair)) for pair in zip(axes, self.axes, strict=True))
        return replace(self, axes=axes, source=evaluate("source", self.pde.source, np.meshgrid(*axes, indexing="ij")))

    def _part(self, masks: Sequence[np.ndarray]) -> GridData:
        axes = tuple(axis[mask] for axis, mask in zip(self.axes, masks, strict=True))
        return replace(self, axes=axes, source=self.source[np.ix_(*masks)])

    def _along(self, axis: int) -> tuple[Condition, ...]:
        pair = self.pde.sides[axis]
        if pair[0] == "periodic":
            order = max(index[axis] for index in self.pde.terms)
            return tuple(Condition(((0, k, 1.0), (1, k, -1.0))) for k in range(order))
        found: list[Condition] = []
        for end, kind in enumerate(pair):
            name = side_names(self.dimension)[2 * axis + end]
            if kind == "dirichlet":
                found.append(Condition(((end, 0, 1.0),), name))
            elif kind == "neumann":
                found.append(Condition(((end, 1, 1.0 if end else -1.0),), name))
        return tuple(found)


def grid_data(pde: PDE, axes: Sequence[np.ndarray], source: Any = None) -> GridData:
    """Return the data of a PDE on a grid.

    Parameters
    ----------
    pde : PDE
    axes : sequence of ndarray
        Increasing coordinates along each axis.
    source : array, optional
        Measured values of the source, in the shape of the grid or flat. Default: the source of the PDE.

    Raises
    ------
    InvalidProblem
        For initial values, axes that do not increase or leave the box, a source of the wrong shape or with NaN, and
        boundary values that disagree in a corner.

    Examples
    --------
    >>> bar = PDE((0.0, 1.0), {2: -1.0}, source=2.0)
    >>> grid_data(bar, [np.linspace(0.0, 1.0, 5)]).source.tolist()
    [2.0, 2.0, 2.0, 2.0, 2.0]
    """
    if pde.initial is not None:
        raise InvalidProblem(
            "the PDE has initial values: make time one of its axes, initial values the Dirichlet condition at its"
            " lower end, and its upper end 'open'"
        )
    axes = tuple(_check_axis(AXES[number], axis, pde.domain[number]) for number, axis in enumerate(axes))
    _check_corners(pde)
    shape = tuple(len(axis) for axis in axes)
    if source is None:
        return GridData(pde, axes, evaluate("source", pde.source, np.meshgrid(*axes, indexing="ij")), False)
    values = np.asarray(to_numpy(source))
    if values.dtype.kind not in "biuf":
        raise InvalidProblem(f"rhs has dtype {values.dtype}; it must hold real numbers")
    if values.shape not in (shape, (int(np.prod(shape)),)):
        raise InvalidProblem(
            f"rhs has shape {values.shape}; it must hold the source at the {' x '.join(map(str, shape))} nodes, ends"
            " counted"
        )
    if not np.isfinite(values).all():
        raise InvalidProblem(f"rhs has {int((~np.isfinite(values)).sum())} entries that are NaN or infinite")
    return GridData(pde, axes, values.reshape(shape).astype(np.float64), True)


def uniform_shape(pde: PDE, shape: Any) -> tuple[int, ...]:
    """Return the number of nodes along each axis.

    Raises
    ------
    InvalidProblem
        If `shape` is neither one integer of at least 4 nor one for each axis.
    """
    counts: tuple[Any, ...] = (shape,) * pde.dimension if is_integer(shape) else ()
    if isinstance(shape, (Sequence, np.ndarray)) and np.ndim(shape) == 1:
        counts = tuple(shape)
    if len(counts) != pde.dimension or not all(is_integer(n) and int(n) >= 4 for n in counts):
        raise InvalidProblem(f"shape is {shape!r}; give at least 4 nodes along each of {pde.dimension} axes")
    return tuple(int(n) for n in counts)


def gridded_data(pde: PDE, shape: Any, points: Any, rhs: Any) -> GridData:
    """Return the data of a PDE on a uniform grid of shape `shape`, or on the nodes `points` along each axis."""
    if points is None:
        counts = uniform_shape(pde, shape)
        axes = [np.linspace(lower, upper, n) for (lower, upper), n in zip(pde.domain, counts, strict=True)]
        return grid_data(pde, axes, rhs)
    single = pde.dimension == 1 and np.iterable(points) and all(np.ndim(point) == 0 for point in points)
    axes: list[Any] = [points] if single else list(points) if np.iterable(points) else []
    if len(axes) != pde.dimension or any(np.ndim(axis) != 1 for axis in axes):
        raise InvalidProblem(
            f"points must be increasing coordinates along each of {pde.dimension} axes, one array per axis (scattered"
            " points are for method='dense')"
        )
    return grid_data(pde, axes, rhs)


def coefficients(pde: PDE, axes: Sequence[np.ndarray]) -> dict[MultiIndex, np.ndarray]:
    """Return the coefficient of each term on a grid, of shape ``(1, ..., 1)`` if it is constant."""
    grid = np.meshgrid(*axes, indexing="ij")
    found: dict[MultiIndex, np.ndarray] = {}
    for index, coefficient in pde.terms.items():
        values = evaluate(f"coefficient of the term {index}", coefficient, grid) if callable(coefficient) else None
        if values is None or (values == values.flat[0]).all():
            number = float(coefficient) if values is None else float(values.flat[0])  # pyright: ignore
            values = np.full((1,) * len(axes), number)
        if values.any():
            found[index] = values
    return found


def equation_size(
    data: GridData, terms: Sequence[np.ndarray], u: np.ndarray, weight: np.ndarray | float = 1.0
) -> float:
    """Return the norm that residuals of the equation are divided by.

    It is the norm of the source or of the largest term. If all terms vanish up to rounding, it is the norm that the
    largest term would have if u varied on the length of the box.
    """
    lengths = np.array([upper - lower for lower, upper in data.pde.domain])
    scales = [
        float(np.abs(values).max()) / float(np.prod(lengths ** np.array(index)))
        for index, values in data.coefficients.items()
    ]
    found = [float(np.linalg.norm(weight * part)) for part in [data.source, *terms]]
    return max(*found, max(scales) * float(np.linalg.norm(weight * u))) or 1.0


def side_weight(data: GridData) -> np.ndarray:
    """Return a weight of at most 1 at the nodes, in the shape of the grid, that falls to 0 on the sides.

    In more than one dimension it weights the residual, because the equation is tested with functions that vanish
    where conditions hold, and second derivatives of polynomials of high degree are least accurate at the ends.
    """
    total = np.ones((1,) * data.dimension)
    for number, (axis, (lower, upper)) in enumerate(zip(data.axes, data.pde.domain, strict=True)):
        place = (axis - lower) / (upper - lower)
        shape = [-1 if other == number else 1 for other in range(data.dimension)]
        total = total * (4.0 * place * (1.0 - place)).reshape(shape)
    return total


def _sketch(lines: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if lines.shape[1] <= SKETCH:
        return lines
    return lines @ (generator.standard_normal((lines.shape[1], SKETCH)) / SKETCH**0.5)


def _between(axis: np.ndarray, most: int, step: float) -> np.ndarray:
    places = axis[:-1] + (0.1 + 0.8 * (np.arange(1, len(axis)) * step % 1.0)) * np.diff(axis)
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).round().astype(int)]


def _check_axis(name: str, axis: Any, ends: tuple[float, float]) -> np.ndarray:
    nodes = coordinates(f"points along {name}", axis)
    if nodes.ndim != 1 or len(nodes) < 4:
        raise InvalidProblem(f"points along {name} have shape {nodes.shape}; give at least 4 coordinates")
    if not np.isfinite(nodes).all() or (np.diff(nodes) <= 0).any():
        raise InvalidProblem(f"points along {name} do not increase, or are not finite")
    slack = 1e-12 * (ends[1] - ends[0])
    if nodes[0] < ends[0] - slack or nodes[-1] > ends[1] + slack:
        raise InvalidProblem(f"points along {name} run from {nodes[0]:g} to {nodes[-1]:g}, out of the box {ends}")
    return nodes


def _check_corners(pde: PDE) -> None:
    """Raise `InvalidProblem` if the values of two Dirichlet sides disagree in their common corner."""
    if pde.dimension < 2 or not callable(pde.boundary):
        return
    for first, second in itertools.combinations(range(pde.dimension), 2):
        for ends in itertools.product((0, 1), repeat=2):
            corner = dict(zip((first, second), ends, strict=True))
            if any(pde.sides[axis][end] != "dirichlet" for axis, end in corner.items()):
                continue
            place = [
                pde.domain[axis][corner[axis]] if axis in corner else sum(ends) / 2
                for axis, ends in enumerate(pde.domain)
            ]
            along = [_leaving(pde, place, axis, corner[axis]) for axis in corner]
            size = max(float(np.abs(values).max()) for values in along)
            if abs(along[0][0] - along[1][0]) > JUMP * size:
                where = ", ".join(f"{coordinate:g}" for coordinate in place)
                raise InvalidProblem(
                    f"boundary jumps in the corner ({where}), from {along[0][0]:g} to {along[1][0]:g}. A smooth prior"
                    " cannot follow that: make the values meet, or use 'finite-difference'"
                )


def _leaving(pde: PDE, corner: Sequence[float], axis: int, end: int) -> np.ndarray:
    """Return boundary values along a side, starting next to a corner."""
    lower, upper = pde.domain[axis]
    steps = np.concatenate([[CORNER], np.linspace(0.1, 1.0, 100) ** 1.5]) * (upper - lower)  # uneven, against aliasing
    points = [np.full(len(steps), coordinate) for coordinate in corner]
    points[axis] = upper - steps if end else lower + steps
    return evaluate("boundary", pde.boundary, points)
