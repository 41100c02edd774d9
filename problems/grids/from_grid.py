"""Diffusion on a grid given by a mask and coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from ritz.arguments import check_choice, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Stencil
from ritz.operators.stencils.boundary import BoundaryLike
from ritz.problem_types.linear_system import LinearSystem, check_vector
from ritz.registry import problems

from ..arguments import cell_values, check_shape, check_sides
from ..reference import smooth_reference, system_from_reference

__all__ = ["from_grid"]


@problems.register("from_grid")
def from_grid(
    mask: Any = None,
    coefficient: Any = None,
    boundary: BoundaryLike = "dirichlet",
    spacing: float | Sequence[float] | None = None,
    rhs: Any = None,
    solid_boundary: Literal["dirichlet", "neumann"] = "dirichlet",
    *,
    seed: int = 0,
) -> LinearSystem:
    r"""Return diffusion on a grid with obstacles and coefficients given as arrays.

    .. math:: -\nabla\cdot(c\,\nabla u) = f

    The discretisation is by cell-centred second-order finite volumes :cite:`Patankar1980`. Faces take the harmonic mean
    of the coefficients of their cells, so that the flux is correct across jumps. Lengths are in the units of `spacing`.

    Parameters
    ----------
    mask : array of bool, optional
        True in solid cells; its shape, with one to three axes, is that of the grid. At least one cell must be fluid.
    coefficient : array or float, optional
        Cell values c > 0 of the shape of the grid, or one number; 1 by default. Values in solid cells are ignored.
        Without `mask` and `coefficient` the grid is an example, a disc in a box of 24 by 24 cells.
    boundary : str or mapping
        Condition on each side of the box, see `ritz.operators.stencils.boundary.parse_boundary`.
    spacing : float or sequence of float, optional
        Side length of a cell, one number or one per axis. By default the longest side of the box is 1.
    rhs : array, optional
        Source f in each cell, of the shape of the grid or flat; values in solid cells are replaced by zero. In each
        fluid region without a Dirichlet wall, f must sum to zero. By default f is computed from a seeded smooth field,
        the reference solution.
    solid_boundary : {"dirichlet", "neumann"}
        Condition on the walls of solid cells: u = 0, or no flux.
    seed : int
        Seed of the reference solution.

    Returns
    -------
    LinearSystem
        ``exact`` solves the system itself; it is None if `rhs` is given.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong, or the region in which `rhs` does not sum to zero.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> mask = np.zeros((32, 48), dtype=bool)
    >>> mask[10:20, 10:20] = True
    >>> system = ritz.problems.from_grid(mask, boundary="mixed", rhs=np.ones((32, 48)))
    >>> ritz.solve(system, "cg").converged
    True
    """
    if mask is None and coefficient is None:
        mask = _example_mask()
    shape, solid = _read_grid(mask, coefficient)
    if coefficient is not None:
        if np.ndim(coefficient) == 0:
            coefficient = check_number("coefficient", coefficient, above=0.0)
        else:
            coefficient = cell_values("coefficient", coefficient, shape, ignore=solid)
    steps = _read_spacing(spacing, shape)
    sides = check_sides("boundary", boundary, len(shape))
    check_choice("solid_boundary", solid_boundary, ("dirichlet", "neumann"))
    operator = Stencil(
        shape,
        spacing=steps,
        coefficient=coefficient,
        boundary=sides,
        solid=solid,
        solid_boundary=solid_boundary,
    )
    grid = Grid.uniform(shape, spacing=steps, origin=[step / 2 for step in steps], solid=solid)
    if rhs is None:
        reference = smooth_reference(grid, steps, sides, check_seed(seed), solid_boundary=solid_boundary)
        return system_from_reference(operator, reference, grid, "own grid")
    values = check_vector("rhs", np.reshape(rhs, -1) if np.shape(rhs) == shape else rhs, operator.shape[0])
    if solid is not None:
        inside = solid.ravel() if values.ndim == 1 else solid.ravel()[:, None]
        values = np.where(inside, 0.0, values)
    if operator.nullspace is not None:
        level = 1e-8 * np.linalg.norm(values, axis=0)
        operator.nullspace.check_consistent(values, level)
        values = operator.nullspace.project(values)
    return LinearSystem(operator, values, grid=grid, name="own grid")


def _example_mask() -> np.ndarray:
    x, y = np.meshgrid(np.arange(24) - 11.5, np.arange(24) - 11.5, indexing="ij")
    return x**2 + y**2 < 6**2


def _read_grid(mask: Any, coefficient: Any) -> tuple[tuple[int, ...], np.ndarray | None]:
    if mask is None:
        if np.ndim(coefficient) == 0:
            raise InvalidProblem("coefficient is one number and mask is None: give an array for one of them")
        return check_shape(np.shape(coefficient)), None
    solid = np.asarray(mask)
    if solid.dtype != bool and not np.isin(solid, (0, 1)).all():
        raise InvalidProblem(f"mask has dtype {solid.dtype}; it must hold booleans, True in solid cells")
    solid = solid.astype(bool)
    shape = check_shape(solid.shape)
    if solid.all():
        raise InvalidProblem("mask is True in every cell: no fluid is left to solve for")
    return shape, solid


def _read_spacing(spacing: Any, shape: tuple[int, ...]) -> tuple[float, ...]:
    if spacing is None:
        return (1.0 / max(shape),) * len(shape)
    steps = np.ravel(np.asarray(spacing, dtype=object)).tolist()
    if len(steps) not in (1, len(shape)):
        raise InvalidProblem(f"spacing has {len(steps)} numbers; give one, or one for each of {len(shape)} axes")
    steps = [check_number("spacing", step, above=0.0) for step in steps]
    return tuple(steps * len(shape) if len(steps) == 1 else steps)
