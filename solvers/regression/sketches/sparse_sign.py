"""Sketches with a few signs per column."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer
from ritz.backend import Array

from .hadamard import random_signs
from .scatter import Scatter
from .sketch import Sketch

__all__ = ["CountSketch", "SparseSign"]


class SparseSign(Sketch):
    """A few signs per column, in distinct rows (OSNAP) :cite:`NelsonNguyen2013`.

    The rows of S are divided into `nnz` groups, and each column has one entry in each group. Applying it to an array of
    shape (m, k) takes 2 nnz m k operations, and sparse matrices stay sparse.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.
    nnz : int
        Number of entries per column, at most `size`. With fewer than eight, single coordinates of a sketched solution
        can be far off on adversarial data.

    Examples
    --------
    >>> from scipy.sparse import eye_array
    >>> (SparseSign(20, 100, nnz=4) @ eye_array(100)).nnz
    400
    """

    def __init__(self, size: int, rows: int, seed: int = 0, nnz: int = 8):
        super().__init__(size, rows, seed)
        self.nnz = nnz = check_integer("nnz", nnz, most=size)
        generator = self._generator()
        edges = np.linspace(0, size, nnz + 1).astype(np.int32)
        targets = generator.integers(edges[:-1], edges[1:], (rows, nnz), dtype=np.int32)
        self._scatter = Scatter(size, targets, random_signs(generator, (rows, nnz)) / nnz**0.5)

    def _apply_rows(self, x: Array, start: int) -> Array:
        return self._scatter.apply(x, start)

    def _apply_sparse(self, x: Any, start: int) -> Any:
        return self._scatter.apply_sparse(x, start)

    def _apply_transpose(self, x: Array) -> Array:
        return self._scatter.transpose(x)


class CountSketch(SparseSign):
    """One sign per column :cite:`ClarksonWoodruff2017`, the cheapest sketch with 2 m k operations.

    It needs on the order of d² rows where the others need d.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.

    Examples
    --------
    >>> int(abs(CountSketch(5, 100).to_dense()).sum())
    100
    """

    def __init__(self, size: int, rows: int, seed: int = 0):
        super().__init__(size, rows, seed, nnz=1)
