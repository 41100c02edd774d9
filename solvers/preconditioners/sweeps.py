"""Operators that apply a forward and a backward triangular sweep."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.operators import Operator, Stencil, Tag
from ritz.operators.operator import through_numpy

__all__ = ["StencilSweeps", "TriangularSweeps", "grid_entries"]


class TriangularSweeps(Operator):
    """``((D + L) D^-1 (D + U))^-1``, applied by one forward and one backward substitution.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Matrix whose strict triangles are L and U.
    diagonal : ndarray, shape (n,)
        Diagonal D, without zeros.
    symmetric : bool
        Whether ``U = L^T``.
    """

    def __init__(self, matrix: Any, diagonal: np.ndarray, symmetric: bool):
        from scipy.sparse import tril, triu

        self.shape, self.dtype = matrix.shape, matrix.dtype
        tags = {Tag.SYMMETRIC} if symmetric else set[Tag]()
        if symmetric and diagonal.min() > 0:
            tags.add(Tag.POSITIVE_DEFINITE)
        self.tags = frozenset(tags)
        lower: Any = tril(matrix, -1, format="csr")
        upper: Any = triu(matrix, 1, format="csr")
        self._factors = (
            *(lower.indptr, lower.indices, lower.data),
            *(upper.indptr, upper.indices, upper.data),
            1.0 / diagonal,
        )

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._sweep, x)

    def _sweep(self, rhs: np.ndarray) -> np.ndarray:
        from .kernels.gauss_seidel import block_symmetric_sweep, symmetric_sweep

        rhs = np.ascontiguousarray(rhs, dtype=self.dtype)
        x = np.empty_like(rhs)
        (symmetric_sweep if rhs.ndim == 1 else block_symmetric_sweep)(*self._factors, rhs, x)
        return x


class StencilSweeps(Operator):
    """``((D + L) D^-1 (D + L^T))^-1`` on a grid, where L is the strict lower triangle of a stencil.

    The factors are stored in single precision, scaled to D = 1, as four numbers per cell. Products are in the data
    type of the stencil, and symmetric up to its rounding.

    Parameters
    ----------
    stencil : Stencil
    links : tuple of ndarray, shape (planes, rows, width)
        Couplings of the stencil, as returned by `grid_entries`.
    inverse : ndarray, shape (planes, rows, width)
        Inverse of D, which must be positive.

    Attributes
    ----------
    grid_shape : tuple of int
        ``(planes, rows, width)``.
    factor : tuple of ndarray, shape (planes, rows, width)
        Scaling, and links along each axis; see `ritz.solvers.preconditioners.kernels.stencil_cholesky`.
    """

    def __init__(self, stencil: Stencil, links: tuple[np.ndarray, ...], inverse: np.ndarray):
        self.shape, self.dtype = stencil.shape, stencil.dtype
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        self.grid_shape = inverse.shape
        scale = np.sqrt(inverse)
        scaled = (along * scale * np.roll(scale, -1, axis) for axis, along in enumerate(links))
        self.factor = tuple(values.astype(np.float32) for values in (scale, *scaled))

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._sweep, x)

    def _sweep(self, rhs: np.ndarray) -> np.ndarray:
        from .kernels.stencil_cholesky import backward, forward

        rhs = np.asarray(rhs, dtype=self.dtype)
        if rhs.ndim == 2:
            return np.stack([self._sweep(column) for column in rhs.T], axis=1)
        r = np.ascontiguousarray(rhs).reshape(self.grid_shape)
        y, z, zero = np.empty_like(r), np.empty_like(r), self.dtype.type(0)
        forward(r, self.factor, y, y, y, y, zero)
        backward(y, self.factor, z, zero)
        return z.reshape(-1)


def grid_entries(stencil: Stencil) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return the diagonal and the couplings along three axes of a stencil, each of shape ``(planes, rows, width)``.

    Couplings of a cell to itself are added to the diagonal, and two couplings to the same neighbour are added up.
    Along axes of fewer than three cells, the last layer of the couplings is therefore zero.
    """
    shape = ((1, 1, *stencil.grid_shape))[-3:]
    diagonal = stencil.diagonal().reshape(shape)
    links = [np.zeros(shape, stencil.dtype)] * (3 - len(stencil.couplings))
    for along in stencil.couplings:
        link = np.array(along).reshape(shape)
        cells = np.moveaxis(link, len(links), 0)
        if len(cells) == 1:
            diagonal -= 2 * link
        elif len(cells) == 2:
            cells[0] += cells[1]
        if len(cells) < 3:
            cells[-1] = 0
        links.append(link)
    return diagonal, tuple(links)
