"""Prolongation from aggregates, smoothed where that leaves the coarse matrix sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compatible_matching import Aggregation, coarse_matrix
from .strong_couplings import strong_couplings

__all__ = ["prolongation_and_coarse_matrix"]

# Steps of the polynomial that is smallest on smooth vectors, over the largest eigenvalue, for one step and two.
STEPS = ((4.0 / 3.0,), (2.8944, 1.1056))
WORK = 20.0  # products of entries that a step of smoothing may take, over entries of the matrix
GROWTH = 0.7  # entries of the coarse matrix over those of the fine one above which prolongation is smoothed less
SAMPLE = 64  # rows of the coarse matrix whose entries are counted beforehand


def prolongation_and_coarse_matrix(
    matrix: Any, found: Aggregation | None, smooth: np.ndarray, kind: str
) -> tuple[Any, Any]:
    r"""Return P, ``(n, m)``, and ``P^T A P`` with sorted columns.

    Aggregates of eight are too wide for a single step of smoothing; two steps reach across them. The step lengths are
    the inverse roots of the polynomial of :cite:`VanekMandelBrezina1996`,
    :math:`\lambda_{\max}\sin^2(k\pi/(2s+1))` for s steps. Couplings that are weak for both their unknowns are left out,
    as they widen the prolongation for nothing.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    found : Aggregation or None
        None if there is nothing to aggregate: m = 0.
    smooth : ndarray, shape (n,)
        The vector that aggregates were made along.
    kind : {"smoothed", "plain"}
    """
    from scipy.sparse import csr_array

    if found is None:
        return csr_array((matrix.shape[0], 0)), csr_array((0, 0))
    grouped = found.groups >= 0
    start = np.append(0, np.cumsum(grouped)).astype(matrix.indptr.dtype)
    parts = found.weights[grouped], found.groups[grouped], start
    plain = csr_array(parts, shape=(grouped.size, found.smooth.size))
    if kind == "smoothed":
        strong = strong_couplings(matrix, smooth, both=False)
        for steps in reversed(STEPS):
            smoothed = _smoothed(strong, plain, steps)
            if smoothed is not None and _coarse_entries(matrix, smoothed) <= GROWTH * matrix.nnz:
                coarse = csr_array(smoothed.T @ (matrix @ smoothed))
                coarse.sort_indices()
                return smoothed, coarse
    coarse = coarse_matrix(matrix, found)
    coarse.sort_indices()
    return plain, coarse


def _smoothed(matrix: Any, prolongation: Any, steps: tuple[float, ...]) -> Any | None:
    """Return the prolongation after Jacobi steps, or None where one would take too many products of entries.

    Hubs, which are coupled to much, would couple all of it. In the matrix the diagonal comes first in each row.
    """
    from scipy.sparse import csr_array

    # The row sums of magnitudes stand for the largest eigenvalue, row by row.
    diagonal = matrix.indptr[:-1]
    sums = np.add.reduceat(np.abs(matrix.data), diagonal)
    inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums > 0.0)
    relative = matrix.data * np.repeat(inverse, np.diff(matrix.indptr))
    for step in steps:
        if int(np.diff(prolongation.indptr)[matrix.indices].sum()) > WORK * matrix.nnz:
            return None
        values = -step * relative
        values[diagonal] += 1.0
        prolongation = csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape) @ prolongation
    return prolongation


def _coarse_entries(matrix: Any, prolongation: Any) -> float:
    """Return how many entries ``P^T A P`` has, estimated from a sample of its rows."""
    count = prolongation.shape[1]
    sample = np.unique(np.linspace(0, count - 1, SAMPLE).astype(np.int64))
    rows = prolongation[:, sample].T @ matrix @ prolongation
    return rows.nnz * count / sample.size
