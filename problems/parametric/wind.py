"""Advection-diffusion from two sources in a wind from any direction."""

from __future__ import annotations

import numpy as np

from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import problems

from ..arguments import check_shape
from .differences import first_difference, gaussian, point_data, vertex_grid, weighted_laplacian

__all__ = ["rotating_wind"]

SOURCES, WIDTH, STRENGTH = ((0.35, 0.5), (0.65, 0.5)), 0.05, 100.0


@problems.register("rotating-wind")
def rotating_wind(shape: tuple[int, int] = (63, 63)) -> ParametricPDE:
    r"""Return steady advection-diffusion from two sources in a wind from any direction.

    .. math::
        -10^{-b}\Delta u+(\cos\varphi,\sin\varphi)\cdot\nabla u=sf_1+(1-s)f_2, \qquad u=0\text{ on the boundary}

    of the unit square, where :math:`f_1` and :math:`f_2` are Gaussians of height 100 and width 0.05 at (0.35, 0.5) and
    (0.65, 0.5). Discretised by upwind differences. The parameters are ``angle`` φ (-π to π), ``peclet`` b, the decimal
    logarithm of the Péclet number (0.5 to 2.5), and ``share`` s (0 to 1). The affine form has Q = 5, with one matrix
    for each side that the wind may come from, and two right-hand sides. The inner product is that of L², a multiple of
    the Euclidean one.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis.

    Examples
    --------
    >>> problem = rotating_wind((20, 20))
    >>> problem.relative_residual(problem.solution()) < 1e-9
    True
    """
    size = check_shape(shape, dimensions=(2,))
    grid = vertex_grid(size)
    x, y, volume = point_data(grid).T
    operators = [weighted_laplacian(size, np.ones((size[0] + 1, size[1] + 1)))]
    operators += [first_difference(size, axis, side) for axis in (0, 1) for side in (-1, 1)]
    sources = np.stack([STRENGTH * volume * gaussian(x, y, centre, WIDTH) for centre in SOURCES])
    return ParametricPDE(
        None,
        {"angle": (-np.pi, np.pi), "peclet": (0.5, 2.5), "share": (0.0, 1.0)},
        affine=AffineForm(operators, _winds, sources, _shares, solver="auto"),
        grid=grid,
        name=f"rotating wind {size[0]} x {size[1]}",
    )


def _winds(mu: np.ndarray) -> np.ndarray:
    speeds = [component * sign for component in (np.cos(mu[0]), np.sin(mu[0])) for sign in (1.0, -1.0)]
    return np.array([10.0 ** -mu[1], *np.maximum(speeds, 0.0)])


def _shares(mu: np.ndarray) -> np.ndarray:
    return np.array([mu[2], 1.0 - mu[2]])
