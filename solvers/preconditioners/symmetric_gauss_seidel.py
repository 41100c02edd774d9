"""Symmetric Gauss-Seidel preconditioner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritz.operators import Operator, Stencil, Tag
from ritz.operators.sparse_entries import sparse_entries
from ritz.registry import preconditioners

from .sweeps import StencilSweeps, TriangularSweeps, grid_entries

__all__ = ["SymmetricGaussSeidel"]


@preconditioners.register("symmetric-gauss-seidel")
@dataclass(frozen=True)
class SymmetricGaussSeidel:
    """Symmetric Gauss-Seidel: ``((D + L) D^-1 (D + U))^-1`` for ``A = L + D + U``, with zeros in D replaced by ones.

    Symmetric if A is, and positive definite if its diagonal is positive as well. An application costs about one
    product. The memory is that of a copy of the entries, in single precision for stencils.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "cg", preconditioner="symmetric-gauss-seidel").x.round(6).tolist()
    [1.5, 2.0, 1.5]
    """

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        if isinstance(operator, Stencil):
            diagonal, links = grid_entries(operator)
            if diagonal.min() >= 0:
                return StencilSweeps(operator, links, 1.0 / np.where(diagonal == 0.0, 1.0, diagonal))
        matrix = sparse_entries(operator, "preconditioner 'symmetric-gauss-seidel'")
        diagonal = matrix.diagonal()
        return TriangularSweeps(matrix, np.where(diagonal == 0.0, 1.0, diagonal), Tag.SYMMETRIC in operator.tags)
