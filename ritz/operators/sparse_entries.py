"""The entries of an operator as a sparse matrix, for methods that need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator

__all__ = ["sparse_entries"]


def sparse_entries(operator: Operator, owner: str) -> Any:
    """Return `operator` as a CSR array in canonical form, with 32-bit indices where they fit.

    Parameters
    ----------
    operator : Operator
    owner : str
        What needs the entries, for the error message, such as ``"solver 'lu'"``.

    Raises
    ------
    InvalidProblem
        If the operator is known only by its products and is too large to be assembled from them.
    """
    try:
        matrix = operator.to_sparse()
    except InvalidProblem as error:
        raise InvalidProblem(
            f"{owner} needs the entries of the operator: {error}; give it as a sparse matrix, or use a Krylov method"
            " without preconditioner"
        ) from None
    if not matrix.has_canonical_format or matrix.indptr.dtype != np.int32:
        matrix = matrix.copy()
        matrix.sum_duplicates()
        if matrix.nnz < np.iinfo(np.int32).max:
            matrix.indptr, matrix.indices = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    return matrix
