"""Interpolation of discrete solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.pde.discretisation.axis import Axis

__all__ = ["Interpolant"]

CHUNK = 4_000_000  # numbers gathered at a time


@dataclass(frozen=True, eq=False)
class Interpolant:
    """Function that interpolates node values to the order of the discretisation.

    Parameters
    ----------
    axes : tuple of Axis
    nodal : ndarray
        Values at all nodes of the box including Dirichlet sides, shape ``(N1, N2, ...)``.
    """

    axes: Sequence[Axis]
    nodal: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Return the values at points in the box.

        Parameters
        ----------
        points : array, shape (P, d), or (P,) in one dimension

        Returns
        -------
        ndarray, shape (P,)

        Raises
        ------
        InvalidProblem
            For a wrong shape or points outside the box.
        """
        points = self._checked(points)
        parts = [axis.interpolation(points[:, number]) for number, axis in enumerate(self.axes)]
        reach = int(np.prod([weights.shape[1] for _, weights in parts]))
        step = max(1, CHUNK // reach)
        chunks = [self._contract(parts, slice(start, start + step)) for start in range(0, len(points), step)]
        return np.concatenate(chunks) if chunks else np.empty(0)

    def on_grid(self, *coordinates: np.ndarray) -> np.ndarray:
        """Return the values on a tensor grid, given by one array ``(P,)`` of coordinates per axis.

        The cost is one matrix product per axis, much less than that of the same number of scattered points.
        """
        values = self.nodal
        for number, (axis, points) in enumerate(zip(self.axes, coordinates, strict=True)):
            nodes, weights = axis.interpolation(np.asarray(points, dtype=np.float64))
            matrix = np.zeros((len(nodes), values.shape[number]))
            np.add.at(matrix, (np.arange(len(nodes))[:, None], nodes), weights)
            values = np.moveaxis(np.tensordot(matrix, values, axes=(1, number)), 0, number)
        return values

    def _checked(self, points: np.ndarray) -> np.ndarray:
        dimension = len(self.axes)
        points = np.asarray(points, dtype=np.float64)
        if points.ndim == 1 and dimension == 1:
            points = points[:, None]
        if points.ndim != 2 or points.shape[1] != dimension:
            raise InvalidProblem(f"points have shape {points.shape}; they must be (P, {dimension})")
        for number, axis in enumerate(self.axes):
            tolerance = 1e-12 * axis.length
            inside = (points[:, number] >= axis.lower - tolerance) & (points[:, number] <= axis.upper + tolerance)
            if not inside.all():
                raise InvalidProblem(
                    f"{int((~inside).sum())} points lie outside {AXES[number]} = [{axis.lower:g}, {axis.upper:g}]"
                )
        return points

    def _contract(self, parts: Sequence[tuple[np.ndarray, np.ndarray]], rows: slice) -> np.ndarray:
        dimension = len(parts)
        index = tuple(
            nodes[rows].reshape([-1, *(nodes.shape[1] if other == axis else 1 for other in range(dimension))])
            for axis, (nodes, _) in enumerate(parts)
        )
        values = self.nodal[index]
        for _, weights in reversed(parts):
            values = np.einsum("p...s,ps->p...", values, weights[rows])
        return values
