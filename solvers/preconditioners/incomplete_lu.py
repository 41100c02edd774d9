"""Incomplete LU factorisation with a drop tolerance."""

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
    """Incomplete LU factors without small entries, computed by SuperLU :cite:`Li2005`.

    For non-symmetric and indefinite operators, with the solvers ``gmres`` and ``bicgstab``: the factors are not
    symmetric even if the operator is. Zero rows are left alone.

    Parameters
    ----------
    drop_tolerance : float
        Entries smaller than this multiple of the norm of their column are dropped.
    fill : float
        Largest number of entries of the factors, relative to those of the operator.

    Raises
    ------
    InvalidProblem
        From `build`, if the entries of the operator are not known, or a pivot is zero.

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
