"""Phase separation from random initial states."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ritz.arguments import check_integer
from ritz.grid import Grid
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape

__all__ = ["allen_cahn"]

INTERFACE, END = 0.05, 4.0
WAVES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 1))


@problems.register("allen-cahn")
def allen_cahn(shape: tuple[int, int] = (40, 40), *, steps: int = 30) -> ParametricPDE:
    r"""Return the Allen-Cahn equation with random waves as initial states.

    .. math::
        u_t-0.05^2\,\Delta u=u-u^3,\qquad \frac{\partial u}{\partial\nu}=0\text{ on the boundary},\qquad
        u(x,y,0)=\tfrac12\sum_{jk}c_{jk}\cos(j\pi x)\cos(k\pi y)

    of the unit square, for :math:`0\le t\le4`. Discretised by finite volumes and implicit Euler steps. The parameters
    ``c01``, ``c10``, ``c11``, ``c02``, ``c20``, ``c21`` (each -1 to 1) are the amplitudes of the waves. The affine form
    has Q = 1; the cubic term is a pointwise term. The inner product is that of L², a multiple of the Euclidean one. If
    u is a solution, -u is one for the negated parameters.

    Parameters
    ----------
    shape : (int, int)
        Cells along each axis.
    steps : int
        Number of time steps of length 4 / steps, which must be below 1 for unique solutions; at least 5.

    Examples
    --------
    >>> problem = allen_cahn((10, 10), steps=5)
    >>> problem.relative_residual(problem.solution(np.full(6, 0.3)), np.full(6, 0.3)) < 1e-9
    True
    """
    size = check_shape(shape, dimensions=(2,))
    steps = check_integer("steps", steps, least=5)
    spacing = tuple(1.0 / n for n in size)
    grid = Grid.uniform(size, spacing=spacing, origin=tuple(0.5 * h for h in spacing))
    volume = spacing[0] * spacing[1]
    lines = [_insulated(n) for n in size]
    laplacian: Any = kron(lines[0], eye_array(size[1])) / spacing[0] ** 2
    laplacian = laplacian + kron(eye_array(size[0]), lines[1]) / spacing[1] ** 2
    mass = csr_array(volume * eye_array(grid.size))
    x, y = grid.coordinates()
    waves = np.stack([0.5 * np.cos(j * np.pi * x) * np.cos(k * np.pi * y) for j, k in WAVES])
    return ParametricPDE(
        None,
        {f"c{j}{k}": (-1.0, 1.0) for j, k in WAVES},
        affine=AffineForm([volume * INTERFACE**2 * laplacian - mass], _fixed, np.empty((0, grid.size)), solver="auto"),
        term=PointwiseTerm(_cube, np.arange(grid.size)[:, None], np.full((grid.size, 1), volume), _slope),
        mass=mass,
        times=np.linspace(0.0, END, steps + 1),
        initial=partial(_combine, waves),
        grid=grid,
        name=f"Allen-Cahn {size[0]} x {size[1]}, {steps} steps",
    )


def _insulated(n: int) -> Any:
    """Return minus the second difference, with spacing 1, of n cells between insulated ends."""
    beside = diags_array(np.ones(n - 1), offsets=1) if n > 1 else csr_array((1, 1))
    neighbours: Any = beside + beside.T
    return diags_array(np.asarray(neighbours.sum(axis=1)).ravel()) - neighbours


def _fixed(mu: np.ndarray) -> np.ndarray:
    return np.ones(1)


def _combine(waves: np.ndarray, mu: np.ndarray) -> np.ndarray:
    return mu @ waves


def _cube(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    return data[:, 0] * values[:, 0] ** 3


def _slope(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    return 3.0 * data * values**2
