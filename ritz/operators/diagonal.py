"""Diagonal matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag, Tensors, real_entries

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Diagonal"]


class Diagonal(Operator):
    """A diagonal matrix.

    Parameters
    ----------
    values : array, shape (n,)
        The diagonal, from which the tags follow.

    Examples
    --------
    >>> (Diagonal(np.array([1.0, 2.0])) @ np.array([3.0, 4.0])).tolist()
    [3.0, 8.0]
    """

    _seen_by_torch = True

    def __init__(self, values: Any):
        self.values: np.ndarray = real_entries(to_numpy(values), dimension=1)
        self.shape = (self.values.size, self.values.size)
        self.dtype = self.values.dtype
        tags = {Tag.SYMMETRIC}
        if self.values.size and self.values.min() >= 0:
            tags.add(Tag.POSITIVE_DEFINITE if self.values.min() > 0 else Tag.SEMIDEFINITE)
        self.tags = frozenset(tags)
        self._tensors = Tensors()

    def _apply(self, x: Array) -> Array:
        values = self.values
        if is_torch_array(x):
            values = self._tensors.like(x, "values", lambda: asarray_like(self.values, x))
        return x * (values if x.ndim == 1 else values[:, None])

    @property
    def nullspace(self) -> Nullspace | None:
        """The unknowns that are multiplied by zero, each as a region of its own, or None."""
        zero = self.values == 0.0
        return Nullspace(np.where(zero, np.cumsum(zero) - 1, -1)) if zero.any() else None

    def diagonal(self) -> np.ndarray:
        """Return the diagonal, not a copy."""
        return self.values

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return np.diag(self.values)

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        from scipy.sparse import diags_array

        return diags_array(self.values).tocsr()

    def astype(self, dtype: Any) -> Diagonal:
        """Return the operator with its entries converted to `dtype`."""
        return Diagonal(self.values.astype(dtype))
