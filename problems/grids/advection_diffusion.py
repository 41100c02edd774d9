"""Steady advection-diffusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from ritz.arguments import check_choice, check_number
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Sparse
from ritz.operators.stencils.boundary import parse_boundary
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..arguments import cell_grid, check_shape
from ..smooth_solutions import manufactured_solution

__all__ = ["advection_diffusion"]

DIRECTION = (1.0, 0.5, 0.25)
SCHEMES = ("upwind", "central")


@problems.register("advection_diffusion")
def advection_diffusion(
    shape: tuple[int, ...] = (64, 64),
    *,
    peclet: float = 100.0,
    velocity: str | Sequence[float] = "constant",
    scheme: str = "upwind",
) -> LinearSystem:
    r"""Return a steady advection-diffusion problem.

    .. math:: \nabla\cdot(v\,u) - \frac{1}{Pe}\,\Delta u = f, \qquad \nabla\cdot v = 0

    with u = 0 on all sides of a box of cubic cells with longest side 1, ``h = 1 / max(shape)``. Quantities are
    dimensionless and the largest speed is 1, so the Péclet number is the ratio of advection to diffusion across the
    box. The discretisation is by cell-centred finite volumes :cite:`Patankar1980`. The source f is computed from a
    smooth solution :cite:`Roache2002`, stored in ``exact``. The solution of the system differs from it by O(h) with the
    upwind scheme and by O(h²) with the central scheme, which oscillates if ``peclet * h`` exceeds 2.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    peclet : float
        Péclet number Pe > 0.
    velocity : {"constant", "recirculating"} or sequence of float
        Constant flow in direction (1, 1/2, 1/4); a closed eddy with the stream function sin πx sin πy along the first
        two axes :cite:`ElmanSilvesterWathen2014`; or a constant flow in a given direction, one number per axis, which
        is scaled to length 1.
    scheme : {"upwind", "central"}
        Value that the flow carries through a face: that of the upstream cell, or the mean of both cells.

    Returns
    -------
    LinearSystem
        A non-symmetric system; with the upwind scheme its matrix is an M-matrix.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> ritz.problems.advection_diffusion((16, 16), peclet=10.0).operator
    Sparse(256 x 256, float64)
    """
    shape = check_shape(shape)
    diffusion = 1.0 / check_number("peclet", peclet, above=0.0)
    check_choice("scheme", scheme, SCHEMES)
    grid, h = cell_grid(shape)
    lengths = tuple(n * h for n in shape)
    flow = _Flow(velocity, lengths)
    solution = manufactured_solution(grid.axes, lengths, parse_boundary("dirichlet", len(shape)))
    transport = sum(flow.speed(axis, grid.coordinates()) * slope for axis, slope in enumerate(solution.gradient))
    rhs = transport - diffusion * solution.laplacian
    matrix = _finite_volumes(grid, h, flow, diffusion, upwind=scheme == "upwind")
    name = f"advection-diffusion {len(shape)}-D, Pe {peclet:g}, {scheme}"
    return LinearSystem(Sparse(matrix), rhs, grid=grid, exact=solution.value, name=name)


class _Flow:
    """A divergence-free flow whose largest speed is 1."""

    def __init__(self, velocity: str | Sequence[float], lengths: tuple[float, ...]):
        self.lengths = lengths
        self.recirculating = isinstance(velocity, str) and velocity == "recirculating"
        if self.recirculating and len(lengths) == 1:
            raise InvalidProblem("velocity 'recirculating' needs a shape of two or three axes")
        if isinstance(velocity, str):
            check_choice("velocity", velocity, ("constant", "recirculating"))
            velocity = DIRECTION[: len(lengths)]
        if np.ndim(velocity) != 1 or len(velocity) != len(lengths):
            raise InvalidProblem(f"velocity is {velocity!r}; give one number for each of {len(lengths)} axes")
        components = np.array([check_number("velocity", component) for component in velocity])
        length = float(np.linalg.norm(components))
        if length == 0:
            raise InvalidProblem("velocity is zero: give a direction, or solve ritz.problems.poisson")
        self.direction = components / length

    def speed(self, axis: int, points: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return the component of the velocity along `axis` at points given by their coordinates."""
        if not self.recirculating:
            return np.full(points[0].shape, self.direction[axis])
        if axis == 2:
            return np.zeros(points[0].shape)
        (x, y), (width, height) = points[:2], self.lengths[:2]
        x, y = np.pi * x / width, np.pi * y / height
        scale = 1.0 / max(width, height)
        return scale * (width * np.sin(x) * np.cos(y) if axis == 0 else -height * np.cos(x) * np.sin(y))


def _finite_volumes(grid: Grid, h: float, flow: _Flow, diffusion: float, *, upwind: bool) -> csr_array:
    numbers = np.arange(grid.size).reshape(grid.shape)
    centres = np.meshgrid(*grid.axes, indexing="ij")
    diagonal = np.zeros(grid.size)
    rows, columns, entries = [], [], []
    for axis in range(grid.dimension):
        faces = [centre + (h / 2 if other == axis else 0.0) for other, centre in enumerate(centres)]
        speed = np.moveaxis(flow.speed(axis, tuple(faces)), axis, 0)[:-1].ravel()
        cells = np.moveaxis(numbers, axis, 0)
        below, above = cells[:-1].ravel(), cells[1:].ravel()
        # The flux through a face is from_below * u(below) + from_above * u(above).
        from_below = (np.maximum(speed, 0.0) if upwind else speed / 2) + diffusion / h
        from_above = (np.minimum(speed, 0.0) if upwind else speed / 2) - diffusion / h
        diagonal += np.bincount(below, from_below, grid.size) - np.bincount(above, from_above, grid.size)
        rows += [below, above]
        columns += [above, below]
        entries += [from_above, -from_below]
        for wall, sign in ((cells[0].ravel(), -1.0), (cells[-1].ravel(), 1.0)):
            points = [centre.ravel()[wall] + (sign * h / 2 if o == axis else 0.0) for o, centre in enumerate(centres)]
            outflow = np.maximum(sign * flow.speed(axis, tuple(points)), 0.0) if upwind else 0.0
            diagonal[wall] += outflow + 2 * diffusion / h
    rows, columns, entries = (np.concatenate(part) for part in (rows, columns, entries))
    everyone = numbers.ravel()
    parts = (
        np.concatenate([entries, diagonal]) / h,
        (np.concatenate([rows, everyone]), np.concatenate([columns, everyone])),
    )
    return csr_array(parts, shape=(grid.size, grid.size))
