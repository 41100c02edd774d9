"""Data that a PDE provides on its solution: the equation at points and the conditions of the sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE

from ..points import check_points
from .functionals import Functional, boundary_data, equation

__all__ = ["Observations", "observe"]


@dataclass(frozen=True, eq=False)
class Observations:
    """The equation at points and the conditions of the sides.

    Parameters
    ----------
    pde : PDE
    points : ndarray, shape (P, d)
        Points at which the equation holds.
    source : ndarray, shape (P,)
        Right-hand side of the equation at the points.
    boundary : sequence of (Functional, ndarray)
        Functionals in the conditions of the sides, and their values.
    measured : bool
        Whether `source` was given as values, and is unknown elsewhere.
    """

    pde: PDE
    points: np.ndarray
    source: np.ndarray
    boundary: Sequence[tuple[Functional, np.ndarray]]
    measured: bool

    def __len__(self) -> int:
        return len(self.points) + sum(len(values) for _, values in self.boundary)

    def linearised(self, state: np.ndarray | None = None) -> tuple[list[Functional], np.ndarray]:
        """Return functionals of u and their values, with the equation first.

        Parameters
        ----------
        state : ndarray, shape (P,), optional
            Values of u at the points, around which the reaction is linearised. Default: 0.
        """
        slope, source = None, self.source
        if self.pde.reaction is not None:
            state = np.zeros(len(self.points)) if state is None else state
            reaction, derivative = self.pde.reaction
            slope = evaluate("derivative of reaction", derivative, (state,))
            source = source - evaluate("reaction", reaction, (state,)) + slope * state
        functionals = [equation(self.pde, self.points, slope), *(functional for functional, _ in self.boundary)]
        return functionals, np.concatenate([source, *(values for _, values in self.boundary)])

    def noise_variance(self, noise: float) -> np.ndarray:
        """Return the noise variance of each datum, shape (M,); only the source has noise, the conditions are exact."""
        return np.where(np.arange(len(self)) < len(self.points), noise**2, 0.0)


def observe(pde: PDE, points: Any, source: Any = None, boundary_points: Any = None) -> Observations:
    """Return the data on the solution of a PDE; see `condition` in ``dense_posterior.py`` for the arguments.

    Examples
    --------
    >>> bar = PDE((0.0, 1.0), {2: -1.0}, source=2.0)
    >>> functionals, values = observe(bar, [0.25, 0.5, 0.75]).linearised()
    >>> values.tolist()
    [2.0, 2.0, 2.0, 0.0, 0.0]
    """
    if pde.initial is not None:
        raise InvalidProblem("the PDE has initial values: make time one of its axes, with an open side at the end")
    points = check_points("points", points, pde)
    if source is None:
        values = evaluate("source", pde.source, tuple(points.T))
    else:
        values = np.asarray(to_numpy(source), dtype=np.float64)
        if values.shape != (len(points),):
            raise InvalidProblem(f"source has shape {values.shape}; it must be ({len(points)},), one value per point")
        if not np.isfinite(values).all():
            raise InvalidProblem(f"source has {int((~np.isfinite(values)).sum())} values that are NaN or infinite")
    if boundary_points is None:
        boundary_points = _points_on_sides(pde, points)
    else:
        boundary_points = check_points("boundary_points", boundary_points, pde)
    return Observations(pde, points, values, boundary_data(pde, boundary_points), source is not None)


def _points_on_sides(pde: PDE, points: np.ndarray) -> np.ndarray:
    """Return points on every side with a condition: nodes of the grid if `points` form one, else equally dense ones."""
    axes = [np.unique(column) for column in points.T]
    if np.prod([float(len(axis)) for axis in axes]) != len(points):
        count = int(np.ceil(len(points) ** (1.0 / pde.dimension)))
        axes = [np.linspace(lower, upper, count) for lower, upper in pde.domain]
    axes = [np.union1d(axis, ends) for axis, ends in zip(axes, pde.domain, strict=True)]
    found: list[np.ndarray] = []
    for axis, (pair, ends) in enumerate(zip(pde.sides, pde.domain, strict=True)):
        for condition, end in zip(pair, ends, strict=True):
            if condition != "open":
                along = [np.array([end]) if other == axis else nodes for other, nodes in enumerate(axes)]
                found.append(np.stack([part.ravel() for part in np.meshgrid(*along, indexing="ij")], axis=1))
    return np.unique(np.concatenate(found), axis=0) if found else np.empty((0, pde.dimension))
