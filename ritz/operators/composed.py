"""Sums, products, multiples and transposes of operators, applied part by part."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.operator import Operator, Tag

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from ritz.operators.nullspace import Nullspace

__all__ = ["Product", "Scaled", "Sum", "Transposed"]

DEFINITE = (Tag.POSITIVE_DEFINITE, Tag.SEMIDEFINITE)


class Sum(Operator):
    """The sum ``left + right``, created by ``+`` and ``-``.

    Symmetric if both parts are; positive definite if both are semidefinite and at least one is definite.

    Examples
    --------
    >>> from ritz.operators import Diagonal
    >>> Diagonal(np.ones(2)) + np.ones((2, 2))
    Sum(2 x 2, float64, symmetric)
    """

    _seen_by_torch = True

    def __init__(self, left: Operator, right: Operator):
        if left.shape != right.shape:
            raise InvalidProblem(f"cannot add {left!r} and {right!r}: their shapes differ")
        self.left, self.right = left, right
        self.shape = left.shape
        self.dtype = np.result_type(left.dtype, right.dtype)
        tags = left.tags & right.tags & {Tag.SYMMETRIC}
        if all(any(tag in part.tags for tag in DEFINITE) for part in (left, right)):
            positive = Tag.POSITIVE_DEFINITE in left.tags | right.tags
            tags |= {Tag.POSITIVE_DEFINITE if positive else Tag.SEMIDEFINITE}
        self.tags = frozenset(tags)

    def _apply(self, x: Array) -> Array:
        return self.left @ x + self.right @ x

    def _apply_transpose(self, x: Array) -> Array:
        return self.left.rmatvec(x) + self.right.rmatvec(x)

    @cached_property
    def nullspace(self) -> Nullspace | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The common nullspace of the parts if it is known, or None; of indefinite sums, it may be a part of theirs."""
        return None if Tag.POSITIVE_DEFINITE in self.tags else _common_nullspace(self.left, self.right)

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return self.left.diagonal() + self.right.diagonal()

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.left.to_dense() + self.right.to_dense()

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        return self.left.to_sparse() + self.right.to_sparse()

    def astype(self, dtype: Any) -> Sum:
        """Return the operator with its entries converted to `dtype`."""
        return Sum(self.left.astype(dtype), self.right.astype(dtype))


class Product(Operator):
    """The product ``left @ right``, created by ``@``; the right factor is applied first.

    AᵀA and AAᵀ are recognised as symmetric and positive semidefinite.

    Examples
    --------
    >>> from ritz.operators import Dense
    >>> A = Dense(np.ones((3, 2)))
    >>> A.T @ A
    Product(2 x 2, float64, positive semidefinite, symmetric)
    """

    _seen_by_torch = True

    def __init__(self, left: Operator, right: Operator):
        if left.shape[1] != right.shape[0]:
            raise InvalidProblem(f"cannot multiply {left!r} by {right!r}: their shapes do not match")
        self.left, self.right = left, right
        self.shape = (left.shape[0], right.shape[1])
        self.dtype = np.result_type(left.dtype, right.dtype)
        if left.T is right or (isinstance(right, Transposed) and right.operator is left):
            definite = Tag.POSITIVE_DEFINITE in right.tags and Tag.SYMMETRIC in right.tags
            self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE if definite else Tag.SEMIDEFINITE})
        else:
            self.tags = frozenset()

    def _apply(self, x: Array) -> Array:
        return self.left @ (self.right @ x)

    def _apply_transpose(self, x: Array) -> Array:
        return self.right.rmatvec(self.left.rmatvec(x))

    @cached_property
    def nullspace(self) -> Nullspace | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The nullspace of A for products AᵀA, otherwise the common one of the factors, or None."""
        return self.right.nullspace if Tag.SEMIDEFINITE in self.tags else _common_nullspace(self.left, self.right)

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.left.to_dense() @ self.right.to_dense()

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        return self.left.to_sparse() @ self.right.to_sparse()

    def astype(self, dtype: Any) -> Product:
        """Return the operator with its entries converted to `dtype`."""
        return Product(self.left.astype(dtype), self.right.astype(dtype))


class Scaled(Operator):
    """The multiple ``factor * operator``, created by ``*``, ``/`` and ``-``.

    Examples
    --------
    >>> from ritz.operators import Dense
    >>> (-Dense(np.eye(2)) @ np.ones(2)).tolist()
    [-1.0, -1.0]
    """

    _seen_by_torch = True

    def __init__(self, operator: Operator, factor: float):
        self.operator, self.factor = operator, float(factor)
        self.shape, self.dtype = operator.shape, operator.dtype
        kept = {Tag.SYMMETRIC, *(DEFINITE if self.factor > 0 else ())}
        self.tags = operator.tags & kept

    def _apply(self, x: Array) -> Array:
        return (self.operator @ x) * self.factor

    def _apply_transpose(self, x: Array) -> Array:
        return self.operator.rmatvec(x) * self.factor

    @property
    def nullspace(self) -> Nullspace | None:
        """The nullspace of the scaled operator, or None."""
        return self.operator.nullspace if self.factor else None

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return self.operator.diagonal() * self.dtype.type(self.factor)

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.operator.to_dense() * self.dtype.type(self.factor)

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        return self.operator.to_sparse() * self.dtype.type(self.factor)

    def astype(self, dtype: Any) -> Scaled:
        """Return the operator with its entries converted to `dtype`."""
        return Scaled(self.operator.astype(dtype), self.factor)


class Transposed(Operator):
    """The transpose of an operator that is not symmetric, created by ``.T``.

    Examples
    --------
    >>> from ritz.operators import Dense
    >>> Dense(np.array([[1.0, 2.0]])).T @ np.ones(1)
    array([1., 2.])
    """

    _seen_by_torch = True

    def __init__(self, operator: Operator):
        self.operator = operator
        self.shape = (operator.shape[1], operator.shape[0])
        self.dtype, self.tags = operator.dtype, operator.tags

    def _apply(self, x: Array) -> Array:
        return self.operator.rmatvec(x)

    def _apply_transpose(self, x: Array) -> Array:
        return self.operator @ x

    @property
    def T(self) -> Operator:  # noqa: N802
        """The operator itself."""
        return self.operator

    @property
    def nullspace(self) -> Nullspace | None:
        """The nullspace of the operator, whose vectors the transpose maps to zero too, or None."""
        return self.operator.nullspace

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return self.operator.diagonal()

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.operator.to_dense().T

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array."""
        return self.operator.to_sparse().T.tocsr()

    def astype(self, dtype: Any) -> Transposed:
        """Return the operator with its entries converted to `dtype`."""
        return Transposed(self.operator.astype(dtype))


def _common_nullspace(left: Operator, right: Operator) -> Nullspace | None:
    """Return the vectors in both nullspaces, which sums and products map to zero from both sides, or None."""
    first = left.nullspace
    second = None if first is None else right.nullspace
    return None if first is None or second is None else first.intersection(second)
