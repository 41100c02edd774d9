"""Sparse LU factorisation by SuperLU."""

from __future__ import annotations

from typing import Any

from ritz.errors import SingularMatrix

__all__ = ["sparse_factors"]


def sparse_factors(
    matrix: Any, *, symmetric: bool = False, symmetric_pattern: bool | None = None, pivot_threshold: float = 0.01
) -> Any:
    """Return the sparse LU factors of a matrix.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        Real or complex.
    symmetric : bool
        Whether the matrix is symmetric or Hermitian. If so, pivots are taken from the diagonal unless too small.
    symmetric_pattern : bool, optional
        Whether the sparsity pattern is symmetric. If so, the fill-reducing order is that of A + A^T. Same as
        `symmetric` if None.
    pivot_threshold : float
        For symmetric matrices, a pivot on the diagonal is accepted if its magnitude is at least this fraction of the
        largest in its column; 0 accepts every pivot on the diagonal.

    Returns
    -------
    scipy.sparse.linalg.SuperLU

    Raises
    ------
    SingularMatrix
        If a pivot is zero.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> import numpy as np
    >>> sparse_factors(csr_array([[2.0, 0.0], [0.0, 4.0]]), symmetric=True).solve(np.ones(2)).tolist()
    [0.5, 0.25]
    """
    from scipy.sparse.linalg import splu

    options: dict[str, Any] = {}
    if symmetric:
        options = {"diag_pivot_thresh": pivot_threshold, "options": {"SymmetricMode": True}}
    by_sum = symmetric if symmetric_pattern is None else symmetric_pattern
    try:
        return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A" if by_sum else "COLAMD", **options)
    except RuntimeError as error:
        if "singular" not in str(error):
            raise
        raise SingularMatrix("the matrix is singular: a pivot of its LU factors is zero") from None
