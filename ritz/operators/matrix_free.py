"""Operators given as functions that multiply."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array, numpy_dtype
from ritz.errors import InvalidProblem
from ritz.operators.operator import Operator, Tag, through_numpy

__all__ = ["MatrixFree"]


class MatrixFree(Operator):
    """An operator known only by its products.

    torch differentiates products with respect to `x` by means of the transpose, or through the function itself if it
    takes tensors.

    Parameters
    ----------
    apply : callable
        Function that maps NumPy arrays of shape ``(n,)`` to ``(m,)``. Blocks are passed column by column unless
        `blocks` is true.
    shape : tuple of int
        Number of rows and columns, (m, n).
    transpose : callable, optional
        Function that multiplies by the transpose; not needed for symmetric operators.
    dtype : dtype
        dtype of the products.
    tags : iterable of Tag
        Promised properties.
    blocks : bool
        Whether the functions take whole blocks of shape ``(n, k)``.
    torch : bool
        Whether the functions take torch tensors; otherwise tensors are converted to NumPy and back.

    Examples
    --------
    >>> double = MatrixFree(lambda x: 2.0 * x, (3, 3), tags={Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
    >>> (double @ np.ones(3)).tolist()
    [2.0, 2.0, 2.0]
    """

    def __init__(
        self,
        apply: Callable[[Any], Any],
        shape: tuple[int, int],
        *,
        transpose: Callable[[Any], Any] | None = None,
        dtype: Any = np.float64,
        tags: Iterable[Tag] = (),
        blocks: bool = False,
        torch: bool = False,
    ):
        self.shape = (int(shape[0]), int(shape[1]))
        self.dtype = np.dtype(dtype)
        self.tags = frozenset(tags)
        self._function, self._transpose = apply, transpose
        self._blocks, self._torch = blocks, torch
        self._seen_by_torch = torch

    def _apply(self, x: Array) -> Array:
        return self._call(self._function, x, self.shape[0])

    def _apply_transpose(self, x: Array) -> Array:
        if self._transpose is None:
            return super()._apply_transpose(x)
        return self._call(self._transpose, x, self.shape[1])

    def _call(self, function: Callable[[Any], Any], x: Array, rows: int) -> Array:
        if is_torch_array(x) and not self._torch:
            return through_numpy(lambda values: self._call(function, values, rows), x)
        if x.ndim == 1 or self._blocks:
            product: Any = function(x)
            if not is_torch_array(product):
                product = np.asarray(product, dtype=np.result_type(self.dtype, numpy_dtype(x)))
            if tuple(product.shape) != (rows, *x.shape[1:]):
                raise InvalidProblem(
                    f"the function of {self!r} returned an array of shape {tuple(product.shape)} for one of shape"
                    f" {tuple(x.shape)}; it must return {(rows, *x.shape[1:])}"
                )
            return product
        if x.shape[1] == 0:
            return x.reshape((rows, 0))
        columns = [self._call(function, x[:, j], rows) for j in range(x.shape[1])]
        if is_torch_array(x):
            import torch

            return torch.stack(columns, dim=1)
        return np.stack(columns, axis=1)

    def astype(self, dtype: Any) -> MatrixFree:
        """Return the operator with products in another dtype: the same function, whose results are rounded."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other
