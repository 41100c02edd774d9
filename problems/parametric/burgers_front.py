"""Burgers' equation with fronts."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array

from ritz.arguments import check_integer
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import vertex_grid

__all__ = ["burgers"]

END, WIDTH = 0.5, 0.08


@problems.register("burgers")
def burgers(shape: tuple[int] = (256,), *, steps: int = 100) -> ParametricPDE:
    r"""Return Burgers' equation with a pulse that steepens into a travelling front.

    .. math::
        u_t+\bigl(\tfrac12u^2\bigr)_x=10^{b}\,u_{xx}\ \text{on }(0,1),\quad u=0\text{ at the ends},\quad
        u(x,0)=a\exp\Bigl(-\frac{(x-c)^2}{2\cdot0.08^2}\Bigr), \qquad 0\le t\le\tfrac12

    Discretised by finite volumes with Engquist-Osher upwind fluxes and implicit Euler steps. The parameters are
    ``viscosity`` b (-3 to -2), ``amplitude`` a (0.5 to 2) and ``position`` c (0.15 to 0.4). The affine form has Q = 1;
    the fluxes are a pointwise term. The inner product is that of L², a multiple of the Euclidean one.

    Parameters
    ----------
    shape : (int,)
        Interior vertices.
    steps : int
        Number of time steps of length 0.5 / steps.

    Examples
    --------
    >>> problem = burgers((30,), steps=5)
    >>> problem.solution().shape, problem.relative_residual(problem.solution()) < 1e-9
    ((6, 30), True)
    """
    size = check_shape(shape, dimensions=(1,))
    steps = check_integer("steps", steps, least=1)
    (n,), grid = size, vertex_grid(size)
    h = 1.0 / (n + 1)
    neighbour = diags_array(np.ones(n - 1), offsets=1)
    laplacian: Any = (2.0 * eye_array(n) - neighbour - neighbour.T) / h
    numbers = np.arange(n)
    reads = np.stack([numbers - 1, numbers, np.where(numbers + 1 < n, numbers + 1, -1)], axis=1)
    return ParametricPDE(
        None,
        {"viscosity": (-3.0, -2.0), "amplitude": (0.5, 2.0), "position": (0.15, 0.4)},
        affine=AffineForm([laplacian], _viscosity, np.empty((0, n))),
        term=PointwiseTerm(_fluxes, reads, np.empty((n, 0)), _flux_slopes),
        mass=csr_array(h * eye_array(n)),
        times=np.linspace(0.0, END, steps + 1),
        initial=partial(_pulse, grid.axes[0]),
        grid=grid,
        name=f"Burgers {n}, {steps} steps",
    )


def _viscosity(mu: np.ndarray) -> np.ndarray:
    return np.array([10.0 ** mu[0]])


def _pulse(x: np.ndarray, mu: np.ndarray) -> np.ndarray:
    return mu[1] * np.exp(-((x - mu[2]) ** 2) / (2.0 * WIDTH**2))


def _fluxes(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    forward, backward = np.maximum(values, 0.0) ** 2, np.minimum(values, 0.0) ** 2
    return 0.5 * (forward[:, 1] - forward[:, 0] + backward[:, 2] - backward[:, 1])


def _flux_slopes(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    left, centre, right = values.T
    return np.stack([-np.maximum(left, 0.0), np.abs(centre), np.minimum(right, 0.0)], axis=1)
