"""Diffusion through two materials from a moving source."""

from __future__ import annotations

import numpy as np

from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import gaussian, point_data, vertex_grid, weighted_laplacian

__all__ = ["two_materials"]


@problems.register("two-materials")
def two_materials(shape: tuple[int, int] = (48, 48)) -> ParametricPDE:
    r"""Return diffusion from a Gaussian source through two materials with a curved interface.

    .. math::
        -\nabla\cdot(k\nabla u)=10^a\exp\Bigl(-\frac{|x-c|^2}{2w^2}\Bigr), \qquad k=1\text{ or }10^b,
        \qquad u=0\text{ on the boundary}

    of the unit square, where k is :math:`10^b` above the curve :math:`y=0.45+0.2\sin 3x`. Discretised by linear finite
    elements. The parameters are ``x``, ``y`` (the centre c, each 0.1 to 0.9), ``width`` w (0.04 to 0.08),
    ``conductivity`` b (-1 to 1) and ``amplitude`` a (-1 to 1). The affine form has Q = 2; the source is a pointwise
    term. The inner product is that of L², a multiple of the Euclidean one.

    The amplitude, which spans two decades, is a nuisance parameter: solutions that differ only in it need the same
    basis.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis.

    Examples
    --------
    >>> problem = two_materials((20, 20))
    >>> problem.names, problem.solution().shape
    (('x', 'y', 'width', 'conductivity', 'amplitude'), (400,))
    """
    size = check_shape(shape, dimensions=(2,))
    grid = vertex_grid(size)
    x, y = np.meshgrid(*((np.arange(n + 1) + 0.5) / (n + 1) for n in size), indexing="ij")
    above = (y > 0.45 + 0.2 * np.sin(3.0 * x)).astype(np.float64)
    operators = [weighted_laplacian(size, cells) for cells in (1.0 - above, above)]
    return ParametricPDE(
        None,
        {
            "x": (0.1, 0.9),
            "y": (0.1, 0.9),
            "width": (0.04, 0.08),
            "conductivity": (-1.0, 1.0),
            "amplitude": (-1.0, 1.0),
        },
        affine=AffineForm(operators, _conductivities, np.empty((0, grid.size)), symmetric=True, solver="auto"),
        term=PointwiseTerm(_source, np.empty((grid.size, 0), dtype=int), point_data(grid)),
        grid=grid,
        name=f"two materials {size[0]} x {size[1]}",
    )


def _conductivities(mu: np.ndarray) -> np.ndarray:
    return np.array([1.0, 10.0 ** mu[3]])


def _source(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    x, y, volume = data.T
    return -(10.0 ** mu[4]) * volume * gaussian(x, y, (mu[0], mu[1]), mu[2])
