"""Reference solutions of systems without a closed-form solution, from which right-hand sides are computed."""

from __future__ import annotations

import numpy as np

from ritz.grid import Grid
from ritz.operators import Operator
from ritz.operators.stencils.boundary import Sides
from ritz.problem_types.linear_system import LinearSystem

from .smooth_solutions import manufactured_solution

__all__ = ["consistent", "random_reference", "smooth_reference", "system_from_reference"]

MODES = 12  # number of random waves in a smooth reference
HIGHEST = 5  # largest number of half wavelengths along an axis


def consistent(operator: Operator, x: np.ndarray) -> np.ndarray:
    """Return `x` without its component in the nullspace of `operator`."""
    return x if operator.nullspace is None else operator.nullspace.project(x)


def system_from_reference(
    operator: Operator, reference: np.ndarray, grid: Grid | None = None, name: str = ""
) -> LinearSystem:
    """Return the system whose solution is `reference`, projected onto mean zero in each singular region."""
    exact = consistent(operator, reference)
    return LinearSystem(operator, consistent(operator, operator @ exact), grid=grid, exact=exact, name=name)


def random_reference(size: int, seed: int) -> np.ndarray:
    """Return a standard normal vector of shape ``(size,)``."""
    return np.random.default_rng(seed).standard_normal(size)


def smooth_reference(
    grid: Grid, spacing: tuple[float, ...], sides: Sides, seed: int, *, solid_boundary: str = "dirichlet"
) -> np.ndarray:
    """Return a random smooth field that satisfies the boundary conditions of a box of cells and is 0 in solid cells.

    The field is a manufactured solution times a sum of random low-frequency waves. It decays to zero towards obstacles
    with a Dirichlet condition. Takes O(n) time per wave.

    Parameters
    ----------
    grid : Grid
        Grid of cell centres.
    spacing : tuple of float
        Side lengths of a cell.
    sides : tuple of (str, str)
        Lower and upper condition of each axis.
    seed : int
    solid_boundary : {"dirichlet", "neumann"}
        Condition on the walls of ``grid.solid``.

    Returns
    -------
    ndarray, shape (n,)
    """
    axes = tuple((np.arange(n) + 0.5) / n for n in grid.shape)
    field = manufactured_solution(axes, (1.0,) * grid.dimension, sides).value
    field *= _random_waves(axes, sides, np.random.default_rng(seed))
    if grid.solid is None or not grid.solid.any():
        return field
    if solid_boundary == "dirichlet":
        field *= _rise_from_walls(grid.solid, spacing).ravel()
    return np.where(grid.solid.ravel(), 0.0, field)


def _random_waves(axes: tuple[np.ndarray, ...], sides: Sides, generator: np.random.Generator) -> np.ndarray:
    """Return 1 plus random low-frequency waves with zero slope at the sides or periodic, shape ``(n,)``."""
    weights = np.append(1.0, 0.5 * generator.standard_normal(MODES))
    profiles: list[np.ndarray] = []
    for t, pair in zip(axes, sides, strict=True):
        counts = np.append(0, generator.integers(HIGHEST + 1, size=MODES))
        phases = np.zeros(MODES + 1)
        if pair[0] == "periodic":
            counts = 2 * (counts // 2)
            phases[1:] = generator.uniform(0, 2 * np.pi, MODES)
        profiles.append(np.cos(np.pi * counts * t[:, None] + phases))
    leading = weights[None]
    for profile in profiles[:-1]:
        leading = (leading[:, None] * profile).reshape(-1, MODES + 1)
    return (leading @ profiles[-1].T).ravel()


def _rise_from_walls(solid: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    from scipy.ndimage import distance_transform_edt

    length = 0.1 * max(n * step for n, step in zip(solid.shape, spacing, strict=True))
    distance = np.asarray(distance_transform_edt(~solid, sampling=spacing)) - 0.5 * min(spacing)
    return 1.0 - np.exp(-np.maximum(distance, 0.0) / length)
