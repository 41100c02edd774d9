"""Incompressible flow past obstacles in a channel, and the force on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer, check_number
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Stencil
from ritz.problem_types.linear_system import SystemSequence
from ritz.registry import problems

from ..arguments import check_shape

__all__ = ["FlowState", "flow_past_obstacles"]

COURANT, VISCOUS = 0.2, 0.1  # default step over h / U, and over h^2 / nu


@dataclass(frozen=True, eq=False)
class FlowState:
    """A flow on a staggered grid.

    Parameters
    ----------
    velocity : tuple of ndarray, shapes (nx + 1, ny) and (nx, ny + 1)
        Divergence-free velocity; each component on the faces normal to its axis.
    pressure : ndarray, shape (nx, ny)
        Over the density, zero at the outlet.
    tentative : tuple of ndarray
        Velocity after one more step without the change of pressure, which makes it divergence-free.
    rates : tuple of ndarray
        Rates by advection and viscosity in that step, for the extrapolation in the next.
    forces : ndarray, shape (steps, 3)
        Time, drag coefficient and lift coefficient after each step: forces over ``U² D / 2`` for a density of 1, where
        D is the height of the obstacles across the stream.
    """

    velocity: tuple[np.ndarray, np.ndarray]
    pressure: np.ndarray
    tentative: tuple[np.ndarray, np.ndarray]
    rates: tuple[np.ndarray, np.ndarray]
    forces: np.ndarray

    @property
    def drag(self) -> np.ndarray:
        """Drag coefficient after each step."""
        return self.forces[:, 1]

    @property
    def lift(self) -> np.ndarray:
        """Lift coefficient after each step."""
        return self.forces[:, 2]


@problems.register("flow-past-obstacles")
def flow_past_obstacles(
    shape: tuple[int, ...] = (160, 64),
    *,
    mask: Any = None,
    reynolds: float = 100.0,
    steps: int = 200,
    dt: float | None = None,
    inflow: str = "parabolic",
    walls: str = "no-slip",
) -> SystemSequence:
    r"""Return the pressure systems of a flow past obstacles in a channel, one for each time step.

    .. math:: \partial_t v + \nabla\cdot(v v^T) = -\nabla p + \nu \Delta v, \qquad \nabla\cdot v = 0

    The channel has height 1, and its fluid enters from the left at a largest speed of U = 1 and leaves on the right
    where p = 0. Each step extrapolates the rates by advection and viscosity from the last two (second order) on a
    staggered grid of square cells :cite:`HarlowWelch1965`, and corrects velocity and pressure by the solution of
    :cite:`Chorin1968`

    .. math:: -\Delta\varphi = -\tfrac{1}{dt} \nabla\cdot v^*, \qquad v = v^* - dt\,\nabla\varphi, \qquad
              p \leftarrow p + \varphi.

    The walls of obstacles run along faces of cells, exactly for rectangles and as stairs for others.

    Parameters
    ----------
    shape : tuple of int
        Cells along and across the channel.
    mask : array of bool, shape `shape`, optional
        True in obstacles, which must leave the first and last columns free. By default a square of an eighth of the
        height, on the axis of the channel, at a fifth of its length.
    reynolds : float
        ``U D / nu``, where D is the height of the obstacles across the stream.
    steps : int
        Number of time steps.
    dt : float, optional
        Time step; by default 0.2 h/U, or 0.1 h²/ν if that is less. Larger steps may become unstable.
    inflow : {"parabolic", "uniform"}
        Profile at the inlet.
    walls : {"no-slip", "slip"}
        Upper and lower wall of the channel.

    Returns
    -------
    SystemSequence
        The state is a `FlowState`, whose `drag` holds the drag coefficient after each step.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.flow_past_obstacles((80, 32), steps=50), rtol=1e-6)
    >>> trajectory.state.drag.shape
    (50,)
    """
    shape = check_shape(shape, dimensions=(2,))
    if min(shape) < 8:
        raise InvalidProblem(f"shape is {shape}; a channel needs at least 8 cells along and across")
    steps, reynolds = check_integer("steps", steps), check_number("reynolds", reynolds, above=0.0)
    check_choice("inflow", inflow, ("parabolic", "uniform"))
    check_choice("walls", walls, ("no-slip", "slip"))
    solid = _square(shape) if mask is None else _check_mask(mask, shape)
    channel = _Channel(solid, reynolds, inflow, walls == "slip")
    h = channel.h
    step = min(COURANT * h, VISCOUS * h * h / channel.nu) if dt is None else check_number("dt", dt, above=0.0)
    operator = Stencil(
        shape,
        spacing=h,
        boundary={"x-": "neumann", "x+": "dirichlet", "y-": "neumann", "y+": "neumann"},
        solid=solid,
        solid_boundary="neumann",
    )
    grid = Grid.uniform(shape, spacing=h, origin=h / 2, solid=solid)

    def rhs(state: FlowState) -> np.ndarray:
        u, v = state.tentative
        divergence = (np.diff(u, axis=0) + np.diff(v, axis=1)) / (h * step)
        return np.where(solid, 0.0, -divergence).ravel()

    def advance(state: FlowState, x: np.ndarray) -> FlowState:
        phi = x.reshape(shape)
        u, v = (part - step * slope for part, slope in zip(state.tentative, channel.gradient(phi), strict=True))
        pressure = state.pressure + phi
        time = step * (len(state.forces) + 1)
        rates = channel.rates(u, v)
        forces = np.vstack([state.forces, [time, *channel.coefficients(u, v, pressure, rates)]])
        return _next((u, v), pressure, channel.on_open_faces(rates), state.rates, forces)

    def _next(velocity: Any, pressure: np.ndarray, rates: Any, before: Any, forces: np.ndarray) -> FlowState:
        old = rates if before is None else before
        slopes = channel.gradient(pressure)
        tentative: Any = tuple(
            part + step * (1.5 * rate - 0.5 * last - slope)
            for part, rate, last, slope in zip(velocity, rates, old, slopes, strict=True)
        )
        return FlowState(velocity, pressure, tentative, rates, forces)

    first = channel.start()
    start = _next(first, np.zeros(shape), channel.on_open_faces(channel.rates(*first)), None, np.empty((0, 3)))
    name = f"flow past obstacles, Re = {reynolds:g}"
    return SystemSequence(operator, start, rhs, advance, steps, grid, name)


def _square(shape: tuple[int, ...]) -> np.ndarray:
    side = max(2, round(shape[1] / 8))
    side += (shape[1] - side) % 2  # on the axis exactly
    left, low = round(shape[0] / 5), (shape[1] - side) // 2
    solid = np.zeros(shape, dtype=bool)
    solid[left : left + side, low : low + side] = True
    return solid


def _check_mask(mask: Any, shape: tuple[int, ...]) -> np.ndarray:
    solid = np.asarray(mask)
    if solid.shape != shape or solid.dtype != bool:
        raise InvalidProblem(
            f"mask has shape {solid.shape} and dtype {solid.dtype}; it must be a boolean array of shape {shape}"
        )
    if not solid.any():
        raise InvalidProblem("mask is False everywhere: give at least one obstacle, whose height is the unit of length")
    if solid[:2].any() or solid[-2:].any():
        raise InvalidProblem("mask is True in the first or last two columns, where the fluid enters and leaves")
    from scipy.ndimage import label

    found: Any = label(~solid)
    labels, count = found
    if count > 1:
        closed = int((labels != labels[0, 0]).sum())
        raise InvalidProblem(f"mask encloses {closed} cells of fluid, or blocks the channel: leave a way to the outlet")
    return solid.copy()


class _Channel:
    """Differences on the staggered grid of a channel with obstacles."""

    def __init__(self, solid: np.ndarray, reynolds: float, inflow: str, slip: bool):
        ny = solid.shape[1]
        self.h, self.slip = 1.0 / ny, slip
        self.width = float(solid.any(axis=0).sum()) * self.h
        self.nu = self.width / reynolds
        y = (np.arange(ny) + 0.5) * self.h
        self.profile = 4.0 * y * (1.0 - y) if inflow == "parabolic" else np.ones(ny)
        self.solid = solid
        wide = np.pad(solid, ((1, 1), (0, 0)))
        tall = np.pad(solid, ((0, 0), (1, 1)), constant_values=True)
        # Faces with an obstacle on one side are closed; those with obstacles on both are inside.
        self.open_u, self.inside_u = ~(wide[:-1] | wide[1:]), wide[:-1] & wide[1:]
        self.open_v, self.inside_v = ~(tall[:, :-1] | tall[:, 1:]), tall[:, :-1] & tall[:, 1:]
        self.open_u[0] = False  # given by the inflow

    def start(self) -> tuple[np.ndarray, np.ndarray]:
        u = np.where(self.open_u, self.profile, 0.0)
        u[0] = self.profile
        return u, np.zeros(self.open_v.shape)

    def gradient(self, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of a pressure on the open faces, and 0 on the others."""
        along = np.zeros(self.open_u.shape)
        along[1:-1] = np.diff(p, axis=0) / self.h
        along[-1] = -2.0 * p[-1] / self.h
        across = np.zeros(self.open_v.shape)
        across[:, 1:-1] = np.diff(p, axis=1) / self.h
        return np.where(self.open_u, along, 0.0), np.where(self.open_v, across, 0.0)

    def on_open_faces(self, rates: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return rates with 0 on closed faces."""
        return np.where(self.open_u, rates[0], 0.0), np.where(self.open_v, rates[1], 0.0)

    def rates(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rates of both components by advection and viscosity; on closed faces, what they absorb."""
        h, nu = self.h, self.nu
        wall = 1.0 if self.slip else -1.0  # what lies beyond a wall is a mirror image
        tall_u = np.concatenate([wall * u[:, :1], u, wall * u[:, -1:]], axis=1)
        long_v = np.concatenate([-v[:1], v, v[-1:]], axis=0)
        long_u = np.concatenate([u, u[-1:]], axis=0)
        corners_u = 0.5 * (tall_u[:, :-1] + tall_u[:, 1:])  # (nx + 1, ny + 1)
        corners_v = 0.5 * (long_v[:-1] + long_v[1:])
        centres_u, centres_v = 0.5 * (long_u[:-1] + long_u[1:]), 0.5 * (v[:, :-1] + v[:, 1:])
        crossing = corners_u * corners_v
        rate_u, rate_v = np.zeros(u.shape), np.zeros(v.shape)
        rate_u[1:] = -np.diff(centres_u**2, axis=0) / h
        rate_u -= np.diff(crossing, axis=1) / h
        rate_v[:, 1:-1] = -np.diff(centres_v**2, axis=1) / h
        rate_v -= np.diff(crossing, axis=0) / h
        rate_u[1:] += nu / h**2 * (long_u[2:] - 2.0 * u[1:] + u[:-1])
        rate_u += nu / h**2 * self._across(u, tall_u, self.inside_u, 1)
        rate_v[:, 1:-1] += nu / h**2 * np.diff(v, n=2, axis=1)
        rate_v += nu / h**2 * self._across(v, long_v, self.inside_v, 0)
        return rate_u, rate_v

    @staticmethod
    def _across(u: np.ndarray, wide: np.ndarray, inside: np.ndarray, axis: int) -> np.ndarray:
        """Return second differences across walls, which lie halfway to faces inside of obstacles."""
        widths = [(1, 1) if other == axis else (0, 0) for other in (0, 1)]
        beyond = np.pad(inside, widths)
        total = -2.0 * u
        for place in (slice(None, -2), slice(2, None)):
            at = (slice(None), place) if axis else (place, slice(None))
            total += np.where(beyond[at], -u, wide[at])
        return total

    def coefficients(self, u: np.ndarray, v: np.ndarray, p: np.ndarray, rates: Any) -> tuple[float, float]:
        """Return drag and lift of the obstacles, over ``U² D / 2``: the momentum that their faces absorb."""
        drag = self._force(u[1:-1], p, rates[0][1:-1], self.solid, self.inside_u[1:-1])
        lift = self._force(v.T[1:-1], p.T, rates[1].T[1:-1], self.solid.T, self.inside_v.T[1:-1])
        return 2.0 * drag / self.width, 2.0 * lift / self.width

    def _force(self, u: np.ndarray, p: np.ndarray, rate: np.ndarray, solid: np.ndarray, inside: np.ndarray) -> float:
        """Return the force along the first axis, from the faces between two cells."""
        before, after = solid[:-1], solid[1:]
        push = float(p[:-1][after & ~before].sum() - p[1:][before & ~after].sum()) * self.h
        absorbed = float(rate[before | after].sum()) * self.h**2
        # A wall lies halfway to a face inside, so its friction is twice what the face absorbs.
        near = np.zeros(u.shape)
        near[:, :-1] += inside[:, 1:]
        near[:, 1:] += inside[:, :-1]
        return push + absorbed + self.nu * float((near * np.where(before | after, 0.0, u)).sum())
