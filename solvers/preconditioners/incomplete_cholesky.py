"""Incomplete Cholesky factors on the pattern of the matrix, plain and modified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.operators.checks import asymmetry
from ritz.registry import preconditioners
from ritz.solvers.entries import sparse_entries

from .sweeps import TriangularSweeps

__all__ = ["IncompleteCholesky", "ModifiedIncompleteCholesky"]

FIRST_SHIFT = 1e-3
SHIFT_GROWTH = 4.0


@preconditioners.register("incomplete-cholesky")
@dataclass(frozen=True)
class IncompleteCholesky:
    """IC(0): the Cholesky factor on the pattern of A, fill being dropped :cite:`MeijerinkvanderVorst1977`.

    Exists for M-matrices. Where a pivot is not positive otherwise, ``A + s diag(A)`` is factored instead, with
    ``s = 0.001`` and four times as much until it succeeds. Rows that are zero are left alone. Costs about two
    products to build and one to apply; symmetric positive definite.

    Raises
    ------
    InvalidProblem
        From `build`, for an operator without entries, not symmetric, or with an entry on the diagonal that is
        negative, or zero in a row that is not.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "cg", preconditioner="incomplete-cholesky").iterations
    1
    """

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        return _factor(operator, 0.0, "incomplete-cholesky")


@preconditioners.register("modified-incomplete-cholesky")
@dataclass(frozen=True)
class ModifiedIncompleteCholesky:
    """MIC(0): IC(0) with the dropped fill added to the diagonal, so that row sums are kept :cite:`Gustafsson1978`.

    On second-order elliptic problems the condition number falls from O(h^-2) to O(h^-1). Pivots that are not
    positive, costs and errors as for `IncompleteCholesky`.

    Parameters
    ----------
    relaxation : float
        Share of the dropped fill that is added, from 0 (IC(0)) to 1 (row sums kept exactly, which can break down).

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "cg", preconditioner="modified-incomplete-cholesky").iterations
    1
    """

    relaxation: float = 0.97

    def __post_init__(self):
        if not 0.0 <= self.relaxation <= 1.0:
            raise InvalidProblem(f"relaxation is {self.relaxation}; it must lie between 0 and 1")

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        return _factor(operator, self.relaxation, "modified-incomplete-cholesky")


def _factor(operator: Operator, relaxation: float, name: str) -> Operator:
    from ritz.kernels.incomplete_cholesky import incomplete_factors

    matrix = sparse_entries(operator, f"preconditioner {name!r}")
    if Tag.SYMMETRIC not in operator.tags and asymmetry(operator):
        raise InvalidProblem(f"preconditioner {name!r} needs a symmetric operator; use 'incomplete-lu'")
    matrix, entries = _with_positive_diagonal(matrix, name)
    pivots = matrix.data[entries].copy()
    smallest = 100 * np.finfo(matrix.dtype).eps * pivots
    diagonal = np.empty_like(pivots)
    shift = 0.0
    while True:
        values = matrix.data.copy()
        values[entries] += values.dtype.type(shift) * pivots
        failed = incomplete_factors(
            matrix.indptr, matrix.indices, values, values.dtype.type(relaxation), diagonal, smallest
        )
        if failed < 0:
            factors = type(matrix)((values, matrix.indices, matrix.indptr), shape=matrix.shape)
            return TriangularSweeps(factors, diagonal, symmetric=True)
        shift = max(FIRST_SHIFT, SHIFT_GROWTH * shift)


def _with_positive_diagonal(matrix: Any, name: str) -> tuple[Any, np.ndarray]:
    """Return the matrix with ones on the diagonal of its zero rows, and where its diagonal entries are stored."""
    from scipy.sparse import diags_array

    diagonal = matrix.diagonal()
    wrong = diagonal <= 0
    if wrong.any():
        used = np.asarray(abs(matrix).sum(axis=1)).ravel() > 0
        if (wrong & used).any():
            row = int(np.flatnonzero(wrong & used)[0])
            raise InvalidProblem(
                f"preconditioner {name!r} needs a positive diagonal, and entry {row} is {diagonal[row]:g}: the operator"
                " is not positive definite; use 'minres' or 'lu'"
            )
        matrix = (matrix + diags_array(wrong.astype(matrix.dtype))).tocsr()
        matrix.sum_duplicates()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=matrix.indices.dtype), np.diff(matrix.indptr))
    return matrix, np.flatnonzero(matrix.indices == rows)
