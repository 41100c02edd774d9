"""Incomplete LU factors with a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import MatrixFree, Operator
from ritz.operators.sparse_entries import sparse_entries
from ritz.registry import preconditioners

__all__ = ["IncompleteLU"]


@preconditioners.register("incomplete-lu")
@dataclass(frozen=True)
class IncompleteLU:
    """LU factors without their small entries, by SuperLU's incomplete factorisation :cite:`Li2005`.

    For non-symmetric and indefinite operators. Factors are not symmetric even where the operator is, so it goes
    with ``gmres`` and ``bicgstab``. Rows that are zero are left alone.

    Parameters
    ----------
    drop_tolerance : float
        Entries smaller than this share of their column's norm are dropped.
    fill : float
        Upper limit of the entries of the factors, as a multiple of those of the operator.

    Raises
    ------
    InvalidProblem
        From `build`, for an operator without entries, or a zero pivot.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [0.0, 2.0, -1.0], [0.0, 0.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "gmres", preconditioner="incomplete-lu").x.round(6).tolist()
    [0.875, 0.75, 0.5]
    """

    drop_tolerance: float = 1e-3
    fill: float = 10.0

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import spilu

        matrix = sparse_entries(operator, "preconditioner 'incomplete-lu'")
        empty = np.diff(matrix.indptr) == 0
        if empty.any():
            matrix = matrix + diags_array(empty.astype(matrix.dtype))
        try:
            factors = spilu(matrix.tocsc(), drop_tol=self.drop_tolerance, fill_factor=self.fill)
        except RuntimeError as error:
            raise InvalidProblem(f"preconditioner 'incomplete-lu' cannot be built: {error}") from None
        return MatrixFree(factors.solve, operator.shape, dtype=operator.dtype, blocks=True)
