"""The heat equation, as one linear system per time step."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ritz.arguments import check_choice, check_integer, check_number
from ritz.operators import Stencil
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.linear_system import SystemSequence
from ritz.registry import problems

from ..arguments import cell_grid, check_shape, check_sides

__all__ = ["heat"]

SCHEMES = {"backward-euler": 1.0, "crank-nicolson": 2.0}  # the shift, times the time step
START = 0.002  # age of the hot spot at time 0, when its radius is about 0.06
SPOT = (0.35, 0.4, 0.45)  # position of the hot spot relative to the box


@problems.register("heat")
def heat(
    shape: tuple[int, ...] = (64, 64),
    *,
    steps: int = 10,
    dt: float = 1e-3,
    boundary: BoundaryLike = "dirichlet",
    scheme: str = "backward-euler",
) -> SystemSequence:
    r"""Return the heat equation for a hot spot in a box.

    .. math:: \partial_t u = \Delta u

    The box, the cells and the boundary conditions are those of `ritz.problems.poisson`. With backward Euler (first
    order in dt) and with Crank-Nicolson (second order, :cite:`CrankNicolson1947`), each time step solves

    .. math:: (A + \tfrac1{dt}) u^{m+1} = \tfrac1{dt} u^m, \qquad
              (A + \tfrac2{dt}) u^{m+1} = (\tfrac2{dt} - A) u^m,

    where A is the positive definite stencil of −Δ. The initial values are the heat of a point source after a time of
    0.002, computed from its expansion in eigenfunctions. ``exact(step)`` is the solution of the PDE, from which the
    solution of the sequence differs by O(h² + dt) or O(h² + dt²).

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    steps : int
        Number of time steps.
    dt : float
        Time step. Heat crosses the box in a time of about 0.1. Both schemes are stable for every dt.
    boundary : str or mapping
        Condition on each side, see `ritz.operators.stencils.boundary.parse_boundary`.
    scheme : {"backward-euler", "crank-nicolson"}
        Time-stepping scheme.

    Returns
    -------
    SystemSequence
        The state is u, and the operator is symmetric positive definite.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> trajectory = ritz.solve(ritz.problems.heat((32, 32), steps=3), "cg")
    >>> len(trajectory.steps), trajectory.converged
    (3, True)
    """
    shape = check_shape(shape)
    steps, dt = check_integer("steps", steps, 1), check_number("dt", dt, above=0.0)
    sides = check_sides("boundary", boundary, len(shape))
    shift = SCHEMES[check_choice("scheme", scheme, SCHEMES)] / dt
    grid, h = cell_grid(shape)
    operator = Stencil(shape, spacing=h, boundary=sides, shift=shift)

    def exact(step: int) -> np.ndarray:
        age = START + step * dt
        axes = zip(grid.axes, shape, sides, SPOT, strict=False)
        profiles = [_profile(axis, n * h, pair, spot, age) for axis, n, pair, spot in axes]
        return reduce(np.multiply.outer, profiles).ravel()

    def rhs(u: np.ndarray) -> np.ndarray:
        # (2/dt - A) u for Crank-Nicolson, with A = operator - 2/dt.
        return shift * u if scheme == "backward-euler" else 2 * shift * u - operator @ u

    def advance(u: np.ndarray, x: np.ndarray) -> np.ndarray:
        return x

    return SystemSequence(operator, exact(0), rhs, advance, steps, grid, f"heat {len(shape)}-D, {scheme}", exact)


def _profile(x: np.ndarray, length: float, pair: tuple[str, str], spot: float, age: float) -> np.ndarray:
    """Return the heat of a unit point source at ``spot * length`` on an interval after a time `age`."""
    highest = int(np.ceil(length * np.sqrt(40.0 / age) / np.pi)) + 1  # higher modes have decayed to less than exp(-40)
    start = {"dirichlet": np.sin, "neumann": np.cos, "periodic": np.cos}[pair[0]]
    if pair[0] == "periodic":
        half_waves = 2.0 * np.arange(highest)
        modes = np.cos(np.pi * half_waves[:, None] * (x / length - spot))
        values = np.ones(highest)
    else:
        half_waves = np.arange(highest) + (0.0 if pair[0] == pair[1] else 0.5)
        modes = start(np.pi * half_waves[:, None] * x / length)
        values = start(np.pi * half_waves * spot)
    norms = np.where(half_waves == 0, length, length / 2)
    decay = np.exp(-((np.pi * half_waves / length) ** 2) * age)
    return (values * decay / norms) @ modes
