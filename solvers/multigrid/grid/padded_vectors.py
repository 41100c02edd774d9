"""Between the values of all cells and vectors of a padded grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from .layout import Layout

__all__ = ["PaddedVectors"]


class PaddedVectors:
    """Conversion between the values of all cells, in C order, and vectors of the grid with its halo.

    Each is one pass over the grid, together with what conjugate gradients do there.

    Parameters
    ----------
    layout : Layout
    diagonal : ndarray
        Flat, padded; zero in cells that are no unknowns.
    dtype : dtype
        Of vectors.

    Attributes
    ----------
    layout : Layout
    left_out : ndarray of bool, shape (n,)
        Cells that are no unknowns.
    """

    def __init__(self, layout: Layout, diagonal: np.ndarray, dtype: Any):
        self.dtype, self.layout = np.dtype(dtype), layout
        self.left_out = layout.inside(diagonal).ravel() == 0.0
        self._used = layout.zeros(self.dtype.type)  # positive at unknowns
        layout.inside(self._used)[...] = layout.inside(diagonal)
        self._padded = layout.zeros(self.dtype.type)
        self._places = np.array([*layout.cells[1:], layout.origin, *layout.strides[:2]], dtype=np.int64)

    def pad(self, values: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Return `scale` times the values of all cells, ``(n,)``, as a vector, in an array used again next time."""
        from .kernels.grid_levels import pad

        work = 2 * self._padded.nbytes + values.nbytes
        self._each(pad, work, self._padded, values, self._used, self._places, scale)
        self.layout.refresh(self._padded)
        return self._padded

    def unpad(self, vector: np.ndarray) -> np.ndarray:
        """Return the values of all cells, ``(n,)``, of a vector."""
        return self.layout.inside(vector).reshape(-1)

    def inner(self, values: np.ndarray, vector: np.ndarray) -> float:
        """Return the inner product of the values of all cells, ``(n,)``, and those of a vector."""
        from .kernels.grid_levels import padded_inner

        return self._each(padded_inner, vector.nbytes + values.nbytes, values, vector, self._places)

    def direct(self, values: np.ndarray, vector: np.ndarray, scale: float, beta: float) -> None:
        """Overwrite the values of all cells by `beta` times themselves plus `scale` times those of a vector."""
        from .kernels.grid_levels import direct

        work = vector.nbytes + 2 * values.nbytes
        self._each(direct, work, values, vector, self._places, scale, beta)

    def _each(self, kernel: Any, work: int, *arguments: Any) -> Any:
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        return in_parallel_chunks(kernel, self.layout.cells[0], work, *arguments)
