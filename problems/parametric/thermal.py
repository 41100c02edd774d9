"""The thermal block."""

from __future__ import annotations

import numpy as np

from ritz.arguments import check_integer
from ritz.operators import Sparse, Tag
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import problems

from ..arguments import check_shape
from .differences import vertex_grid, weighted_laplacian

__all__ = ["thermal_block"]


@problems.register("thermal-block")
def thermal_block(shape: tuple[int, int] = (99, 99), *, blocks: tuple[int, int] = (2, 2)) -> ParametricPDE:
    r"""Return the thermal block, a standard problem for reduced-basis methods :cite:`HesthavenRozzaStamm2016`.

    .. math:: -\nabla\cdot(k\nabla u)=1, \qquad u=0\text{ on the boundary}

    of the unit square, divided into rectangular blocks with conductivities from 0.1 to 1. Discretised by linear finite
    elements on triangles. The parameters are the conductivities ``k00``, ``k01``, ... of the blocks, the second axis
    running fastest. The affine form has one matrix per block. The inner product is that of :math:`H^1_0`.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis. Blocks consist of the cells whose centres they contain; their sides run
        along vertices if ``shape + 1`` is a multiple of their number.
    blocks : (int, int)
        Blocks along each axis.

    Examples
    --------
    >>> problem = thermal_block((19, 19))
    >>> problem.names, len(problem.affine.operators)
    (('k00', 'k01', 'k10', 'k11'), 4)
    """
    size = check_shape(shape, dimensions=(2,))
    columns, rows = (check_integer("blocks", count, least=1) for count in blocks)
    grid = vertex_grid(size)
    x, y = np.meshgrid(*((np.arange(n + 1) + 0.5) / (n + 1) for n in size), indexing="ij")
    block = np.floor(x * columns).astype(int) * rows + np.floor(y * rows).astype(int)
    operators = [weighted_laplacian(size, (block == number).astype(np.float64)) for number in range(columns * rows)]
    load = np.full((1, grid.size), 1.0 / ((size[0] + 1) * (size[1] + 1)))
    laplacian = weighted_laplacian(size, np.ones_like(x))
    return ParametricPDE(
        None,
        {f"k{i}{j}": (0.1, 1.0) for i in range(columns) for j in range(rows)},
        product=Sparse(laplacian, tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE}),
        affine=AffineForm(operators, np.array, load, symmetric=True, solver="auto"),
        grid=grid,
        name=f"thermal block {size[0]} x {size[1]}",
    )
