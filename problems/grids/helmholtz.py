"""The shifted Laplacian: definite, or Helmholtz's indefinite equation."""

from __future__ import annotations

from functools import reduce

import numpy as np

from ritz.arguments import check_number
from ritz.errors import InvalidProblem
from ritz.operators import Stencil
from ritz.operators.stencils.boundary import BoundaryLike, Sides
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import problems

from ..arguments import cell_grid, check_shape, check_sides
from ..reference import consistent
from ..smooth_solutions import manufactured_solution

__all__ = ["helmholtz"]

RESONANCE = 1e-12  # distance of the shift from an eigenvalue, relative to the largest, that counts as singular


@problems.register("helmholtz")
def helmholtz(
    shape: tuple[int, ...] = (64, 64), *, shift: float = -110.0, boundary: BoundaryLike = "dirichlet"
) -> LinearSystem:
    r"""Return the Laplace operator with a shift, on a box.

    .. math:: -\Delta u + \sigma u = f

    A shift σ > 0 makes the operator more definite (diffusion with absorption, implicit time steps). A shift
    σ = −k² < 0 gives Helmholtz's equation for waves of length 2π/k :cite:`ErnstGander2012`, indefinite as soon as k²
    exceeds the smallest eigenvalue of −Δ. The box, the cells and the boundary conditions are those of
    `ritz.problems.poisson`, without units. f is made from a smooth solution, which ``exact`` holds: the solution of
    the system differs from it by O(h²), times k² over the distance of k² from the nearest eigenvalue. Near such a
    resonance (in the unit square with Dirichlet sides k² = π²(i² + j²)) the error and the iteration counts of
    Krylov methods grow without bound.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes; at least ten a wave length are needed for an accurate solution.
    shift : float
        σ. The default, −110, has six eigenvalues below zero on a square and is far from resonance.
    boundary : str or mapping
        See `ritz.operators.stencils.boundary.parse_boundary`.

    Returns
    -------
    LinearSystem
        Symmetric; tagged positive definite for σ > 0 only.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong; among them a shift at an eigenvalue, where the system is singular.

    Examples
    --------
    >>> import ritz
    >>> ritz.problems.helmholtz((16, 16), shift=5.0).operator
    Stencil(256 x 256, float64, positive definite, symmetric)
    >>> ritz.problems.helmholtz((16, 16)).operator
    Stencil(256 x 256, float64, symmetric)
    """
    shape = check_shape(shape)
    shift = check_number("shift", shift)
    sides = check_sides("boundary", boundary, len(shape))
    grid, h = cell_grid(shape)
    if shift < 0:
        _check_resonance(shape, h, sides, shift)
    operator = Stencil(shape, spacing=h, boundary=sides, shift=shift)
    solution = manufactured_solution(grid.axes, tuple(n * h for n in shape), sides)
    value = consistent(operator, solution.value)
    rhs = consistent(operator, shift * value - solution.laplacian)
    return LinearSystem(operator, rhs, grid=grid, exact=value, name=f"Helmholtz {len(shape)}-D, shift {shift:g}")


def _check_resonance(shape: tuple[int, ...], h: float, sides: Sides, shift: float) -> None:
    axes = [_eigenvalues(n, h, pair) for n, pair in zip(shape, sides, strict=True)]
    eigenvalues = reduce(np.add.outer, axes)
    nearest = float(eigenvalues.flat[np.abs(eigenvalues + shift).argmin()])
    if abs(nearest + shift) <= RESONANCE * float(eigenvalues.max()):
        raise InvalidProblem(
            f"shift is {shift!r}, and {nearest:.6g} is an eigenvalue of -laplacian on this grid: the system is singular"
        )


def _eigenvalues(n: int, h: float, pair: tuple[str, str]) -> np.ndarray:
    # The second difference is diagonal in sines and cosines, each condition in its own.
    half_waves = {
        ("dirichlet", "dirichlet"): np.arange(1, n + 1),
        ("neumann", "neumann"): np.arange(n),
        ("periodic", "periodic"): 2 * np.arange(n),
    }.get(pair, np.arange(n) + 0.5)
    return (2 / h * np.sin(np.pi * half_waves / (2 * n))) ** 2
