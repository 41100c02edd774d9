"""Prolongation from aggregates, smoothed where that leaves the coarse matrix sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compatible_matching import Aggregation

__all__ = ["prolongation_and_coarse_matrix"]

DAMPING = 4.0 / 3.0  # over the largest eigenvalue, for which the row sum of magnitudes stands row by row
WORK = 20.0  # products of entries that smoothing may take, over entries of the matrix
GROWTH = 0.7  # entries of the coarse matrix over those of the fine one above which prolongation is not smoothed


def prolongation_and_coarse_matrix(matrix: Any, found: Aggregation | None, kind: str) -> tuple[Any, Any]:
    """Return P, ``(n, m)``, and ``P^T A P`` with sorted columns.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    found : Aggregation or None
        None if there is nothing to aggregate: m = 0.
    kind : {"smoothed", "plain"}
    """
    from scipy.sparse import csr_array, diags_array

    if found is None:
        return csr_array((matrix.shape[0], 0)), csr_array((0, 0))
    grouped = found.groups >= 0
    start = np.append(0, np.cumsum(grouped)).astype(matrix.indptr.dtype)
    parts = found.weights[grouped], found.groups[grouped], start
    plain = csr_array(parts, shape=(grouped.size, found.smooth.size))
    if kind == "smoothed" and _stays_sparse(matrix, found):
        sums = np.asarray(abs(matrix).sum(axis=1))
        rates = np.divide(DAMPING, sums, out=np.zeros_like(sums), where=sums > 0.0)
        smoothed = csr_array(plain - diags_array(rates) @ (matrix @ plain))
        coarse = csr_array(smoothed.T @ (matrix @ smoothed))
        if coarse.nnz <= GROWTH * matrix.nnz:
            coarse.sort_indices()
            return smoothed, coarse
    found.matrix.sort_indices()
    return plain, found.matrix


def _stays_sparse(matrix: Any, found: Aggregation) -> bool:
    """Whether smoothing takes few products of entries: hubs, which are coupled to much, would couple all of it."""
    from ritz.kernels.aggregation import row_aggregates

    counts = np.empty(found.groups.size, dtype=np.int64)
    row_aggregates(matrix.indptr, matrix.indices, found.groups, found.smooth.size, counts)
    return int(counts[matrix.indices].sum()) <= WORK * matrix.nnz
