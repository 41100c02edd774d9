"""What each method of the Gaussian-process solver gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status
from ritz.solver import Controls

from .grid_data import GridData, grid_data

__all__ = ["Outcome", "Request", "gridded_data", "uniform_shape"]


@dataclass(frozen=True)
class Request(Controls):
    """What a call of `solve` asks for: besides the controls, values of the source and a start."""

    rhs: Any = None
    x0: Any = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """A posterior, and how good it is.

    Parameters
    ----------
    posterior : object
    x : ndarray, shape (n,)
        Its mean at the nodes.
    axes : tuple of ndarray, optional
        Nodes along each axis; None where points are scattered.
    status : Status
    residual : float
        Relative.
    history : ndarray, shape (iterations + 1,)
    stats : mapping
    """

    posterior: Any
    x: np.ndarray
    axes: tuple[np.ndarray, ...] | None
    status: Status
    residual: float
    history: np.ndarray
    stats: Mapping[str, Any]


def uniform_shape(pde: PDE, shape: Any) -> tuple[int, ...]:
    """Return the number of nodes along each axis.

    Raises
    ------
    InvalidProblem
        Unless it is one integer of at least 4, or one for each axis.
    """
    counts: tuple[Any, ...] = (shape,) * pde.dimension if isinstance(shape, Integral) else tuple(shape)
    if len(counts) != pde.dimension or not all(isinstance(n, Integral) and int(n) >= 4 for n in counts):
        raise InvalidProblem(f"shape is {shape!r}; give at least 4 nodes along each of {pde.dimension} axes")
    return tuple(int(n) for n in counts)


def gridded_data(pde: PDE, shape: Any, points: Any, rhs: Any) -> GridData:
    """Return the data of a PDE on a uniform grid of a shape, or on nodes that are given along each axis."""
    if points is None:
        counts = uniform_shape(pde, shape)
        axes = [np.linspace(lower, upper, n) for (lower, upper), n in zip(pde.domain, counts, strict=True)]
        return grid_data(pde, axes, rhs)
    single = pde.dimension == 1 and np.ndim(points) == 1
    axes = [points] if single else list(points)
    if len(axes) != pde.dimension or any(np.ndim(axis) != 1 for axis in axes):
        raise InvalidProblem(
            f"points must be increasing coordinates along each of {pde.dimension} axes, one array an axis (scattered"
            " points are for method='dense')"
        )
    return grid_data(pde, axes, rhs)
