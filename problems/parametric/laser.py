"""Heating by a laser that moves along a track."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from ritz.arguments import check_integer
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import cross_reads, gaussian, point_data, vertex_grid, weighted_laplacian

__all__ = ["laser_track"]

DIFFUSIVITY, WIDTH = 0.02, 0.06


@problems.register("laser-track")
def laser_track(shape: tuple[int, int] = (40, 40), *, steps: int = 30) -> ParametricPDE:
    r"""Return nonlinear heat conduction in an initially cold plate that a laser crosses.

    .. math::
        u_t-0.02\,\nabla\cdot\bigl((1+\beta u)\nabla u\bigr)=10^a\exp\Bigl(-\frac{|x-z(t)|^2}{2\cdot0.06^2}\Bigr), \quad
        u=0\text{ on the boundary}, \quad z(t)=(0.2+0.6t,\ c+s(t-\tfrac12))

    on the unit square for :math:`0\le t\le1`. Discretised by finite volumes and implicit Euler steps. The parameters
    are ``height`` c (0.3 to 0.7), ``slope`` s (-0.3 to 0.3), ``power`` a (0.5 to 1.5) and ``conductivity`` β (0 to 2).
    The affine form has Q = 1; the nonlinear part of the conduction and the laser are a time-dependent pointwise term.
    The inner product is that of L², a multiple of the Euclidean one.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis.
    steps : int
        Number of time steps of length 1 / steps.

    Examples
    --------
    >>> problem = laser_track((10, 10), steps=4)
    >>> problem.relative_residual(problem.solution()) < 1e-9
    True
    """
    size = check_shape(shape, dimensions=(2,))
    steps = check_integer("steps", steps, least=1)
    grid = vertex_grid(size)
    data = point_data(grid)
    laplacian: Any = weighted_laplacian(size, np.ones((size[0] + 1, size[1] + 1)))
    aspect = np.full(grid.size, (size[0] + 1) / (size[1] + 1))
    return ParametricPDE(
        None,
        {"height": (0.3, 0.7), "slope": (-0.3, 0.3), "power": (0.5, 1.5), "conductivity": (0.0, 2.0)},
        affine=AffineForm([DIFFUSIVITY * laplacian], _fixed, np.empty((0, grid.size)), solver="auto"),
        term=PointwiseTerm(_imbalance, cross_reads(size), np.column_stack([data, aspect]), _slopes),
        mass=csr_array(diags_array(data[:, 2])),
        times=np.linspace(0.0, 1.0, steps + 1),
        initial=partial(_cold, grid.size),
        grid=grid,
        name=f"laser track {size[0]} x {size[1]}, {steps} steps",
    )


def _fixed(mu: np.ndarray) -> np.ndarray:
    return np.ones(1)


def _cold(n: int, mu: np.ndarray) -> np.ndarray:
    return np.zeros(n)


def _imbalance(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    x, y, volume, aspect = data.T
    laser = 10.0 ** mu[2] * volume * gaussian(x, y, (0.2 + 0.6 * t, mu[0] + mu[1] * (t - 0.5)), WIDTH)
    # (1 + beta u) grad u is the gradient of u + beta u² / 2.
    centre, left, right, below, above = values.T**2
    flow = aspect * (2.0 * centre - left - right) + (2.0 * centre - below - above) / aspect
    return 0.5 * DIFFUSIVITY * mu[3] * flow - laser


def _slopes(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    aspect = data[:, 3]
    weights = np.stack([2.0 * (aspect + 1.0 / aspect), -aspect, -aspect, -1.0 / aspect, -1.0 / aspect], axis=1)
    return DIFFUSIVITY * mu[3] * weights * values
