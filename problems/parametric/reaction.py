"""Reaction, diffusion and advection from a moving source."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import first_difference, gaussian, point_data, vertex_grid, weighted_laplacian

__all__ = ["moving_reaction"]

DIFFUSION, WIND, REACTION, WIDTH = 0.005, (0.05, 0.02), 5.0, 0.05


@problems.register("moving-reaction")
def moving_reaction(shape: tuple[int, int] = (80, 80)) -> ParametricPDE:
    r"""Return a nonlinear reaction with a Gaussian source at any point of the unit square.

    .. math:: -0.005\,\Delta u+(0.05,0.02)\cdot\nabla u+5u^3=10^a\exp\Bigl(-\frac{|x-c|^2}{2\cdot0.05^2}\Bigr),
        \qquad u=0\text{ on the boundary}

    Discretised by central differences. The parameters are ``x``, ``y`` (the centre c, each 0.1 to 0.9) and
    ``amplitude`` a (-1 to 1). The linear part is fixed (Q = 1); reaction and source are a pointwise term. The inner
    product is that of L², a multiple of the Euclidean one.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis.

    Examples
    --------
    >>> problem = moving_reaction((20, 20))
    >>> u = problem.solution([0.5, 0.5, 1.0])
    >>> problem.relative_residual(u, [0.5, 0.5, 1.0]) < 1e-9
    True
    """
    size = check_shape(shape, dimensions=(2,))
    grid = vertex_grid(size)
    operator: Any = DIFFUSION * weighted_laplacian(size, np.ones((size[0] + 1, size[1] + 1)))
    for axis, speed in enumerate(WIND):
        operator = operator + speed * first_difference(size, axis, 0)
    return ParametricPDE(
        None,
        {"x": (0.1, 0.9), "y": (0.1, 0.9), "amplitude": (-1.0, 1.0)},
        affine=AffineForm([operator], _fixed, np.empty((0, grid.size)), solver="auto"),
        term=PointwiseTerm(_imbalance, np.arange(grid.size)[:, None], point_data(grid), _slope),
        grid=grid,
        name=f"moving reaction {size[0]} x {size[1]}",
    )


def _fixed(mu: np.ndarray) -> np.ndarray:
    return np.ones(1)


def _imbalance(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    x, y, volume = data.T
    return volume * (REACTION * values[:, 0] ** 3 - 10.0 ** mu[2] * gaussian(x, y, (mu[0], mu[1]), WIDTH))


def _slope(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    return 3.0 * REACTION * data[:, 2:] * values**2
