"""The shifted Laplacian, including the indefinite Helmholtz equation."""

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

RESONANCE = 1e-12  # distance from an eigenvalue, relative to the largest eigenvalue, that counts as singular


@problems.register("helmholtz")
def helmholtz(
    shape: tuple[int, ...] = (64, 64), *, shift: float = -110.0, boundary: BoundaryLike = "dirichlet"
) -> LinearSystem:
    r"""Return the shifted Laplace equation on a box.

    .. math:: -\Delta u + \sigma u = f

    A shift σ > 0 makes the operator more definite (diffusion with absorption, implicit time steps). A shift
    σ = −k² < 0 gives the Helmholtz equation for waves of length 2π/k :cite:`ErnstGander2012`, which is indefinite if k²
    exceeds the smallest eigenvalue of −Δ. The box, the cells and the boundary conditions are those of
    `ritz.problems.poisson`. The source f is computed from a smooth solution, stored in ``exact``. The solution of the
    system differs from it by O(h²), times k² over the distance of k² from the nearest eigenvalue. Near such a resonance
    (k² = π²(i² + j²) in the unit square with Dirichlet sides) the error and the iteration counts of Krylov methods grow
    without bound.

    Parameters
    ----------
    shape : tuple of int
        Cells along each of one to three axes; an accurate solution needs at least ten per wavelength.
    shift : float
        Shift σ. With the default, −110, the operator on a square has six negative eigenvalues, none close to zero.
    boundary : str or mapping
        Condition on each side, see `ritz.operators.stencils.boundary.parse_boundary`.

    Returns
    -------
    LinearSystem
        A symmetric system, tagged positive definite for σ > 0 only.

    Raises
    ------
    InvalidProblem
        Naming the argument that is wrong; also for a shift at an eigenvalue, where the system is singular.

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
    # Each pair of conditions has its own sines and cosines, which diagonalise the second difference.
    half_waves = {
        ("dirichlet", "dirichlet"): np.arange(1, n + 1),
        ("neumann", "neumann"): np.arange(n),
        ("periodic", "periodic"): 2 * np.arange(n),
    }.get(pair, np.arange(n) + 0.5)
    return (2 / h * np.sin(np.pi * half_waves / (2 * n))) ** 2
