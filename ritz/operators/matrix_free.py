"""Operators given as functions that multiply."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_plain
from ritz.operators.operator import Operator, Tag, through_numpy

__all__ = ["MatrixFree"]

CHECKED = 4  # first products in which a function is watched for changing its argument


class MatrixFree(Operator):
    """An operator known only by its products.

    Functions may return an array that they own, such as a work array or their argument, and may change their argument:
    both are copied where that is needed. Errors that they raise pass through.

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
        self._watched, self._changes_argument = 0, False

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
            try:
                product = self._torch_product(function, x) if is_torch_array(x) else self._numpy_product(function, x)
            except Exception as error:
                error.add_note(f"Raised by a product with {self!r}.")
                raise
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

    def _torch_product(self, function: Callable[[Any], Any], x: Any) -> Any:
        product = function(x)
        if not is_torch_array(product):
            raise InvalidProblem(f"the function of {self!r} returned a {type(product).__name__}, not a tensor")
        kept = product._base is not None or sys.getrefcount(product) >= ALONE  # one local variable less
        return product.clone() if kept else product

    def _numpy_product(self, function: Callable[[Any], Any], x: np.ndarray) -> np.ndarray:
        watched = self._watched < CHECKED
        given = x.copy() if watched or self._changes_argument else x
        product = function(given)
        owner, alone = product, ALONE
        if isinstance(product, np.ndarray) and product.base is not None:  # a view, as of a field on a grid
            owner, alone = product.base, ALONE_BASE
        if watched:
            self._watched += 1
            self._changes_argument |= not np.array_equal(given, x, equal_nan=True)
        dtype = x.dtype if x.dtype == self.dtype else np.result_type(self.dtype, x.dtype)
        fresh = type(owner) is np.ndarray and owner.flags.owndata and sys.getrefcount(owner) == alone
        if fresh and product.dtype == dtype and product.flags.writeable:
            return product
        kind = type(product).__name__
        product = as_plain(product, "the product")
        if product.dtype.kind not in "biuf":
            raise InvalidProblem(
                f"the function of {self!r} returned a {kind} of dtype {product.dtype}; it must return real numbers"
            )
        return np.array(product, dtype)

    def astype(self, dtype: Any) -> MatrixFree:
        """Return the operator with products in another dtype: the same function, whose results are rounded."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other


def _references() -> tuple[int, int]:
    """Return how many references there are to an array, and to the base of a view, that nobody else holds.

    One more than the local variables, or two, depending on the version of Python.
    """
    product = np.empty((1, 1))
    owner = product
    alone = sys.getrefcount(owner)
    product = product.ravel()
    owner = product.base
    return alone, sys.getrefcount(owner)


ALONE, ALONE_BASE = _references()
