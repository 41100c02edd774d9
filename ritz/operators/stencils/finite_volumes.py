"""Finite volumes on a box: the entries of a stencil from a PDE's coefficient, walls and obstacles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ritz.operators.stencils.boundary import Condition, Sides

__all__ = ["connected", "constant_axis", "regions", "sides_of", "variable_couplings"]


def constant_axis(cells: int, coupling: float, sides: tuple[str, str], wall: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the couplings and the wall terms along an axis with a constant coefficient.

    Parameters
    ----------
    cells : int
        Number of cells along the axis.
    coupling : float
        Coefficient over squared spacing.
    sides : tuple of str
        Boundary conditions at the lower and the upper end.
    wall : float
        Coupling to a Dirichlet wall, relative to `coupling`.

    Returns
    -------
    couplings : ndarray, shape (cells,)
        Coupling of each cell to the next; that of the last cell leads back to the first.
    walls : ndarray, shape (cells,)
        Contribution of the walls to the diagonal.
    """
    couplings = np.full(cells, coupling)
    if sides[0] != "periodic" or cells == 1:  # a cell does not exchange anything with itself
        couplings[-1] = 0.0
    walls = np.zeros(cells)
    walls[0] += wall * coupling * (sides[0] == "dirichlet")
    walls[-1] += wall * coupling * (sides[1] == "dirichlet")
    return couplings, walls


def variable_couplings(
    coefficients: Sequence[np.ndarray],
    spacing: Sequence[float],
    boundary: Sides,
    fluid: np.ndarray,
    solid_walls: bool,
    wall: float,
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the couplings along each axis and the wall terms of every cell, as arrays of the grid's shape.

    Parameters
    ----------
    coefficients : sequence of ndarray
        For each axis, the coefficient in every cell, of the grid's shape. Faces take the harmonic mean, which keeps the
        flux correct across jumps.
    spacing : sequence of float
        Spacing along each axis.
    boundary : tuple of (str, str)
        Boundary conditions, one (lower, upper) pair per axis.
    fluid : ndarray of bool
        False in obstacles, which are not coupled to anything.
    solid_walls : bool
        Whether u = 0 on the walls of obstacles; otherwise no flux passes through them.
    wall : float
        Coupling to a Dirichlet wall, relative to coefficient over squared spacing.
    """
    couplings: list[np.ndarray] = []
    walls = np.zeros(fluid.shape)
    for axis, (values, step, sides) in enumerate(zip(coefficients, spacing, boundary, strict=True)):
        conductance = np.where(fluid, values, 1.0) / step**2
        following, fluid_following = np.roll(conductance, -1, axis), np.roll(fluid, -1, axis)
        faces = 2.0 * conductance * (following / (conductance + following))
        faces[~(fluid & fluid_following)] = 0.0
        first, last = _layer(fluid.ndim, axis, 0), _layer(fluid.ndim, axis, -1)
        periodic = sides[0] == "periodic"
        if not periodic or fluid.shape[axis] == 1:
            faces[last] = 0.0
        if solid_walls:
            before, after = fluid & ~fluid_following, ~fluid & fluid_following
            if not periodic:
                before[last] = after[last] = False
            walls += wall * conductance * (before + np.roll(after, 1, axis).astype(float))
        for condition, layer in zip(sides, (first, last), strict=True):
            if condition == "dirichlet":
                walls[layer] += wall * (conductance * fluid)[layer]
        couplings.append(faces)
    return tuple(couplings), walls


def regions(fluid: np.ndarray, boundary: Sides) -> tuple[np.ndarray, int]:
    """Label the connected regions of fluid; return the label of each cell (-1 in obstacles) and their number."""
    from scipy.ndimage import label
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    found: Any = label(fluid)
    labels, count = found
    pairs: list[np.ndarray] = []
    for axis, sides in enumerate(boundary):
        if sides[0] == "periodic":
            ends = np.stack([labels[_layer(fluid.ndim, axis, end)].ravel() for end in (0, -1)])
            pairs.append(ends[:, (ends > 0).all(axis=0)] - 1)
    if not pairs:
        return labels.ravel() - 1, count
    rows, columns = np.concatenate(pairs, axis=1)
    links = coo_array((np.ones(rows.size), (rows, columns)), shape=(count, count))
    count, merged = connected_components(links, directed=False)
    return np.append(merged, -1)[labels.ravel() - 1], count


def connected(couplings: Sequence[np.ndarray]) -> tuple[np.ndarray, int]:
    """Label the regions of cells that are coupled; return the label of each cell and the number of regions."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    shape, size = couplings[0].shape, couplings[0].size
    if all((np.delete(along, -1, axis) > 0).all() for axis, along in enumerate(couplings)):
        return np.zeros(size, dtype=np.int32), 1
    number = np.arange(size, dtype=np.int32).reshape(shape)
    pairs = [(number[along > 0], np.roll(number, -1, axis)[along > 0]) for axis, along in enumerate(couplings)]
    rows, columns = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    links = coo_array((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(size, size))
    count, labels = connected_components(links, directed=False)
    return labels, count


def sides_of(couplings: Sequence[np.ndarray], walls: np.ndarray) -> Sides:
    """Return the condition on each side of a box, as far as the entries show it.

    An axis is periodic if a coupling leads around its end; otherwise, sides with a wall term are Dirichlet and the
    others Neumann.
    """
    sides: list[tuple[Condition, Condition]] = []
    for axis, along in enumerate(couplings):
        ends = [_layer(along.ndim, axis, end) for end in (0, -1)]
        if along[ends[1]].any():
            sides.append(("periodic", "periodic"))
        else:
            first, last = (bool(walls[end].any()) for end in ends)
            sides.append(("dirichlet" if first else "neumann", "dirichlet" if last else "neumann"))
    return tuple(sides)


def _layer(dimension: int, axis: int, index: int) -> tuple[slice | int, ...]:
    return tuple(index if other == axis else slice(None) for other in range(dimension))
