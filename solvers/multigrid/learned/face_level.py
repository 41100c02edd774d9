"""Vector operations on one level of a hierarchy of face grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
        from .kernels import face_cycle, face_grids

        self.grid = grid
        number = grid.diagonal.dtype.type
        first, second = (number(rate) for rate in fields.rates)
        faces = grid.faces if grid.uniform is None else grid.uniform
        self._entries = grid.diagonal, grid.inverse, faces, grid.strides
        self._smoothing = fields.damping, fields.spread, first, second
        self._x, self._work, self._residual, self._spread = (np.zeros_like(grid.diagonal) for _ in range(4))
        self._coarse = np.zeros(grid.coarse_layout.size, dtype=grid.diagonal.dtype)
        self._geometry = grid.positions
        self._sweeps, self._grids = face_cycle, face_grids

    def product(self, x: np.ndarray) -> np.ndarray:
        """Return the product with the operator, in a new array."""
        out = np.zeros_like(x)
        self._sweeps.product(*self.grid.layout.span, out, x, *self._entries)
        return out

    def descend(self, x: np.ndarray | None, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return `x` after smoothing and the right-hand side of the coarse grid.

        `x` is None, which is zero, or the array that the level has returned before.
        """
        vectors = self._x, rhs, self._work, self._residual, self._spread
        self._sweeps.smooth_and_restrict(*self.grid.layout.span, x is None, *vectors, *self._entries, *self._smoothing)
        return self._x, self.aggregate(self._work)

    def ascend(self, x: np.ndarray, rhs: np.ndarray, correction: np.ndarray) -> np.ndarray:
        """Return `x`, which is overwritten, after adding the interpolated correction and smoothing."""
        self._grids.expand(self._spread, correction, self.grid.inverse, self._geometry)
        vectors = x, self._spread, rhs, self._work
        self._sweeps.correct_and_smooth(*self.grid.layout.span, *vectors, *self._entries, *self._smoothing)
        return x

    def aggregate(self, vector: np.ndarray) -> np.ndarray:
        """Return the sums over the fine cells of each coarse cell, in an array owned by the level."""
        self._grids.aggregate(self._coarse, vector, self._geometry)
        return self._coarse

    def interpolate(self, correction: np.ndarray) -> np.ndarray:
        """Return the interpolation of a coarse vector, in an array owned by the level."""
        self._grids.expand(self._spread, correction, self.grid.inverse, self._geometry)
        self._sweeps.smoothed(*self.grid.layout.span, self._x, self._spread, *self._entries, self._smoothing[1])
        return self._x
