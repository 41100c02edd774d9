"""PDEs whose source and boundary data are computed from a known solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from ritz.arguments import check_choice
from ritz.operators.stencils.boundary import BoundaryLike, parse_boundary, side_names
from ritz.problem_types.pde.fields import Field, evaluate
from ritz.problem_types.pde.pde import PDE, MultiIndex
from ritz.registry import problems

__all__ = ["NAMES", "Differentiable", "Wave", "from_exact", "manufactured"]


class Differentiable(Protocol):
    """A function of the coordinates with derivatives."""

    def __call__(self, *coordinates: Any, order: MultiIndex | None = None) -> Any:
        """Return the derivative given by a multi-index, by default the value."""
        ...


@dataclass(frozen=True)
class Wave:
    """The function ``sin(w1 x + p1) sin(w2 y + p2) ...`` with all derivatives.

    Parameters
    ----------
    frequencies, phases : tuple of float
        Frequency and phase along each axis.

    Examples
    --------
    >>> wave = Wave((2.0, 1.0), (0.0, np.pi / 2))
    >>> float(wave(np.pi / 4, 0.0)), float(wave(0.0, 0.0, order=(1, 0)))
    (1.0, 2.0)
    """

    frequencies: tuple[float, ...]
    phases: tuple[float, ...]

    def __call__(self, *coordinates: Any, order: MultiIndex | None = None) -> Any:
        """Return the derivative given by a multi-index, by default the value."""
        value: Any = 1.0
        orders = order or (0,) * len(coordinates)
        for x, frequency, phase, k in zip(coordinates, self.frequencies, self.phases, orders, strict=True):
            value = value * frequency**k * np.sin(frequency * x + phase + 0.5 * np.pi * k)
        return value


def from_exact(
    exact: Differentiable,
    domain: Sequence[tuple[float, float]],
    terms: Mapping[MultiIndex, Field],
    conditions: BoundaryLike = "dirichlet",
    name: str = "",
    reaction: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None,
) -> PDE:
    """Return the PDE with given terms whose solution is `exact`.

    Parameters
    ----------
    exact : function
        The solution; it must be periodic along periodic axes.
    domain, terms, conditions, name, reaction
        See `ritz.PDE`.
    """
    dimension = len(domain)

    def source(*coordinates: np.ndarray) -> np.ndarray:
        total = np.zeros(coordinates[0].shape)
        for index, coefficient in terms.items():
            total += evaluate("coefficient", coefficient, coordinates) * exact(*coordinates, order=index)
        return total if reaction is None else total + reaction[0](exact(*coordinates))

    def slope(axis: int, sign: float, *coordinates: np.ndarray) -> np.ndarray:
        return sign * exact(*coordinates, order=tuple(int(other == axis) for other in range(dimension)))

    sides = parse_boundary(conditions, dimension, open_sides=True)
    slopes: dict[str, Field] = {}
    for number, side in enumerate(side_names(dimension)):
        axis, end = divmod(number, 2)
        if sides[axis][end] == "neumann":
            slopes[side] = partial(slope, axis, 1.0 if end else -1.0)
    return PDE(domain, terms, source, exact, sides, slopes, reaction, exact=exact, name=name)


@problems.register("manufactured")
def manufactured(name: str = "poisson-2d") -> PDE:
    """Return a PDE with the known solution ``u = sin(w1 x + p1) sin(w2 y + p2) ...``.

    The source, boundary values and slopes are computed from u, and none of them vanishes. The domain is the unit
    interval, square or cube, with Dirichlet conditions unless stated otherwise:

    ========================  ==================================================================================
    name                      equation
    ========================  ==================================================================================
    poisson-1d, -2d, -3d      ``-Laplace u = f``
    diffusion-1d              ``-((1 + x^2) u_x)_x + 2 u = f``, as ``-(1 + x^2) u_xx - 2 x u_x + 2 u``
    diffusion-2d              ``-div(c grad u) + (1 + x^2) u = f`` with ``c = 2 + sin(x + y)``, written out
    anisotropic-2d            ``-u_xx - u_xy - 2 u_yy = f``
    advection-diffusion-2d    ``-Laplace u + 10 u_x - 4 u_y = f``
    helmholtz-2d              ``-Laplace u + 25 u = f``, positive definite
    indefinite-helmholtz-2d   ``-Laplace u - 30 u = f``, with eigenvalues of both signs
    neumann-1d, -2d           ``-Laplace u = f``, Neumann: u up to a constant
    neumann-anisotropic-2d    ``-u_xx - u_xy / 2 - 2 u_yy + u = f``, Neumann
    mixed-2d, -3d             ``-Laplace u = f``, Dirichlet on the x sides and Neumann elsewhere
    periodic-1d               ``-u_xx + 3 u_x + u = f``, periodic
    periodic-2d               ``-u_xx + 0.4 u_xy - u_yy = f``, periodic: u up to a constant
    channel-2d                ``-Laplace u + 2 u_x = f``, periodic in x, Dirichlet below and Neumann above
    ========================  ==================================================================================

    Parameters
    ----------
    name : str
        Name from the table.

    Raises
    ------
    UnknownName
        With close matches.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.manufactured("poisson-2d")
    >>> ritz.solve(problem, "chebyshev").error(problem.exact) < 1e-10
    True
    """
    check_choice("manufactured problem", name, NAMES)
    terms, conditions = _TABLE[name]
    dimension = len(next(iter(terms)))
    sides = parse_boundary(conditions, dimension)
    frequencies = tuple(
        2 * np.pi if pair[0] == "periodic" else frequency
        for pair, frequency in zip(sides, (2.3, 1.7, 2.9), strict=False)
    )
    wave = Wave(frequencies, (0.4, 0.9, 0.2)[:dimension])
    return from_exact(wave, [(0.0, 1.0)] * dimension, terms, conditions, name)


def _laplacian(dimension: int) -> dict[MultiIndex, Field]:
    return {tuple(2 * int(other == axis) for other in range(dimension)): -1.0 for axis in range(dimension)}


_TABLE: dict[str, tuple[dict[MultiIndex, Field], BoundaryLike]] = {
    "poisson-1d": (_laplacian(1), "dirichlet"),
    "poisson-2d": (_laplacian(2), "dirichlet"),
    "poisson-3d": (_laplacian(3), "dirichlet"),
    "diffusion-1d": ({(2,): lambda x: -1 - x**2, (1,): lambda x: -2 * x, (0,): 2.0}, "dirichlet"),
    "diffusion-2d": (
        {
            (2, 0): lambda x, y: -2 - np.sin(x + y),
            (0, 2): lambda x, y: -2 - np.sin(x + y),
            (1, 0): lambda x, y: -np.cos(x + y),
            (0, 1): lambda x, y: -np.cos(x + y),
            (0, 0): lambda x, y: 1 + x**2,
        },
        "dirichlet",
    ),
    "anisotropic-2d": ({(2, 0): -1.0, (1, 1): -1.0, (0, 2): -2.0}, "dirichlet"),
    "advection-diffusion-2d": ({**_laplacian(2), (1, 0): 10.0, (0, 1): -4.0}, "dirichlet"),
    "helmholtz-2d": ({**_laplacian(2), (0, 0): 25.0}, "dirichlet"),
    "indefinite-helmholtz-2d": ({**_laplacian(2), (0, 0): -30.0}, "dirichlet"),
    "neumann-1d": (_laplacian(1), "neumann"),
    "neumann-2d": (_laplacian(2), "neumann"),
    "neumann-anisotropic-2d": ({(2, 0): -1.0, (1, 1): -0.5, (0, 2): -2.0, (0, 0): 1.0}, "neumann"),
    "mixed-2d": (_laplacian(2), "mixed"),
    "mixed-3d": (_laplacian(3), "mixed"),
    "periodic-1d": ({(2,): -1.0, (1,): 3.0, (0,): 1.0}, "periodic"),
    "periodic-2d": ({(2, 0): -1.0, (1, 1): 0.4, (0, 2): -1.0}, "periodic"),
    "channel-2d": (
        {**_laplacian(2), (1, 0): 2.0},
        {"x-": "periodic", "x+": "periodic", "y-": "dirichlet", "y+": "neumann"},
    ),
}

NAMES = tuple(_TABLE)
