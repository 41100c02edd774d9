"""An operator known by its products alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array
from ritz.operators.operator import Operator, Tag, through_numpy

__all__ = ["MatrixFree"]


class MatrixFree(Operator):
    """A function that multiplies.

    Parameters
    ----------
    apply : callable
        Maps NumPy ``(n,)`` to ``(m,)``; blocks are passed column by column unless `blocks` is set.
    shape : tuple of int
        (m, n).
    transpose : callable, optional
        The transposed product; not needed for symmetric operators.
    dtype : dtype
    tags : iterable of Tag
        Promised properties.
    blocks : bool
        Whether the functions take ``(n, k)`` at once.
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

    def _apply(self, x: Array) -> Array:
        return self._call(self._function, x)

    def _apply_transpose(self, x: Array) -> Array:
        if self._transpose is None:
            return super()._apply_transpose(x)
        return self._call(self._transpose, x)

    def _call(self, function: Callable[[Any], Any], x: Array) -> Array:
        if is_torch_array(x) and not self._torch:
            return through_numpy(lambda values: self._call(function, values), x)
        if x.ndim == 1 or self._blocks:
            return function(x)
        columns = [function(x[:, j]) for j in range(x.shape[1])]
        if is_torch_array(x):
            import torch

            return torch.stack(columns, dim=1)
        return np.stack(columns, axis=1)
