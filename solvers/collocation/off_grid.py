"""Irregular points between the nodes of a discretisation, where data that the nodes miss or alias show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.pde.discretisation import Axis, ChebyshevAxis, Discretisation, FiniteDifferenceAxis
from ritz.problem_types.pde.fields import evaluate

__all__ = ["OffGrid", "along", "data_misfit"]

GOLDEN = 0.5 * (5**0.5 - 1.0)


@dataclass(frozen=True, eq=False)
class OffGrid:
    """One irregularly placed point in every cell between the unknowns.

    Half-way between uniform nodes, every second alias still fits perfectly; at irregular points none does.

    Parameters
    ----------
    points : tuple of ndarray
        Coordinates along each axis.
    matrices : tuple of matrix
        Interpolation from the unknowns along each axis, shape ``(P, n)``.
    widths : tuple of ndarray
        Widths of the cells along each axis.
    """

    points: tuple[np.ndarray, ...]
    matrices: tuple[Any, ...]
    widths: tuple[np.ndarray, ...]

    @classmethod
    def between(cls, axes: Sequence[Axis]) -> OffGrid:
        """Return the points between the unknowns of the given axes."""
        points, matrices, widths = [], [], []
        for axis in axes:
            ends = axis.points if not axis.periodic else np.append(axis.points, axis.upper)
            width = np.diff(ends)
            share = 0.1 + 0.8 * ((1.0 + np.arange(len(width))) * GOLDEN % 1.0)
            places = ends[:-1] + share * width
            points.append(places)
            widths.append(width)
            matrices.append(_interpolation(axis, places))
        return cls(tuple(points), tuple(matrices), tuple(widths))

    def interpolate(self, values: np.ndarray) -> np.ndarray:
        """Return values at the points, from values at the unknowns in the shape of the grid."""
        return along(self.matrices, values)

    def average(self, values: np.ndarray) -> np.ndarray:
        """Return averages around the unknowns, from values at the points."""
        adjoint = [matrix.T for matrix in self.matrices]
        masses = [matrix.T @ width for matrix, width in zip(self.matrices, self.widths, strict=True)]
        weighted = values * reduce(np.multiply.outer, self.widths)
        return along(adjoint, weighted) / reduce(np.multiply.outer, masses)


def along(matrices: Sequence[Any], tensor: np.ndarray) -> np.ndarray:
    """Apply one matrix, dense or sparse, along each axis of a tensor."""
    for number, matrix in enumerate(matrices):
        moved = np.moveaxis(tensor, number, 0)
        result = matrix @ moved.reshape(moved.shape[0], -1)
        tensor = np.moveaxis(result.reshape(matrix.shape[0], *moved.shape[1:]), 0, number)
    return tensor


def data_misfit(discretisation: Discretisation, off_grid: OffGrid, interior: bool) -> float:
    """Return how far data differ at the points from what the unknowns make of them, relative to the data.

    The boundary data of every side are compared, and with `interior` the source and the coefficients too: the largest
    is returned.
    """
    pde = discretisation.pde
    found = [0.0]
    fields: dict[str, Any] = {"source": pde.source} if interior else {}
    if interior:
        fields |= {f"coefficient of the term {index}": pde.terms[index] for index in discretisation.coefficients}
    axes = tuple(axis.points for axis in discretisation.axes)
    for name, field in fields.items():
        if callable(field):
            found.append(_misfit(name, field, axes, off_grid.points, off_grid.matrices))
    if len(axes) > 1:
        names = side_names(len(axes))
        for number, pair in enumerate(pde.sides):
            for end, condition in enumerate(pair):
                field = pde.boundary if condition == "dirichlet" else pde.slopes.get(names[2 * number + end], 0.0)
                if callable(field):
                    place, still = np.array([pde.domain[number][end]]), np.eye(1)
                    nodes, points, matrices = (
                        (*parts[:number], one, *parts[number + 1 :])
                        for parts, one in ((axes, place), (off_grid.points, place), (off_grid.matrices, still))
                    )
                    found.append(_misfit(f"data on {names[2 * number + end]}", field, nodes, points, matrices))
    return max(found)


def _misfit(name: str, field: Callable[..., Any], nodes: Any, points: Any, matrices: Any) -> float:
    known = evaluate(name, field, np.meshgrid(*nodes, indexing="ij"))
    unseen = evaluate(name, field, np.meshgrid(*points, indexing="ij"))
    if not unseen.size:  # a single unknown along an axis tells nothing
        return 1.0
    size = max(np.abs(known).max(), np.abs(unseen).max())
    if size == 0.0:
        return 0.0
    known, unseen = known / size, unseen / size
    guess = along(matrices, known)
    scale = max(float(np.linalg.norm(unseen)), float(np.linalg.norm(guess)))
    return float(np.linalg.norm(unseen - guess)) / scale if scale else 1.0


def _interpolation(axis: Axis, points: np.ndarray) -> Any:
    """Return the matrix that interpolates at points between the unknowns from values at these alone."""
    if isinstance(axis, ChebyshevAxis):
        return _barycentric(axis, points)
    local = axis
    if isinstance(axis, FiniteDifferenceAxis):
        lower, upper = (axis.lower, axis.upper) if axis.periodic else (axis.points[0], axis.points[-1])
        ends = axis.conditions if axis.periodic else ("open", "open")
        local = FiniteDifferenceAxis(lower, upper, ends, axis.count, axis.order + 2)
    from scipy.sparse import coo_array

    nodes, weights = local.interpolation(points)
    rows = np.broadcast_to(np.arange(len(points))[:, None], nodes.shape)
    matrix = coo_array((weights.ravel(), (rows.ravel(), nodes.ravel())), shape=(len(points), axis.count))
    return matrix.tocsr() if isinstance(axis, FiniteDifferenceAxis) else matrix.toarray()


def _barycentric(axis: ChebyshevAxis, points: np.ndarray) -> np.ndarray:
    """Return the interpolation by polynomials through the unknowns, Chebyshev-Lobatto nodes with or without ends."""
    weights = (-1.0) ** np.arange(len(axis.nodes))
    weights[[0, -1]] *= 0.5
    weights = weights[axis.unknowns]
    for side in (0, 1):
        if axis.conditions[side] == "dirichlet":
            weights = weights * np.abs(axis.points - axis.end(side)) / axis.length
    terms = weights / (points[:, None] - axis.points)
    return terms / terms.sum(axis=1, keepdims=True)
