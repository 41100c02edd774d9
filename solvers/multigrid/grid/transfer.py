"""Restriction and prolongation between two grids."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .coarse_grids import MultigridGrid
from .work_arrays import WorkArrays

__all__ = ["GridTransfer"]


class GridTransfer:
    """Restriction to the next coarser grid and prolongation from it, one axis after the other.

    Parameters
    ----------
    grid : MultigridGrid
        The finer grid.
    dtype : dtype
        Data type of vectors and weights.
    """

    def __init__(self, grid: MultigridGrid, dtype: np.dtype[Any]):
        self._steps = [step.astype(dtype) for step in grid.coarsenings]
        counts = np.cumsum([grid.off_grid.count, *(step.lost.size for step in self._steps)])
        sizes = [step.coarse.size + int(count) for step, count in zip(self._steps, counts[1:], strict=True)]
        self._work = WorkArrays(dtype, *sizes)

    def restrict(self, residual: np.ndarray) -> np.ndarray:
        """Return the transposed prolongation of `residual`, in an array that the thread's next call overwrites."""
        in_parallel_chunks, kernels = _compiled()
        for step, out in zip(self._steps, self._work.arrays, strict=True):
            weights = step.low, step.high, step.positions
            in_parallel_chunks(kernels.restrict, step.planes, 3 * residual.nbytes, out, residual, *weights)
            if out.size > step.coarse.size:
                kept = step.coarse.size + residual.size - step.fine.size
                out[step.coarse.size : kept] = residual[step.fine.size :]
                out[kept:] = residual[step.lost]
            step.coarse.refresh(out)
            residual = out
        return residual

    def add_prolongation(self, x: np.ndarray, correction: np.ndarray) -> None:
        """Add the prolongation of `correction` to `x`."""
        in_parallel_chunks, kernels = _compiled()
        targets = [x, *self._work.arrays[:-1]]
        for step, out in zip(reversed(self._steps), reversed(targets), strict=True):
            keep = out.dtype.type(out is x)
            weights = step.low, step.high, step.positions, step.fine.cells[step.axis], keep
            in_parallel_chunks(kernels.prolong, step.planes, 3 * out.nbytes, out, correction, *weights)
            if correction.size > step.coarse.size:
                kept = step.coarse.size + out.size - step.fine.size
                out[step.fine.size :] = keep * out[step.fine.size :] + correction[step.coarse.size : kept]
                out[step.lost] = keep * out[step.lost] + correction[kept:]
            step.fine.refresh(out)
            correction = out


@cache
def _compiled() -> tuple[Any, Any]:
    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels import grid_transfer

    return in_parallel_chunks, grid_transfer
