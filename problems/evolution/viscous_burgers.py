"""Burgers' equation with viscosity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Stencil
from ritz.problem_types.evolution.evolution import Evolution
from ritz.registry import problems

from ..arguments import check_shape

__all__ = ["viscous_burgers"]


@problems.register("viscous-burgers")
def viscous_burgers(
    shape: tuple[int, ...] | int = (512,),
    *,
    times: Sequence[float] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    viscosity: float = 1e-3,
    start: str = "waves",
) -> Evolution:
    r"""Return Burgers' equation on the unit interval.

    .. math:: \partial_t u + \partial_x (u^2/2) = \nu \, \partial_{xx} u

    The flux is the mean of those of neighbouring cells without its aliasing part, ``(a² + a b + b²)/6``, so that the
    sum of u and of u² are kept when ν = 0; the grid must resolve fronts, whose width is about 4ν over half their
    height.

    Parameters
    ----------
    shape : tuple of int, or int
        Number of cells.
    times : sequence of float
        Initial time, and times at which the state is wanted.
    viscosity : float
        ν.
    start : {"waves", "front"}
        Two sine waves on a periodic interval, which steepen into fronts, or a front that travels from 1 to 0 with the
        speed 1/2 between fixed values, for which the exact solution is known.

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
    >>> front = ritz.problems.viscous_burgers(400, viscosity=0.01, start="front")
    >>> ritz.solve(front).error(front.exact) < 1e-3
    True
    """
    [cells] = check_shape(shape, dimensions=(1,))
    check_integer("shape", cells, least=3)
    nu = check_number("viscosity", viscosity, above=0.0)
    if start not in ("waves", "front"):
        raise InvalidProblem(f"start is {start!r}; it must be 'waves' or 'front'")
    h = 1.0 / cells
    grid = Grid.uniform((cells,), spacing=h, origin=h / 2)
    x = grid.axes[0]
    periodic = start == "waves"

    def front(t: float) -> np.ndarray:
        return 0.5 - 0.5 * np.tanh((x - 0.25 - 0.5 * t) / (4.0 * nu))

    def padded(u: np.ndarray) -> np.ndarray:
        if periodic:
            return np.concatenate([u[-1:], u, u[:1]])
        return np.concatenate([[2.0 - u[0]], u, [-u[-1]]])  # 1 on the left wall and 0 on the right one

    def reaction(t: float, u: np.ndarray) -> np.ndarray:
        wide = padded(u)
        a, b = wide[:-1], wide[1:]
        return -np.diff(a * a + a * b + b * b) / (6.0 * h)

    def jacobian(t: float, u: np.ndarray) -> Any:
        from scipy.sparse import csr_array, diags_array

        wide = padded(u)
        a, b = wide[:-1], wide[1:]
        by_left, by_right = (2 * a + b) / (6 * h), (a + 2 * b) / (6 * h)  # derivatives of the fluxes
        places: Any = [-1, 0, 1]
        diagonal = by_right[:-1] - by_left[1:]
        if not periodic:
            diagonal[0] -= by_left[0]
            diagonal[-1] += by_right[-1]
        matrix: Any = diags_array([by_left[1:-1], diagonal, -by_right[1:-1]], offsets=places).tolil()
        if periodic:
            matrix[0, -1] += by_left[0]
            matrix[-1, 0] -= by_right[-1]
        return csr_array(matrix)

    forcing = None
    if not periodic:
        forcing = np.zeros(cells)
        forcing[0] = 2.0 * nu / h**2  # what the value 1 on the left wall adds
    return Evolution(
        Stencil((cells,), spacing=h, coefficient=nu, boundary="periodic" if periodic else "dirichlet"),
        np.sin(2 * np.pi * x) + 0.5 * np.sin(4 * np.pi * x) if periodic else front(0.0),
        times,
        forcing=forcing,
        reaction=reaction,
        jacobian=jacobian,
        grid=grid,
        exact=None if periodic else front,
        name=f"Burgers, {start}",
    )
