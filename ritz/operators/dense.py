"""A matrix held in full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array
from ritz.operators.operator import Operator, Tag

__all__ = ["Dense"]


class Dense(Operator):
    """A dense matrix.

    Parameters
    ----------
    matrix : ndarray or torch.Tensor, shape (m, n)
        Not copied.
    tags : iterable of Tag
        Promised properties.

    Examples
    --------
    >>> (Dense(np.array([[2.0, 1.0], [0.0, 3.0]])) @ np.ones(2)).tolist()
    [3.0, 3.0]
    """

    def __init__(self, matrix: Any, tags: Iterable[Tag] = ()):
        self.matrix = np.asarray(matrix.detach().cpu() if is_torch_array(matrix) else matrix)
        self.shape = self.matrix.shape  # pyright: ignore[reportAttributeAccessIssue]
        self.dtype = self.matrix.dtype
        self.tags = frozenset(tags)

    def _apply(self, x: Array) -> Array:
        return self._in_kind_of(x) @ x

    def _apply_transpose(self, x: Array) -> Array:
        return self._in_kind_of(x).T @ x

    def _in_kind_of(self, x: Array) -> Array:
        return asarray_like(self.matrix, x) if is_torch_array(x) else self.matrix

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return np.array(np.diagonal(self.matrix))

    def to_dense(self) -> np.ndarray:
        """Return the matrix itself, not a copy."""
        return self.matrix

    def astype(self, dtype: Any) -> Dense:
        """Return the operator with entries of another dtype."""
        return Dense(self.matrix.astype(dtype), self.tags)
