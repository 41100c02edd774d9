"""Vector operations on one level of a hierarchy of face grids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ..grid.work_arrays import WorkArrays
from .face_grid import FaceGrid

__all__ = ["FaceLevel", "LevelFields"]


@dataclass(frozen=True, eq=False)
class LevelFields:
    """Parameters of the cycle on one level: numbers, or arrays with one number per cell.

    Parameters
    ----------
    rates : (float, float)
        Rates of the two smoothing steps.
    damping : ndarray
        Factor of both rates, at most 1.
    spread : ndarray
        Rate of the Jacobi step that smooths the interpolated correction.
    faces : ndarray, shape (axes, coarse size)
        Couplings of the next grid, none of them negative.
    """

    rates: tuple[float, float]
    damping: np.ndarray
    spread: np.ndarray
    faces: np.ndarray


class FaceLevel:
    """Products, smoothing, restriction and interpolation on one grid, with the vectors they need.

    Parameters
    ----------
    grid : FaceGrid
    fields : LevelFields
    """

    def __init__(self, grid: FaceGrid, fields: LevelFields):
        self.grid = grid
        number = grid.diagonal.dtype.type
        first, second = (number(rate) for rate in fields.rates)
        faces = grid.faces if grid.uniform is None else grid.uniform
        self._entries = grid.diagonal, grid.inverse, faces, grid.strides
        self._smoothing = fields.damping, fields.spread, first, second
        size = grid.diagonal.size
        # The iterate, two residuals, the spread correction, and a vector of the next grid.
        self._work = WorkArrays(grid.diagonal.dtype, *(size,) * 4, grid.coarse_layout.size)
        self._geometry = grid.positions

    def product(self, x: np.ndarray) -> np.ndarray:
        """Return the product with the operator, in a new array."""
        out = np.zeros_like(x)
        _kernels()[0].product(*self.grid.layout.span, out, x, *self._entries)
        return out

    def descend(self, x: np.ndarray | None, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `x` after smoothing and the right-hand side of the coarse grid.

        `x` is None, which is zero, or the array that the level has returned before.
        """
        current, work, residual, spread, _ = self._work.arrays
        vectors = current, rhs, work, residual, spread
        sweeps = _kernels()[0]
        sweeps.smooth_and_restrict(*self.grid.layout.span, x is None, *vectors, *self._entries, *self._smoothing)
        return current, self.aggregate(work)

    def ascend(self, x: np.ndarray, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        """Return `x`, which is overwritten, after adding the interpolated correction and smoothing."""
        _, work, _, spread, _ = self._work.arrays
        sweeps, grids = _kernels()
        grids.expand(spread, correction, self.grid.inverse, self._geometry)
        vectors = x, spread, rhs, work
        sweeps.correct_and_smooth(*self.grid.layout.span, *vectors, *self._entries, *self._smoothing)
        return x

    def aggregate(self, vector: np.ndarray) -> np.ndarray:
        """Return the sums over the fine cells of each coarse cell, in a work array."""
        coarse = self._work.arrays[-1]
        _kernels()[1].aggregate(coarse, vector, self._geometry)
        return coarse

    def interpolate(self, correction: np.ndarray) -> np.ndarray:
        """Return the interpolation of a coarse vector, in a work array."""
        x, _, _, spread, _ = self._work.arrays
        sweeps, grids = _kernels()
        grids.expand(spread, correction, self.grid.inverse, self._geometry)
        sweeps.smoothed(*self.grid.layout.span, x, spread, *self._entries, self._smoothing[1])
        return x


@cache
def _kernels() -> tuple[Any, Any]:
    from .kernels import face_cycle, face_grids

    return face_cycle, face_grids
