"""A plate heated by a source that moves around on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.operators import Stencil
from ritz.problem_types.evolution.evolution import Evolution
from ritz.registry import problems

from ..arguments import cell_grid, check_shape
from ..grids.obstacles import random_obstacles

__all__ = ["moving_heat_source"]


@problems.register("moving-heat-source")
def moving_heat_source(
    shape: tuple[int, ...] = (128, 128),
    *,
    times: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
    obstacles: int = 0,
    diffusion: float = 0.02,
    radius: float = 0.05,
    period: float = 1.0,
    seed: int = 0,
) -> Evolution:
    r"""Return the heat equation in a box with a source that moves on a circle.

    .. math::
        \partial_t u = D \Delta u + \frac{1}{2\pi r^2} \exp\Big(-\frac{|x - p(t)|^2}{2 r^2}\Big)

    The longest side of the box is 1. Its walls and those of obstacles are kept at u = 0, where u also starts. The point
    p moves on a circle of radius 0.3 around the middle.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of two or three axes; in three dimensions the circle lies in the middle plane.
    times : sequence of float
        Initial time, and times at which the state is wanted.
    obstacles : int
        Number of random obstacles.
    diffusion : float
        D.
    radius : float
        r.
    period : float
        Time in which the source comes around.
    seed : int
        Seed of the obstacles.

    Returns
    -------
    Evolution

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.moving_heat_source((48, 48), obstacles=2), rtol=1e-3)
    >>> trajectory.states.shape
    (5, 2304)
    """
    shape, seed = check_shape(shape, dimensions=(2, 3)), check_seed(seed)
    count = check_integer("obstacles", obstacles, least=0)
    diffusion = check_number("diffusion", diffusion, above=0.0)
    radius, period = check_number("radius", radius, above=0.0), check_number("period", period, above=0.0)
    solid = random_obstacles(shape, count, seed) if count else None
    grid, h = cell_grid(shape, solid)
    middle = [0.5 * n * h for n in shape]
    lines = [axis - centre for axis, centre in zip(grid.axes, middle, strict=True)]

    def forcing(t: float) -> np.ndarray:
        angle = 2.0 * np.pi * t / period
        centre = [0.3 * np.cos(angle), 0.3 * np.sin(angle), 0.0]
        # A Gaussian is a product of functions of one coordinate each.
        parts = [np.exp(-((line - place) ** 2) / (2 * radius**2)) for line, place in zip(lines, centre, strict=False)]
        field = parts[0] / (2 * np.pi * radius**2)
        for part in parts[1:]:
            field = np.multiply.outer(field, part)
        if solid is not None:
            field[solid] = 0.0
        return field.ravel()

    operator = Stencil(shape, spacing=h, coefficient=diffusion, solid=solid)
    name = f"moving heat source {len(shape)}-D" + (f", {count} obstacles" if count else "")
    return Evolution(operator, np.zeros(grid.size), times, forcing=forcing, grid=grid, name=name)
