"""The operator that a pair of triangular sweeps makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.operators import Operator, Tag
from ritz.operators.operator import through_numpy

__all__ = ["TriangularSweeps"]


class TriangularSweeps(Operator):
    """``((D + L) D^-1 (D + U))^-1``, one forward and one backward substitution.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Its strict triangles are L and U.
    diagonal : ndarray, shape (n,)
        D, without zeros.
    symmetric : bool
        Whether ``U = L^T``.
    """

    def __init__(self, matrix: Any, diagonal: np.ndarray, symmetric: bool):
        from scipy.sparse import tril, triu

        self.shape, self.dtype = matrix.shape, matrix.dtype
        tags = {Tag.SYMMETRIC} if symmetric else set[Tag]()
        if symmetric and diagonal.min() > 0:
            tags.add(Tag.POSITIVE_DEFINITE)
        self.tags = frozenset(tags)
        lower: Any = tril(matrix, -1, format="csr")
        upper: Any = triu(matrix, 1, format="csr")
        self._factors = (
            *(lower.indptr, lower.indices, lower.data),
            *(upper.indptr, upper.indices, upper.data),
            1.0 / diagonal,
        )

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._sweep, x)

    def _sweep(self, rhs: np.ndarray) -> np.ndarray:
        from ritz.kernels.gauss_seidel import block_symmetric_sweep, symmetric_sweep

        rhs = np.ascontiguousarray(rhs, dtype=self.dtype)
        x = np.empty_like(rhs)
        (symmetric_sweep if rhs.ndim == 1 else block_symmetric_sweep)(*self._factors, rhs, x)
        return x
