"""A diagonal matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, asarray_like
from ritz.operators.operator import Operator, Tag

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Diagonal"]


class Diagonal(Operator):
    """Multiplication of each entry by its own number.

    Parameters
    ----------
    values : array, shape (n,)
        The diagonal. Tags follow from it.

    Examples
    --------
    >>> (Diagonal(np.array([1.0, 2.0])) @ np.array([3.0, 4.0])).tolist()
    [3.0, 8.0]
    """

    def __init__(self, values: Any):
        self.values = np.asarray(values)
        self.shape = (self.values.size, self.values.size)
        self.dtype = self.values.dtype
        tags = {Tag.SYMMETRIC}
        if self.values.size and self.values.min() >= 0:
            tags.add(Tag.POSITIVE_DEFINITE if self.values.min() > 0 else Tag.SEMIDEFINITE)
        self.tags = frozenset(tags)

    def _apply(self, x: Array) -> Array:
        values = asarray_like(self.values, x)
        return x * (values if x.ndim == 1 else values[:, None])

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
        """Return the operator with entries of another dtype."""
        return Diagonal(self.values.astype(dtype))
