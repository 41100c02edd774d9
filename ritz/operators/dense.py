"""Dense matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.operators.foreign_arrays import as_plain
from ritz.operators.operator import Operator, Tag, Tensors, real_entries

__all__ = ["Dense"]


class Dense(Operator):
    """A dense matrix.

    Parameters
    ----------
    matrix : ndarray or torch.Tensor, shape (m, n)
        The entries. Not copied, unless integers have to be converted to float64.
    tags : iterable of Tag
        Promised properties.

    Examples
    --------
    >>> (Dense(np.array([[2.0, 1.0], [0.0, 3.0]])) @ np.ones(2)).tolist()
    [3.0, 3.0]
    """

    _seen_by_torch = True

    def __init__(self, matrix: Any, tags: Iterable[Tag] = ()):
        matrix = to_numpy(matrix) if is_torch_array(matrix) else as_plain(matrix, "operator")
        self.matrix: np.ndarray = real_entries(matrix)
        self.shape = (self.matrix.shape[0], self.matrix.shape[1])
        self.dtype = self.matrix.dtype
        self.tags = frozenset(tags)
        self._tensors = Tensors()

    def _apply(self, x: Array) -> Array:
        return self._in_kind_of(x) @ x

    def _apply_transpose(self, x: Array) -> Array:
        return self._in_kind_of(x).T @ x

    def _in_kind_of(self, x: Array) -> Array:
        if not is_torch_array(x):
            return self.matrix
        return self._tensors.like(x, "matrix", lambda: asarray_like(self.matrix, x))

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return np.array(np.diagonal(self.matrix))

    def to_dense(self) -> np.ndarray:
        """Return the matrix itself, not a copy."""
        return self.matrix

    def astype(self, dtype: Any) -> Dense:
        """Return the operator with its entries converted to `dtype`."""
        return Dense(self.matrix.astype(dtype), self.tags)
