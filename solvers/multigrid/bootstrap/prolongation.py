"""Prolongation from aggregates, smoothed where the coarse matrix stays sparse."""

from __future__ import annotations

from typing import Any

import numpy as np

from .compatible_matching import Aggregation, coarse_matrix
from .strong_couplings import strong_couplings

__all__ = ["prolongation_and_coarse_matrix"]

# Step lengths, relative to the inverse of the largest eigenvalue, of one and of two smoothing steps.
STEPS = ((4.0 / 3.0,), (2.8944, 1.1056))
WORK = 20.0  # most products of entries in a smoothing step, relative to the entries of the matrix
GROWTH = 0.7  # entries of the coarse matrix, relative to the fine one, above which fewer smoothing steps are taken
SAMPLE = 64  # rows of the coarse matrix from which its number of entries is estimated


def prolongation_and_coarse_matrix(
    matrix: Any, found: Aggregation | None, smooth: np.ndarray, kind: str
) -> tuple[Any, Any]:
    r"""Return the prolongation P, shape (n, m), and ``P^T A P`` with sorted columns.

    Aggregates of eight are too wide for a single smoothing step; two steps reach across them. The step lengths are the
    inverse roots of the polynomial of :cite:`VanekMandelBrezina1996`, which are
    :math:`\lambda_{\max}\sin^2(k\pi/(2s+1))` for s steps. Couplings that are weak for both unknowns are left out,
    because they would widen the prolongation without benefit.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    found : Aggregation or None
        Aggregates, or None if there are none, in which case m = 0.
    smooth : ndarray, shape (n,)
        Smooth vector along which the aggregates were made.
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
    """Return the prolongation after Jacobi steps, or None if a step would take too many products of entries.

    This happens around hubs, whose many neighbours would all become coupled. The diagonal of the matrix must be the
    first entry of each row.
    """
    from scipy.sparse import csr_array

    # The row sums of magnitudes replace the largest eigenvalue in each row.
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
    """Return the number of entries of ``P^T A P``, estimated from a sample of its rows."""
    count = prolongation.shape[1]
    sample = np.unique(np.linspace(0, count - 1, SAMPLE).astype(np.int64))
    rows = prolongation[:, sample].T @ matrix @ prolongation
    return rows.nnz * count / sample.size
