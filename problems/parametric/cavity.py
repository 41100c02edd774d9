"""Flow in a lid-driven cavity."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import diags_array

from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import vertex_grid, weighted_laplacian

__all__ = ["lid_driven_cavity"]

# Stencil of a vertex: itself, its neighbours, its diagonal neighbours, and the vertices two steps away.
OFFSETS = (
    (0, 0),
    (-1, 0),
    (1, 0),
    (0, -1),
    (0, 1),
    (-1, -1),
    (1, -1),
    (-1, 1),
    (1, 1),
    (-2, 0),
    (2, 0),
    (0, -2),
    (0, 2),
)


@problems.register("lid-driven-cavity")
def lid_driven_cavity(shape: tuple[int, int] = (47, 47)) -> ParametricPDE:
    r"""Return steady viscous flow in a square cavity with moving upper and lower lids.

    .. math::
        \psi_y\,\omega_x-\psi_x\,\omega_y=\frac1{Re}\,\Delta\omega, \qquad \omega=-\Delta\psi, \qquad
        \psi=0\text{ and }\psi_\nu\text{ given on the boundary}

    for the stream function ψ and the velocity :math:`(\psi_y,-\psi_x)`. Discretised by central differences, with Thom's
    formula for the vorticity at walls :cite:`GhiaGhiaShin1982`. The parameters are ``reynolds``, the decimal logarithm
    of the Reynolds number at speed 1 (1 to 2.5), and the speeds ``top`` and ``bottom`` (-1 to 1). The affine form has
    Q = 1 and R = 2; the transport of vorticity is a pointwise term that reads 13 unknowns. The inner product is that of
    L², a multiple of the Euclidean one.

    If only the upper lid moves, the flow at Re = 100 is the one tabulated by Ghia, Ghia and Shin. At Re = 1000 the
    default grid is too coarse.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis, the same number for both.

    Examples
    --------
    >>> problem = lid_driven_cavity((31, 31))
    >>> round(float(problem.solution([2.0, 1.0, 0.0]).min()), 2)  # -0.1034 on finer grids
    -0.1
    """
    size = check_shape(shape, dimensions=(2,))
    if size[0] != size[1]:
        raise InvalidProblem(f"shape is {size}; the cavity is square and needs as many vertices along x as along y")
    n, grid, h = size[0], vertex_grid(size), 1.0 / (size[0] + 1)
    i, j = (index.ravel() for index in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    top, bottom = (j == n - 1).astype(np.float64), (j == 0).astype(np.float64)
    walls = top + bottom + (i == 0) + (i == n - 1)
    laplacian: Any = weighted_laplacian(size, np.ones((n + 1, n + 1))) / h
    # Beyond a wall the stream function is mirrored, except for the contribution of the speed of the lid.
    biharmonic: Any = laplacian @ laplacian + diags_array(2.0 * walls / h**2)
    return ParametricPDE(
        None,
        {"reynolds": (1.0, 2.5), "top": (-1.0, 1.0), "bottom": (-1.0, 1.0)},
        affine=AffineForm([biharmonic], _viscosity, 2.0 / h * np.stack([-top, bottom]), _lids),
        term=PointwiseTerm(_transport, _reads(n), np.stack([top, bottom, np.full(n * n, h)], axis=1), _slopes),
        grid=grid,
        name=f"lid-driven cavity {n} x {n}",
    )


def _reads(n: int) -> np.ndarray:
    numbers = np.full((n + 4, n + 4), -1)
    inner = np.arange(n * n).reshape(n, n)
    numbers[2:-2, 2:-2] = inner
    numbers[0, 2:-2], numbers[-1, 2:-2] = inner[0], inner[-1]
    numbers[2:-2, 0], numbers[2:-2, -1] = inner[:, 0], inner[:, -1]
    return np.stack([numbers[2 + i : 2 + i + n, 2 + j : 2 + j + n].ravel() for i, j in OFFSETS], axis=1)


def _viscosity(mu: np.ndarray) -> np.ndarray:
    return np.array([10.0 ** -mu[0]])


def _lids(mu: np.ndarray) -> np.ndarray:
    return 10.0 ** -mu[0] * mu[1:]


def _differences(
    values: np.ndarray, data: np.ndarray, mu: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the differences of ψ and of h² ω across two cells, along x and y."""
    top, bottom, h = data.T
    _, w, e, s, n, sw, se, nw, ne, ww, ee, ss, nn = values.T
    psi_x, psi_y = e - w, n - s
    omega_x = 4.0 * (e - w) - (ee + ne + se) + (ww + nw + sw)
    omega_y = 4.0 * (n - s) - (nn + ne + nw) + (ss + se + sw) - 2.0 * h * (mu[1] * top + mu[2] * bottom)
    return psi_x, psi_y, omega_x, omega_y


def _transport(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    psi_x, psi_y, omega_x, omega_y = _differences(values, data, mu)
    return (psi_y * omega_x - psi_x * omega_y) / (4.0 * data[:, 2] ** 2)


X = np.array([0, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0])
Y = np.array([0, 0, 0, -1, 1, 0, 0, 0, 0, 0, 0, 0, 0.0])
OMEGA_X = 4.0 * X + np.array([0, 0, 0, 0, 0, 1, -1, 1, -1, 1, -1, 0, 0.0])
OMEGA_Y = 4.0 * Y + np.array([0, 0, 0, 0, 0, 1, 1, -1, -1, 0, 0, 1, -1.0])


def _slopes(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    psi_x, psi_y, omega_x, omega_y = (each[:, None] for each in _differences(values, data, mu))
    return (Y * omega_x + psi_y * OMEGA_X - X * omega_y - psi_x * OMEGA_Y) / (4.0 * data[:, 2:] ** 2)
