"""Sparse matrices."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.backend import Array, is_torch_array
from ritz.operators.foreign_arrays import as_csr
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag, Tensors, real_entries, through_numpy

__all__ = ["Sparse"]


class Sparse(Operator):
    """A matrix in compressed sparse row (CSR) format.

    NumPy arrays and torch tensors in main memory are multiplied by SciPy. Tensors on another device are multiplied by
    torch, and the matrix is sent there once.

    Parameters
    ----------
    matrix : SciPy sparse array, array or torch tensor, shape (m, n)
        The entries. CSR input is not copied, unless integers have to be converted to float64.
    tags : iterable of Tag
        Promised properties.
    nullspace : Nullspace, optional
        The nullspace if it is known. If None, a matrix tagged symmetric but not positive definite is searched for
        connected components with zero row sums (graph Laplacians, pure Neumann problems).

    Raises
    ------
    InvalidProblem
        If `matrix` is no matrix of real numbers, or its index arrays do not fit its shape.

    Examples
    --------
    >>> laplacian = Sparse([[1.0, -1.0], [-1.0, 1.0]], tags={Tag.SYMMETRIC})
    >>> (laplacian @ np.array([1.0, 2.0])).tolist(), laplacian.nullspace.count
    ([-1.0, 1.0], 1)
    """

    def __init__(self, matrix: Any, tags: Iterable[Tag] = (), nullspace: Nullspace | None = None):
        self.matrix: Any = real_entries(as_csr(matrix))
        self.shape = (self.matrix.shape[0], self.matrix.shape[1])
        self.dtype = self.matrix.dtype
        self.tags = frozenset(tags)
        self._given_nullspace = nullspace
        self._tensors = Tensors()

    def _apply(self, x: Array) -> Array:
        return self._multiply("forward", x)

    def _apply_transpose(self, x: Array) -> Array:
        return self._multiply("transpose", x)

    def _multiply(self, direction: str, x: Array) -> Array:
        if is_torch_array(x) and x.device.type != "cpu":
            return self._tensor(direction, x) @ x
        matrix = self.matrix if direction == "forward" else self.matrix.T
        if isinstance(x, np.ndarray) and x.ndim == 2 and x.flags.f_contiguous:
            return _by_columns(matrix, x)  # SciPy would copy x to C order
        return through_numpy(matrix.__matmul__, x)

    def _tensor(self, direction: str, x: Any) -> Any:
        def send() -> Any:
            import torch

            matrix = self.matrix if direction == "forward" else self.matrix.T.tocsr()
            starts, indices = (torch.as_tensor(part, device=x.device) for part in (matrix.indptr, matrix.indices))
            values = torch.as_tensor(matrix.data, dtype=x.dtype, device=x.device)
            return torch.sparse_csr_tensor(starts, indices, values, size=matrix.shape)

        return self._tensors.like(x, direction, send)

    @cached_property
    def nullspace(self) -> Nullspace | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Piecewise constants that the matrix maps to zero, or None."""
        if self._given_nullspace is not None or Tag.POSITIVE_DEFINITE in self.tags:
            return self._given_nullspace
        return Nullspace.of_matrix(self.matrix) if Tag.SYMMETRIC in self.tags else None

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        return self.matrix.diagonal()

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.matrix.toarray()

    def to_sparse(self) -> csr_array:
        """Return the matrix itself, not a copy."""
        return self.matrix

    def astype(self, dtype: Any) -> Sparse:
        """Return the operator with its entries converted to `dtype`."""
        other = Sparse(self.matrix.astype(dtype), self.tags, self._given_nullspace)
        if "nullspace" in vars(self):  # the search is more reliable in the finer precision
            vars(other)["nullspace"] = self.nullspace
        return other


def _by_columns(matrix: Any, x: np.ndarray) -> np.ndarray:
    product = np.empty((matrix.shape[0], x.shape[1]), np.result_type(matrix.dtype, x.dtype), order="F")
    for j in range(x.shape[1]):
        product[:, j] = matrix @ x[:, j]
    return product
