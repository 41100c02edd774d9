"""Sizes of sparse factors and the work to find them, from the pattern alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

__all__ = ["FactorSize", "least_size", "of_columns", "of_symmetric_pattern"]

STEP = 4e-9  # seconds for a step of the count


@dataclass(frozen=True)
class FactorSize:
    """The size of the triangular factors of a sparse matrix.

    Parameters
    ----------
    entries : float
        Entries of both factors.
    operations : float
        Multiplications to find them, roughly.
    complete : bool
        Whether all of them were counted; otherwise there are more.
    counted : bool
        Whether any were; otherwise this is a bound by the entries of the matrix.
    """

    entries: float
    operations: float
    complete: bool = True
    counted: bool = True

    SECONDS: ClassVar[dict[bool, tuple[float, float, float]]] = {
        True: (1.0e-6, 4.5e-8, 2.5e-10),
        False: (5e-7, 2e-8, 1.2e-10),
    }
    """Seconds per unknown, entry and operation of SuperLU, whether pivots stay on the diagonal or not.

    Columns are counted for any row exchanges, of which few happen: hence the smaller numbers."""

    def seconds(self, unknowns: int, on_diagonal: bool) -> float:
        """Return the estimated seconds of a factorisation."""
        each, entry, operation = self.SECONDS[on_diagonal]
        return 2e-4 + each * unknowns + entry * self.entries + operation * self.operations


def least_size(unknowns: int, entries: int, *, guess: bool) -> FactorSize:
    """Return a lower bound for the size of factors of a matrix with given numbers, or a `guess` if it is small."""
    if not guess:
        return FactorSize(float(entries), 0.0, complete=False, counted=False)
    filled = min(0.6 * entries * math.log2(unknowns + 2.0), float(unknowns) ** 2)
    return FactorSize(filled, 0.25 * filled**2 / max(unknowns, 1))


def of_symmetric_pattern(matrix: Any, effort: float, *, symmetric: bool = True) -> FactorSize:
    """Return the size of the factors of a CSR array whose pivots stay on the diagonal, ordered by minimum degree.

    Counting ends after `effort` seconds, roughly. Entries count on both sides of the diagonal, unless the pattern is
    `symmetric`.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> of_symmetric_pattern(csr_array([[2.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 2.0]]), 1e6).entries
    10.0
    """
    from scipy.sparse import csr_array

    if not symmetric:
        pattern = csr_array((np.ones(matrix.nnz, dtype=np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
        matrix = pattern + pattern.T
    none = np.zeros(0, dtype=np.int32)
    return _size(matrix, none, none, effort)


def of_columns(matrix: Any, effort: float) -> FactorSize:
    """Return a bound for the factors of a CSR array with row exchanges, columns ordered by minimum degree."""
    columns = matrix.tocsc()
    return _size(columns, matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), effort)


def _size(matrix: Any, row_start: np.ndarray, row_items: np.ndarray, effort: float) -> FactorSize:
    from .kernels.elimination import eliminate

    start, items = (part.astype(np.int32, copy=False) for part in (matrix.indptr, matrix.indices))
    entries, operations, _, done = eliminate(start, items, row_start, row_items, effort / STEP)
    return FactorSize(2.0 * entries, operations, done == 1.0)
