"""Conversion between values of all cells and vectors on a padded grid."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np

from .layout import PaddedLayout
from .work_arrays import WorkArrays

__all__ = ["PaddedVectors"]


class PaddedVectors:
    """Conversion between the values of all cells, in C order, and vectors of the grid with its halo.

    Each conversion is a single pass over the grid, fused with the vector operation of conjugate gradients that needs
    it.

    Parameters
    ----------
    layout : PaddedLayout
    diagonal : ndarray
        Diagonal of the operator, flat and padded; zero in cells that are not unknowns.
    dtype : dtype
        Data type of vectors.

    Attributes
    ----------
    layout : PaddedLayout
    left_out : ndarray of bool, shape (n,)
        Whether each cell is not an unknown.
    """

    def __init__(self, layout: PaddedLayout, diagonal: np.ndarray, dtype: Any):
        self.dtype, self.layout = np.dtype(dtype), layout
        self.left_out = layout.inside(diagonal).ravel() == 0.0
        self._used = layout.zeros(self.dtype.type)  # positive at unknowns
        layout.inside(self._used)[...] = layout.inside(diagonal)
        self._work = WorkArrays(self.dtype, layout.size)

    @cached_property
    def _rows(self) -> Any:
        return _kernels().PaddedRows(*self.layout.cells[1:], self.layout.origin, *self.layout.strides[:2])

    def pad(self, values: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Return `scale` times the values ``(n,)`` of all cells as a vector, which the thread's next call changes."""
        [padded] = self._work.arrays
        work = 2 * padded.nbytes + values.nbytes
        self._each(_kernels().pad, work, padded, values, self._used, self._rows, scale)
        self.layout.refresh(padded)
        return padded

    def unpad(self, vector: np.ndarray) -> np.ndarray:
        """Return the values of all cells, ``(n,)``, of a vector."""
        return self.layout.inside(vector).reshape(-1)

    def inner(self, values: np.ndarray, vector: np.ndarray) -> float:
        """Return the inner product of the values of all cells, ``(n,)``, and those of a vector."""
        return self._each(_kernels().padded_inner, vector.nbytes + values.nbytes, values, vector, self._rows)

    def update_direction(self, values: np.ndarray, vector: np.ndarray, scale: float, beta: float) -> None:
        """Overwrite the values of all cells with `beta` times themselves plus `scale` times those of a vector."""
        work = vector.nbytes + 2 * values.nbytes
        self._each(_kernels().update_direction, work, values, vector, self._rows, scale, beta)

    # Looked up once, because an import statement takes about as long as a kernel on a small grid.
    @cached_property
    def _in_parallel_chunks(self) -> Any:
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        return in_parallel_chunks

    def _each(self, kernel: Any, work: int, *arguments: Any) -> Any:
        return self._in_parallel_chunks(kernel, self.layout.cells[0], work, *arguments)


@cache
def _kernels() -> Any:
    from .kernels import padded_rows

    return padded_rows
