"""Kronecker products and sums, applied axis by axis without forming the matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.convert import aslinearoperator
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Kronecker", "KroneckerSum"]


class Kronecker(Operator):
    r"""The product :math:`A_1\otimes A_2\otimes\dots`, whose first factor acts on the slowest axis.

    A vector is read as an array in C order with one axis per factor, and each factor multiplies along its own axis.
    With dense factors and n = n₁ n₂ ... unknowns, a product takes n (n₁ + n₂ + ...) operations and one temporary
    vector of length n.

    Parameters
    ----------
    *factors : Operator or anything that `ritz.operators.aslinearoperator` takes
        At least one factor.

    Examples
    --------
    >>> a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> (Kronecker(a, b) @ np.arange(4.0)).tolist()
    [7.0, 4.0, 15.0, 8.0]
    """

    _seen_by_torch = True

    def __init__(self, *factors: Any):
        self.factors = _operators("Kronecker", factors)
        self.shape = (
            prod(factor.shape[0] for factor in self.factors),
            prod(factor.shape[1] for factor in self.factors),
        )
        self.dtype = np.result_type(*(factor.dtype for factor in self.factors))
        self.tags = _shared_tags(self.factors, all)

    def _apply(self, x: Array) -> Array:
        return self._each(x, [(factor.matvec, factor.shape[::-1]) for factor in self.factors])

    def _apply_transpose(self, x: Array) -> Array:
        return self._each(x, [(factor.rmatvec, factor.shape) for factor in self.factors])

    def _each(self, x: Array, products: list[tuple[Callable[[Array], Array], tuple[int, ...]]]) -> Array:
        columns = tuple(x.shape[1:])
        before, after = 1, prod(columns) * prod(length for _, (length, _) in products)
        for product, (length, result) in products:
            after //= length
            x = _along_axis(product, x, before, length, after)
            before *= result
        return x.reshape((before, *columns))

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        if any(factor.shape[0] != factor.shape[1] for factor in self.factors):
            return self.to_sparse().diagonal()
        return reduce(np.kron, (factor.diagonal() for factor in self.factors))

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return reduce(np.kron, (factor.to_dense() for factor in self.factors))

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        from scipy.sparse import csr_array, kron

        return csr_array(reduce(kron, (factor.to_sparse() for factor in self.factors)))

    def astype(self, dtype: Any) -> Kronecker:
        """Return the operator with its factors converted to `dtype`."""
        return Kronecker(*(factor.astype(dtype) for factor in self.factors))


class KroneckerSum(Operator):
    r"""The sum :math:`A_1\otimes I\otimes\dots + I\otimes A_2\otimes\dots + \dots` of square factors.

    Operators with separable variables have this form, such as the Laplacian on a box. A product costs as much as one
    with the `Kronecker` product of the same factors.

    Parameters
    ----------
    *factors : Operator or anything that `ritz.operators.aslinearoperator` takes
        At least one square factor. The first acts on the slowest axis.

    Examples
    --------
    >>> second_difference = np.array([[2.0, -1.0], [-1.0, 2.0]])
    >>> KroneckerSum(second_difference, second_difference).to_dense()[0].tolist()
    [4.0, -1.0, -1.0, 0.0]
    """

    _seen_by_torch = True

    def __init__(self, *factors: Any):
        self.factors = _operators("KroneckerSum", factors)
        for factor in self.factors:
            if factor.shape[0] != factor.shape[1]:
                raise InvalidProblem(f"KroneckerSum was given {factor!r}; its factors must be square")
        size = prod(factor.shape[0] for factor in self.factors)
        self.shape = (size, size)
        self.dtype = np.result_type(*(factor.dtype for factor in self.factors))
        self.tags = _shared_tags(self.factors, any)

    def _apply(self, x: Array) -> Array:
        return self._each(x, [factor.matvec for factor in self.factors])

    def _apply_transpose(self, x: Array) -> Array:
        return self._each(x, [factor.rmatvec for factor in self.factors])

    def _each(self, x: Array, products: list[Callable[[Array], Array]]) -> Array:
        columns = prod(x.shape[1:])
        total: Any = 0.0
        before, after = 1, self.shape[0] * columns
        for factor, product in zip(self.factors, products, strict=True):
            after //= factor.shape[0]
            total = total + _along_axis(product, x, before, factor.shape[0], after).reshape(x.shape)
            before *= factor.shape[0]
        return total

    @property
    def nullspace(self) -> Nullspace | None:
        """Products of the factors' null vectors, or None if the nullspace of a factor is trivial or unknown."""
        labels = np.zeros(1, dtype=np.int64)
        for factor in self.factors:
            nullspace = factor.nullspace
            if nullspace is None or not (nullspace.labels >= 0).any():
                return None
            pairs = labels[:, None] * nullspace.count + nullspace.labels
            labels = np.where((labels[:, None] >= 0) & (nullspace.labels >= 0), pairs, -1).ravel()
        return Nullspace(labels)

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        total = np.zeros(1, dtype=self.dtype)
        for factor in self.factors:
            total = np.add.outer(total, factor.diagonal()).ravel()
        return total

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.to_sparse().toarray()

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        from scipy.sparse import csr_array, diags_array, kron

        total: Any = csr_array((1, 1), dtype=self.dtype)
        for factor in self.factors:
            added, held = (diags_array(np.ones(size, self.dtype)) for size in (factor.shape[0], total.shape[0]))
            total = kron(total, added, format="csr") + kron(held, factor.to_sparse(), format="csr")
        return csr_array(total)

    def astype(self, dtype: Any) -> KroneckerSum:
        """Return the operator with its factors converted to `dtype`."""
        return KroneckerSum(*(factor.astype(dtype) for factor in self.factors))


def _operators(name: str, factors: tuple[Any, ...]) -> tuple[Operator, ...]:
    if not factors:
        raise InvalidProblem(f"{name} was given no factors; it needs at least one")
    return tuple(aslinearoperator(factor) for factor in factors)


def _shared_tags(factors: tuple[Operator, ...], definite_if: Callable[[Any], bool]) -> frozenset[Tag]:
    """Return the tags that follow from those of the factors; `definite_if` is ``all`` or ``any``.

    With semidefinite factors, the result is definite if all, or any, of them are definite.
    """
    if not all(Tag.SYMMETRIC in factor.tags for factor in factors):
        return frozenset()
    if not all(factor.tags & {Tag.POSITIVE_DEFINITE, Tag.SEMIDEFINITE} for factor in factors):
        return frozenset({Tag.SYMMETRIC})
    definite = definite_if(Tag.POSITIVE_DEFINITE in factor.tags for factor in factors)
    return frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE if definite else Tag.SEMIDEFINITE})


def _along_axis(product: Callable[[Array], Array], x: Array, before: int, length: int, after: int) -> Array:
    """Apply `product` along the middle axis of `x`, read as an array of shape ``(before, length, after)``."""
    if before == 1:
        return product(x.reshape((length, after)))
    columns = x.reshape((before, length, after)).swapaxes(0, 1).reshape((length, before * after))
    result = product(columns)
    return result.reshape((result.shape[0], before, after)).swapaxes(0, 1)
