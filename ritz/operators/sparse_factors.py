"""Sparse LU factorisation by SuperLU."""

from __future__ import annotations

from typing import Any

from ritz.errors import SingularMatrix

__all__ = ["SparseFactors", "sparse_factors"]


class SparseFactors:
    """Factors of a matrix by SuperLU. A pickle holds the matrix, which is factorised again when it is loaded.

    Parameters
    ----------
    matrix : csc_array, shape (n, n)
    options : dict
        Arguments of `scipy.sparse.linalg.splu`.
    """

    def __init__(self, matrix: Any, options: dict[str, Any]):
        from scipy.sparse.linalg import splu

        self._given = matrix, options
        self.superlu = splu(matrix, **options)

    @property
    def nnz(self) -> int:
        """Number of stored entries of both factors."""
        return self.superlu.nnz

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """Solve for one or several right-hand sides; `trans` "T" selects the transpose and "H" the adjoint."""
        return self.superlu.solve(rhs, trans)

    def __reduce__(self) -> tuple[type[SparseFactors], tuple[Any, ...]]:
        return type(self), self._given


def sparse_factors(
    matrix: Any, *, symmetric: bool = False, symmetric_pattern: bool | None = None, pivot_threshold: float = 0.01
) -> SparseFactors:
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
    SparseFactors

    Raises
    ------
    SingularMatrix
        If a pivot is zero, or if there is none: the pattern of the matrix is that of singular ones.

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> import numpy as np
    >>> sparse_factors(csr_array([[2.0, 0.0], [0.0, 4.0]]), symmetric=True).solve(np.ones(2)).tolist()
    [0.5, 0.25]
    """
    by_sum = symmetric if symmetric_pattern is None else symmetric_pattern
    options: dict[str, Any] = {"permc_spec": "MMD_AT_PLUS_A" if by_sum else "COLAMD"}
    if symmetric:
        options |= {"diag_pivot_thresh": pivot_threshold, "options": {"SymmetricMode": True}}
    try:
        return SparseFactors(matrix.tocsc(), options)
    except RuntimeError as error:
        # The second message is SuperLU's for matrices whose columns cannot be matched with rows.
        if not any(message in str(error) for message in ("singular", "failed to factorize")):
            raise
        raise SingularMatrix("the matrix is singular: a pivot of its LU factors is zero") from None
