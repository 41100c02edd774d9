"""Matrices of low rank in factored form."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.convert import aslinearoperator
from ritz.operators.diagonal import Diagonal
from ritz.operators.operator import Operator, Tag

__all__ = ["LowRank"]


class LowRank(Operator):
    """The matrix ``U C Vᵀ`` with tall `U` and `V`.

    Products cost (m + n) r operations for an m x n matrix of rank r.

    Parameters
    ----------
    left : array or Operator, shape (m, r)
        The factor U.
    middle : array or Operator, shape (r, r) or (r,), optional
        The factor C, or its diagonal; the identity if None.
    right : array or Operator, shape (n, r), optional
        The factor V; U if None. The matrix is then symmetric if C is symmetric, and positive semidefinite if C is
        tagged so, is a non-negative diagonal, or is the identity.

    Examples
    --------
    >>> u = np.array([[1.0], [2.0]])
    >>> LowRank(u)
    LowRank(2 x 2, float64, positive semidefinite, symmetric)
    >>> (LowRank(u, right=np.ones((3, 1))) @ np.ones(3)).tolist()
    [3.0, 6.0]
    """

    _seen_by_torch = True

    def __init__(self, left: Any, middle: Any = None, right: Any = None):
        self.left = aslinearoperator(left)
        self.right = self.left if right is None else aslinearoperator(right)
        rank = self.left.shape[1]
        if middle is None:
            middle = Diagonal(np.ones(rank, dtype=self.left.dtype))
        self.middle = Diagonal(middle) if np.ndim(middle) == 1 else aslinearoperator(middle)
        if self.middle.shape != (rank, rank):
            raise InvalidProblem(f"middle has shape {self.middle.shape}; left has {rank} columns, so it must be square")
        if self.right.shape[1] != rank:
            raise InvalidProblem(f"right has {self.right.shape[1]} columns and left {rank}; they must agree")
        self.shape = (self.left.shape[0], self.right.shape[0])
        self.dtype = np.result_type(self.left.dtype, self.middle.dtype, self.right.dtype)
        tags = self.middle.tags if self.right is self.left else frozenset[Tag]()
        definite = tags & {Tag.POSITIVE_DEFINITE, Tag.SEMIDEFINITE}
        self.tags = (tags & {Tag.SYMMETRIC}) | ({Tag.SEMIDEFINITE} if definite else set())

    def _apply(self, x: Array) -> Array:
        return self.left @ (self.middle @ self.right.rmatvec(x))

    def _apply_transpose(self, x: Array) -> Array:
        return self.right @ self.middle.rmatvec(self.left.rmatvec(x))

    def diagonal(self) -> np.ndarray:
        """Return the diagonal; takes O((m + n) r) time if C is diagonal."""
        size = min(self.shape)
        left, right = self.left.to_dense()[:size], self.right.to_dense()[:size]
        return np.einsum("ij,ij->i", self.middle.rmatvec(left.T).T, right)

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.left @ (self.middle @ self.right.to_dense().T)

    def astype(self, dtype: Any) -> LowRank:
        """Return the operator with its factors converted to `dtype`."""
        left = self.left.astype(dtype)
        return LowRank(left, self.middle.astype(dtype), None if self.right is self.left else self.right.astype(dtype))
