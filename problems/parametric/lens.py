"""Time-harmonic waves through a lens."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, kron

from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.operators import Diagonal
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import problems

from ..arguments import check_shape
from .differences import gaussian

__all__ = ["helmholtz_lens"]

LENS, RADIUS, INDEX, SOURCE, WIDTH, STRENGTH = (0.5, 0.5), 0.15, 1.6, 0.1, 0.04, 100.0


@problems.register("helmholtz-lens")
def helmholtz_lens(shape: tuple[int, int] = (90, 90)) -> ParametricPDE:
    r"""Return time-harmonic waves from a source to the left of a lens, with complex solutions.

    .. math::
        -\Delta u-k^2n\,u=100\,e^{i\varphi}\exp\Bigl(-\frac{|x-(0.1,s)|^2}{2\cdot0.04^2}\Bigr), \qquad
        \frac{\partial u}{\partial\nu}=iku\text{ on the boundary}

    of the unit square, where n is 1.6 in the disc of radius 0.15 around the centre, and 1 elsewhere. Discretised by
    finite differences whose outermost unknowns are on the boundary. The parameters are ``wavenumber`` k (6 to 14),
    ``source`` s (0.1 to 0.9) and ``phase`` φ (-π to π), a nuisance parameter. The affine form has Q = 3; the source is
    a pointwise term. The inner product is that of L².

    Parameters
    ----------
    shape : (int, int)
        Vertices along each axis, at least 3.

    Examples
    --------
    >>> problem = helmholtz_lens((20, 20))
    >>> problem.solution().dtype, problem.relative_residual(problem.solution()) < 1e-9
    (dtype('complex128'), True)
    """
    size = check_shape(shape, dimensions=(2,))
    if min(size) < 3:
        raise InvalidProblem(f"shape is {size}; the lens needs at least 3 vertices along each axis")
    grid = Grid.uniform(size, spacing=tuple(1.0 / (n - 1) for n in size))
    x, y = grid.coordinates()
    stiffness, lengths, ends = zip(*(_line(n) for n in size), strict=True)
    inside = (x - LENS[0]) ** 2 + (y - LENS[1]) ** 2 < RADIUS**2
    volume = np.outer(*lengths).ravel()
    walls = np.outer(ends[0], lengths[1]).ravel() + np.outer(lengths[0], ends[1]).ravel()
    laplacian: Any = kron(stiffness[0], diags_array(lengths[1])) + kron(diags_array(lengths[0]), stiffness[1])
    masses = [diags_array(volume * np.where(inside, INDEX, 1.0)), diags_array(walls)]
    return ParametricPDE(
        None,
        {"wavenumber": (6.0, 14.0), "source": (0.1, 0.9), "phase": (-np.pi, np.pi)},
        product=Diagonal(volume),
        affine=AffineForm([laplacian, *masses], _wavenumbers, np.empty((0, grid.size))),
        term=PointwiseTerm(_source, np.empty((grid.size, 0), dtype=int), np.stack([x, y, volume], axis=1)),
        grid=grid,
        name=f"Helmholtz lens {size[0]} x {size[1]}",
    )


def _line(n: int) -> tuple[csr_array, np.ndarray, np.ndarray]:
    """Return the stiffness matrix, cell lengths and end indicators of n vertices from 0 to 1."""
    h = 1.0 / (n - 1)
    beside = diags_array(np.ones(n - 1), offsets=1)
    degrees = np.full(n, 2.0)
    degrees[[0, -1]] = 1.0
    ends = 2.0 - degrees
    stiffness: Any = (diags_array(degrees) - beside - beside.T) / h
    return stiffness, 0.5 * h * degrees, ends


def _wavenumbers(mu: np.ndarray) -> np.ndarray:
    return np.array([1.0, -(mu[0] ** 2), -1j * mu[0]])


def _source(values: np.ndarray, data: np.ndarray, mu: np.ndarray, t: float) -> np.ndarray:
    x, y, volume = data.T
    return -STRENGTH * np.exp(1j * mu[2]) * volume * gaussian(x, y, (SOURCE, mu[1]), WIDTH)
