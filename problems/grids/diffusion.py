"""Diffusion with discontinuous, random or anisotropic coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Operator, Sparse, Stencil, Tag
from ritz.operators.stencils.boundary import BoundaryLike, Sides
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..arguments import cell_grid, cell_values, check_shape, check_sides
from ..reference import smooth_reference, system_from_reference
from .coefficients import inclusions, lognormal, rotated_stiffness

__all__ = ["diffusion", "diffusion_coefficient"]

KINDS = ("inclusions", "lognormal", "rotated")


@problems.register("diffusion")
def diffusion(
    shape: tuple[int, ...] = (64, 64),
    *,
    coefficient: Any = "inclusions",
    contrast: float = 1e3,
    seed: int = 0,
    boundary: BoundaryLike = "dirichlet",
    correlation_length: float = 0.1,
    angle: float = np.pi / 6,
    anisotropy: float = 1e-3,
) -> LinearSystem:
    r"""Return diffusion through a heterogeneous medium.

    .. math:: -\nabla\cdot(K\,\nabla u) = f

    The box and the cells are those of `ritz.problems.poisson`. Scalar coefficients, K = c, are cell values, discretised
    by second-order finite volumes with harmonic means on faces :cite:`Patankar1980`. The rotated tensor
    K = R diag(1, ε) Rᵀ, in 2-D, is discretised by bilinear finite elements with nine entries per row, whose matrix is
    symmetric positive definite for every angle and ε :cite:`TrottenbergOosterleeSchuller2001`.

    There is no closed-form solution: ``exact`` is a seeded smooth field that solves the system itself, and f is its
    product with the operator.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes; two axes for ``"rotated"``.
    coefficient : {"inclusions", "lognormal", "rotated"} or array
        Conducting and insulating balls, boxes and plates; the exponential of a Gaussian random field; a tensor with a
        strong and a weak direction; or positive cell values of shape `shape`.
    contrast : float
        Ratio of the largest to the smallest cell value, 1 to 1e12, for ``"inclusions"`` and ``"lognormal"``.
    seed : int
        Seed of the coefficient and of the reference solution.
    boundary : str or mapping
        Condition on each side, see `ritz.operators.stencils.boundary.parse_boundary`.
    correlation_length : float
        Correlation length of the Gaussian field, in units of the longest side.
    angle : float
        Angle between the strong direction and the first axis, in radians.
    anisotropy : float
        Ratio ε of the diffusion in the weak direction to that in the strong direction.

    Returns
    -------
    LinearSystem
        Symmetric positive (semi)definite; the operator is a `ritz.operators.Stencil`, for ``"rotated"`` a
        `ritz.operators.Sparse`.

    Raises
    ------
    InvalidProblem, UnknownName
        Naming the argument that is wrong.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.diffusion((16, 16), coefficient="lognormal", contrast=1e6)
    >>> ritz.solve(system, "cg", preconditioner="jacobi").converged
    True
    """
    shape = check_shape(shape)
    seed = check_seed(seed)
    sides = check_sides("boundary", boundary, len(shape))
    if isinstance(coefficient, str) and coefficient == "rotated":
        angle, anisotropy = check_number("angle", angle), check_number("anisotropy", anisotropy, above=0.0)
        grid, steps, operator = _rotated(shape, sides, anisotropy, angle)
        name = "rotated anisotropic diffusion"
    else:
        cells = diffusion_coefficient(shape, coefficient, contrast, seed, correlation_length)
        grid, h = cell_grid(shape)
        steps = (h,) * len(shape)
        operator = Stencil(shape, spacing=h, coefficient=cells, boundary=sides)
        name = f"diffusion {len(shape)}-D, {coefficient if isinstance(coefficient, str) else 'own coefficient'}"
    return system_from_reference(operator, smooth_reference(grid, steps, sides, seed), grid, name)


def diffusion_coefficient(
    shape: tuple[int, ...],
    coefficient: Any = "inclusions",
    contrast: float = 1e3,
    seed: int = 0,
    correlation_length: float = 0.1,
) -> np.ndarray:
    """Return the cell values of `diffusion`, of shape `shape`, for the same parameters."""
    if not isinstance(coefficient, str):
        return cell_values("coefficient", coefficient, shape)
    check_choice("coefficient", coefficient, KINDS)
    contrast = check_number("contrast", contrast, above=0.0)
    if not 1.0 <= contrast <= 1e12:
        raise InvalidProblem(
            f"contrast is {contrast!r}, the ratio of the largest to the smallest value; it must be 1 to 1e12"
        )
    if coefficient == "inclusions":
        return inclusions(shape, contrast, seed)
    length = check_number("correlation_length", correlation_length, above=0.0, below=10.0)
    return lognormal(shape, contrast, length, seed)


def _rotated(
    shape: tuple[int, ...], sides: Sides, anisotropy: float, angle: float
) -> tuple[Grid, tuple[float, ...], Operator]:
    if len(shape) != 2:
        raise InvalidProblem(f"coefficient 'rotated' is for 2-D problems; shape {shape} has {len(shape)} axes")
    starts = [int(lower == "dirichlet") for lower, _ in sides]
    spans = [
        n if lower == "periodic" else n - 1 + (lower == "dirichlet") + (upper == "dirichlet")
        for n, (lower, upper) in zip(shape, sides, strict=True)
    ]
    if min(spans) < 1:
        raise InvalidProblem(f"shape is {shape!r}; finite elements between natural sides need 2 nodes along an axis")
    h = 1.0 / max(spans)
    matrix = rotated_stiffness(shape, h, sides, anisotropy, angle)
    fixed = any("dirichlet" in pair for pair in sides)
    tags = {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE if fixed else Tag.SEMIDEFINITE}
    grid = Grid.uniform(shape, spacing=h, origin=[start * h for start in starts])
    return grid, (h, h), Sparse(matrix, tags=tags)
