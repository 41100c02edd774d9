"""Pressure systems of an incompressible flow that carries smoke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.operators import Stencil
from ritz.problem_types.linear_system import SystemSequence
from ritz.registry import problems

from ..arguments import cell_grid, check_shape
from ..reference import consistent
from .obstacles import random_obstacles

__all__ = ["SmokeState", "divergence", "pressure_projection"]

SOURCE_HEIGHT, SOURCE_RADIUS = 0.1, 0.08
CLEAR_BELOW = 0.25  # height below which there are no obstacles
OBSTACLES_WITHIN = (0.35, 0.75)


@dataclass(frozen=True, eq=False)
class SmokeState:
    """A flow on a staggered grid and the smoke it carries.

    Parameters
    ----------
    velocity : tuple of ndarray
        Divergence-free velocity. Each component is stored on the faces normal to its axis, so its shape has one more
        entry along that axis than the grid.
    smoke : ndarray, shape of the grid
        Density at cell centres.
    tentative : tuple of ndarray
        Velocity after advection and buoyancy, which the next pressure makes divergence-free.
    """

    velocity: tuple[np.ndarray, ...]
    smoke: np.ndarray
    tentative: tuple[np.ndarray, ...]


@problems.register("pressure_projection")
def pressure_projection(
    shape: tuple[int, ...] = (64, 64), *, steps: int = 20, dt: float = 0.05, obstacles: int = 1, seed: int = 0
) -> SystemSequence:
    r"""Return the pressure systems of smoke that rises around obstacles in a closed box, one per time step.

    .. math::
        \partial_t v + v\cdot\nabla v = -\nabla p + s\,e, \qquad \nabla\cdot v = 0, \qquad
        \partial_t s + v\cdot\nabla s = 0

    where v is the velocity, p the pressure and s the density of the smoke, which rises along e, the last axis. Nothing
    flows through the sides and the obstacles. Quantities are dimensionless: the longest side of the box is 1, and smoke
    of density 1 rises with acceleration 1, so it crosses the box in a time of about 3. The source of smoke is at the
    bottom.

    Each step advects along the flow by a semi-Lagrangian scheme :cite:`Stam1999`, :cite:`FedkiwStamJensen2001` and adds
    buoyancy. Then, on a staggered grid of cubic cells :cite:`HarlowWelch1965`, it solves

    .. math:: -\Delta\varphi = -\nabla\cdot v^*, \qquad v = v^* - \nabla\varphi,

    where φ = dt p, with Neumann conditions everywhere. The operator is singular, with one constant for each region of
    fluid, in which right-hand sides sum to zero. There is no reference solution, but after each step the divergence of
    the velocity equals the residual of the system, which can be checked.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of two or three axes.
    steps : int
        Number of time steps.
    dt : float
        Time step; the scheme is stable for every dt.
    obstacles : int
        Number of random balls, boxes and thin plates above the source.
    seed : int
        Seed of the obstacles and of the irregularities of the source.

    Returns
    -------
    SystemSequence
        The state is a `SmokeState`, and the operator is symmetric positive semidefinite.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.pressure_projection((32, 32), steps=3), "cg", rtol=1e-8)
    >>> bool(abs(ritz.problems.divergence(trajectory.state.velocity, 1 / 32)).max() < 1e-5)
    True
    """
    shape = check_shape(shape, dimensions=(2, 3))
    steps, dt = check_integer("steps", steps, 1), check_number("dt", dt, above=0.0)
    count, seed = check_integer("obstacles", obstacles, least=0), check_seed(seed)
    solid = random_obstacles(shape, count, seed, within=OBSTACLES_WITHIN)
    grid, h = cell_grid(shape, solid)
    solid &= grid.coordinates()[-1].reshape(shape) > CLEAR_BELOW * shape[-1] * h
    operator = Stencil(shape, spacing=h, boundary="neumann", solid=solid, solid_boundary="neumann")
    open_faces = tuple(_open_faces(solid, axis) for axis in range(len(shape)))
    source = _source(grid.coordinates(), shape, h, seed)

    def rhs(state: SmokeState) -> np.ndarray:
        return consistent(operator, np.where(solid, 0.0, -divergence(state.tentative, h)).ravel())

    def advance(state: SmokeState, x: np.ndarray) -> SmokeState:
        velocity = tuple(
            np.where(faces, component - _difference(x.reshape(shape), axis) / h, 0.0)
            for axis, (component, faces) in enumerate(zip(state.tentative, open_faces, strict=True))
        )
        trace = _backtrace(velocity, dt / h)
        smoke = np.maximum(trace(state.smoke, None), source)
        smoke[solid] = 0.0
        moved = tuple(trace(component, axis) for axis, component in enumerate(velocity))
        return SmokeState(velocity, smoke, _lift(moved, smoke, dt, open_faces))

    still = tuple(np.zeros(faces.shape) for faces in open_faces)
    state = SmokeState(still, source, _lift(still, source, dt, open_faces))
    return SystemSequence(operator, state, rhs, advance, steps, grid, f"pressure projection {len(shape)}-D")


def divergence(velocity: tuple[np.ndarray, ...], h: float) -> np.ndarray:
    """Return the divergence of a velocity on faces, in each cell of side `h`."""
    return sum((np.diff(component, axis=axis) for axis, component in enumerate(velocity)), np.zeros(())) / h


def _open_faces(solid: np.ndarray, axis: int) -> np.ndarray:
    widths = [(1, 1) if other == axis else (0, 0) for other in range(solid.ndim)]
    fluid = np.pad(~solid, widths, constant_values=False)
    low, high = np.delete(fluid, -1, axis), np.delete(fluid, 0, axis)
    return low & high


def _difference(cells: np.ndarray, axis: int) -> np.ndarray:
    """Return the differences across all faces normal to `axis`, zero on the sides of the box."""
    widths = [(1, 1) if other == axis else (0, 0) for other in range(cells.ndim)]
    return np.diff(np.pad(cells, widths, mode="edge"), axis=axis)


def _source(centres: tuple[np.ndarray, ...], shape: tuple[int, ...], h: float, seed: int) -> np.ndarray:
    middle = [0.5 * n * h for n in shape[:-1]] + [SOURCE_HEIGHT * shape[-1] * h]
    squares = sum((axis - place) ** 2 for axis, place in zip(centres, middle, strict=True))
    radius = max(SOURCE_RADIUS * min(shape) * h, h)
    strength = np.random.default_rng(seed).uniform(0.7, 1.0, len(centres[0]))
    return (strength * (squares <= radius**2)).reshape(shape)


def _lift(
    velocity: tuple[np.ndarray, ...], smoke: np.ndarray, dt: float, open_faces: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, ...]:
    widths = [(0, 0)] * (smoke.ndim - 1) + [(1, 1)]
    padded = np.pad(smoke, widths)
    lifted = velocity[-1] + dt * 0.5 * (padded[..., :-1] + padded[..., 1:])
    return tuple(np.where(faces, part, 0.0) for faces, part in zip(open_faces, (*velocity[:-1], lifted), strict=True))


def _backtrace(velocity: tuple[np.ndarray, ...], scale: float) -> Callable[[np.ndarray, int | None], np.ndarray]:
    """Return a function that advects a field on cells (axis None) or faces; `scale` is dt/h.

    The midpoint rule traces the flow backwards, and linear interpolation reads the field at the departure points.
    """
    from scipy.ndimage import map_coordinates

    dimension = len(velocity)

    def read(field: np.ndarray, axis: int | None, points: np.ndarray) -> np.ndarray:
        offset = np.array([0.0 if other == axis else 0.5 for other in range(dimension)])
        places = points - offset.reshape(-1, *[1] * dimension)
        return map_coordinates(field, places, order=1, mode="nearest")

    def flow(points: np.ndarray) -> np.ndarray:
        return np.stack([read(component, axis, points) for axis, component in enumerate(velocity)])

    def move(field: np.ndarray, axis: int | None) -> np.ndarray:
        offset = np.array([0.0 if other == axis else 0.5 for other in range(dimension)])
        points = np.indices(field.shape) + offset.reshape(-1, *[1] * dimension)
        halfway = points - 0.5 * scale * flow(points)
        return read(field, axis, points - scale * flow(halfway))

    return move
