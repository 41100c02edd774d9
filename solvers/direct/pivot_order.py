"""The order of pivots for a sparse LU factorisation."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["keeps_to_diagonal"]

FEW = 0.2  # share of the couplings of unknowns that may need row exchanges


def keeps_to_diagonal(matrix: Any) -> bool:
    """Return whether pivots can stay on the diagonal of a sparse matrix, apart from few.

    If so, minimum degree on the pattern of A + A^T gives less fill than a column order that is prepared for any row
    exchange. If not, as for saddle points, exchanges ruin that order. They are taken to be needed where the two
    unknowns of a coupling have a principal minor that is not positive in magnitude: ``|a_ij a_ji| >= |a_ii a_jj|``.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        In canonical format.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> keeps_to_diagonal(csr_array([[2.0, 1.0], [1.0, 2.0]])), keeps_to_diagonal(csr_array([[1.0, 1.0], [1.0, 0.0]]))
    (True, False)
    """
    from scipy.sparse import csr_array

    diagonal = np.abs(matrix.diagonal())
    transposed = csr_array(matrix.T)
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    back = transposed.data
    if not (
        np.array_equal(transposed.indptr, matrix.indptr) and np.array_equal(transposed.indices, matrix.indices)
    ):  # entries without a partner meet a zero, and only the diagonal counts
        both = abs(matrix).multiply(abs(transposed)).tocoo()
        off = both.row != both.col
        with np.errstate(over="ignore", under="ignore"):
            bad = int((both.data[off] >= (diagonal[both.row] * diagonal[both.col])[off]).sum())
        lone = diagonal[rows] * diagonal[matrix.indices] == 0
        return bool(max(bad, int(lone.sum())) <= FEW * max(matrix.nnz - matrix.shape[0], 1))
    off = rows != matrix.indices
    with np.errstate(over="ignore", under="ignore"):
        products = np.abs(matrix.data) * np.abs(back)
        bad = products >= diagonal[rows] * diagonal[matrix.indices]
    return bool((bad & off).sum() <= FEW * max(int(off.sum()), 1))
