"""Boundary data of a box as one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.pde.discretisation.axis import Axis

__all__ = ["boundary_tensor"]


def boundary_tensor(
    axes: Sequence[Axis], value: Callable[..., np.ndarray], slopes: Mapping[str, Callable[..., np.ndarray]]
) -> np.ndarray:
    """Return the boundary data on all sides, edges and corners of a box.

    Parameters
    ----------
    axes : sequence of Axis
    value : callable
        Dirichlet values ``value(x, y, ...)``.
    slopes : mapping
        Outward normal derivative by name of the Neumann side.

    Returns
    -------
    ndarray, shape (n1 + 2, n2 + 2, ...)
        Along each axis the datum at the lower end, zeros at the unknowns, and the datum at the upper end. On edges and
        corners, the value differentiated along every axis with a Neumann side. Corners of three Neumann sides hold
        zero, as no derivative of second order needs them.
    """
    tensor = np.zeros([axis.count + 2 for axis in axes])
    names = side_names(len(axes))
    for places in product((None, 0, 1), repeat=len(axes)):  # unknowns, lower end, upper end
        ends = {axis: side for axis, side in enumerate(places) if side is not None}
        if not ends or any(axes[axis].conditions[side] in ("periodic", "open") for axis, side in ends.items()):
            continue
        neumann = [axis for axis, side in ends.items() if axes[axis].conditions[side] == "neumann"]
        if len(neumann) > 2:
            continue
        coordinates = [
            axis.points if side is None else np.array([axis.end(side)]) for axis, side in zip(axes, places, strict=True)
        ]
        function = slopes[names[2 * neumann[0] + ends[neumann[0]]]] if neumann else value
        if len(neumann) == 2:
            coordinates[neumann[1]] = axes[neumann[1]].nodes
        data = function(*np.meshgrid(*coordinates, indexing="ij"))
        if len(neumann) == 2:
            weights = axes[neumann[1]].end_slope(ends[neumann[1]])
            data = np.expand_dims(np.tensordot(data, weights, axes=(neumann[1], 0)), neumann[1])
        tensor[tuple(_place(side) for side in places)] = data
    return tensor


def _place(side: int | None) -> Any:
    return slice(1, -1) if side is None else (slice(0, 1), slice(-1, None))[side]
