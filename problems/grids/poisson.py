"""Poisson's equation on a box, with or without obstacles."""

from __future__ import annotations

from typing import Literal

from ritz.arguments import check_choice, check_integer, check_seed
from ritz.operators import Stencil
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..arguments import cell_grid, check_shape, check_sides
from ..reference import consistent, smooth_reference, system_from_reference
from ..smooth_solutions import manufactured_solution
from .obstacles import random_obstacles

__all__ = ["poisson"]


@problems.register("poisson")
def poisson(
    shape: tuple[int, ...] = (64, 64),
    *,
    boundary: BoundaryLike = "dirichlet",
    obstacles: int = 0,
    solid_boundary: Literal["dirichlet", "neumann"] = "dirichlet",
    seed: int = 0,
) -> LinearSystem:
    r"""Return Poisson's equation on a box.

    .. math:: -\Delta u = f

    The box has longest side 1 and is filled with cubic cells of side ``h = 1 / max(shape)``; all quantities are
    dimensionless. The unknowns are values at cell centres, and second-order finite volumes :cite:`Patankar1980` couple
    each to its 2, 4 or 6 neighbours. Boundary values are on the faces of the outermost cells.

    Without obstacles, f is computed from a smooth solution :cite:`Roache2002`, stored in ``exact``, and the solution of
    the system differs from it by O(h²). With obstacles there is no closed-form solution: ``exact`` is a seeded smooth
    field that solves the system itself, and f is its product with the operator, zero in the obstacles. In a region of
    fluid without a Dirichlet wall the solution is determined up to a constant, and ``exact`` has mean zero.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes.
    boundary : str or mapping
        ``"dirichlet"`` (u = 0), ``"neumann"`` (no flux), ``"periodic"``, ``"mixed"``, or a mapping from sides
        (``"x-"``, ``"x+"``, ``"y-"``, ...) to conditions; see `ritz.operators.stencils.boundary.parse_boundary`.
    obstacles : int
        Number of random balls, boxes and thin plates, see `ritz.problems.random_obstacles`.
    solid_boundary : {"dirichlet", "neumann"}
        Condition on the walls of obstacles: u = 0, or no flux.
    seed : int
        Seed of the obstacles and of the reference solution; without obstacles nothing is random.

    Returns
    -------
    LinearSystem
        A symmetric positive (semi)definite system whose operator is a `ritz.operators.Stencil`.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> ritz.problems.poisson((32, 32), obstacles=3, seed=1).operator
    Stencil(1024 x 1024, float64, positive definite, symmetric)
    """
    shape = check_shape(shape)
    sides = check_sides("boundary", boundary, len(shape))
    check_choice("solid_boundary", solid_boundary, ("dirichlet", "neumann"))
    count, seed = check_integer("obstacles", obstacles, least=0), check_seed(seed)
    name = f"Poisson {len(shape)}-D"
    if count == 0:
        grid, h = cell_grid(shape)
        operator = Stencil(shape, spacing=h, boundary=sides)
        solution = manufactured_solution(grid.axes, tuple(n * h for n in shape), sides)
        rhs, exact = consistent(operator, -solution.laplacian), consistent(operator, solution.value)
        return LinearSystem(operator, rhs, grid=grid, exact=exact, name=name)
    solid = random_obstacles(shape, count, seed)
    grid, h = cell_grid(shape, solid)
    operator = Stencil(shape, spacing=h, boundary=sides, solid=solid, solid_boundary=solid_boundary)
    reference = smooth_reference(grid, (h,) * len(shape), sides, seed, solid_boundary=solid_boundary)
    return system_from_reference(operator, reference, grid, f"{name}, {count} obstacles")
