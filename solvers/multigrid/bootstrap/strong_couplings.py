"""Removal of couplings that are weak relative to the others of their unknowns."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ENTRY_BYTES", "strong_couplings"]

STRONG = 0.1  # share of the largest coupling of an unknown at or above which a coupling is strong
ENTRY_BYTES = 24  # bytes that a kernel moves per entry, counting its scattered access twice


def strong_couplings(matrix: Any, smooth: np.ndarray, *, both: bool) -> Any:
    """Return the matrix with weak couplings lumped onto the diagonal such that ``A w`` is unchanged.

    The strength of a coupling is ``|a_ij w_i w_j|``, which does not depend on the scaling of the unknowns.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Symmetric.
    smooth : ndarray, shape (n,)
        The vector w. Nothing is added to the diagonal where it is zero.
    both : bool
        Whether a coupling must be strong for both of its unknowns rather than for one of them.

    Returns
    -------
    csr_array, shape (n, n)
        Symmetric; the diagonal is the first entry of each row.
    """
    from scipy.sparse import csr_array

    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels.aggregation import count_strong, largest_couplings, strong_rows

    n = matrix.shape[0]
    entries, work = (matrix.indptr, matrix.indices, matrix.data), ENTRY_BYTES * matrix.nnz
    bound, sizes = np.empty(n), np.empty(n, dtype=np.int32)
    in_parallel_chunks(largest_couplings, n, work, *entries, smooth, bound)
    bound *= STRONG
    in_parallel_chunks(count_strong, n, work, *entries, bound, both, smooth, sizes)
    start = np.append(0, np.cumsum(sizes)).astype(matrix.indptr.dtype)
    columns, values = np.empty(start[-1], dtype=matrix.indices.dtype), np.empty(start[-1])
    in_parallel_chunks(strong_rows, n, work, *entries, bound, both, smooth, start, columns, values)
    return csr_array((values, columns, start), shape=(n, n))
