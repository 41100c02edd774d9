"""Conversion of matrices and other linear maps to operators."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ritz.backend import is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators.checks import asymmetry
from ritz.operators.dense import Dense
from ritz.operators.foreign_arrays import as_plain, from_tensor
from ritz.operators.matrix_free import MatrixFree
from ritz.operators.operator import Operator, Tag, real_entries
from ritz.operators.sparse import Sparse

__all__ = ["aslinearoperator"]


def aslinearoperator(anything: Any, tags: Iterable[Tag] | None = None) -> Operator:
    """Return `anything` as an `Operator`.

    Parameters
    ----------
    anything : Operator, ndarray, SciPy sparse array or matrix, SciPy LinearOperator, torch tensor
        Integer and boolean entries are converted to float64. torch tensors may be dense or sparse.
    tags : iterable of Tag, optional
        Promised properties. If None, square matrices (but not LinearOperators) are tagged symmetric if products with
        random vectors show that they are.

    Returns
    -------
    Operator
        `anything` itself if it is an `Operator` already.

    Raises
    ------
    InvalidProblem
        For complex, half-precision or masked entries, arrays that are not two-dimensional, sparse matrices whose index
        arrays do not fit their shape, and objects that cannot multiply.

    Examples
    --------
    >>> aslinearoperator(np.eye(2))
    Dense(2 x 2, float64, symmetric)
    """
    if isinstance(anything, Operator):
        return anything
    operator = _wrap(anything)
    if tags is not None:
        operator.tags = frozenset(tags)
    elif not isinstance(operator, MatrixFree) and operator.shape[0] == operator.shape[1]:
        finite = np.isfinite(operator.matrix.data).all() if isinstance(operator, Sparse) else True
        if finite and asymmetry(operator) == 0.0:
            operator.tags = frozenset({Tag.SYMMETRIC})
    return operator


def _wrap(anything: Any) -> Dense | Sparse | MatrixFree:
    if issparse(anything):
        return Sparse(anything)
    if is_torch_array(anything):
        matrix = from_tensor(anything, "operator")
        return Sparse(matrix) if issparse(matrix) else Dense(matrix)
    if not isinstance(anything, np.ndarray) and hasattr(anything, "matvec") and hasattr(anything, "shape"):
        return _from_linear_operator(anything)
    matrix = as_plain(anything, "operator")
    if matrix.dtype.kind not in "biufc":
        raise InvalidProblem(
            f"operator is a {type(anything).__name__}; give an Operator, an array, a SciPy sparse array or"
            " LinearOperator, or a torch tensor"
        )
    return Dense(matrix)


def _from_linear_operator(operator: Any) -> MatrixFree:
    from scipy.sparse.linalg import aslinearoperator as scipy_aslinearoperator

    operator = scipy_aslinearoperator(operator)
    dtype = np.dtype(operator.dtype or np.float64)
    return MatrixFree(
        operator.matvec,
        operator.shape,
        transpose=operator.rmatvec,
        dtype=real_entries(np.empty((0, 0), dtype)).dtype,
    )
