"""Sparse matrices with a few entries per column."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_array, csr_array

from ritz.backend import Array, asarray_like, is_torch_array

__all__ = ["Scatter"]


class Scatter:
    """A matrix whose column i has the entries ``values[i]`` in the rows ``targets[i]``.

    Parameters
    ----------
    size : int
        Number of rows.
    targets, values : ndarray, shape (columns, nnz)
    """

    def __init__(self, size: int, targets: np.ndarray, values: np.ndarray):
        self._size, self._targets, self._values = size, targets, values

    def columns(self, start: int, stop: int) -> Any:
        """Return the columns from `start` to `stop` as a CSC array."""
        targets, values = self._targets[start:stop], self._values[start:stop]
        starts = np.arange(0, targets.size + 1, targets.shape[1])
        return csc_array((values.ravel(), targets.ravel(), starts), shape=(self._size, stop - start))

    def apply(self, x: Array, start: int = 0) -> Array:
        """Return the product of the columns from `start` on with `x`."""
        if not is_torch_array(x):
            return np.asarray(self.columns(start, start + x.shape[0]) @ x, dtype=x.dtype)
        out = x.new_zeros((self._size, *x.shape[1:]))
        for targets, values in self._torch(x, start):
            out.index_add_(0, targets, x * values.reshape(-1, *[1] * (x.ndim - 1)))
        return out

    def apply_sparse(self, x: Any, start: int = 0) -> Any:
        """Return the same product for a CSR array, as a CSR array."""
        return csr_array(self.columns(start, start + x.shape[0]).tocsr() @ x)

    def transpose(self, y: Array) -> Array:
        """Return the product of the transpose with `y`."""
        count = len(self._targets)
        if not is_torch_array(y):
            return np.asarray(self.columns(0, count).T @ y, dtype=y.dtype)
        out = y.new_zeros((count, *y.shape[1:]))
        for targets, values in self._torch(out, 0):
            out += y[targets] * values.reshape(-1, *[1] * (y.ndim - 1))
        return out

    def _torch(self, x: Any, start: int) -> Any:
        """Yield the targets and values of one entry per column as tensors."""
        import torch

        chosen = slice(start, start + x.shape[0])
        for targets, values in zip(self._targets[chosen].T, self._values[chosen].T, strict=True):
            yield torch.as_tensor(targets.copy(), device=x.device), asarray_like(values.copy(), x)
