"""LU factorisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.errors import SingularMatrix
from ritz.operators import Tag
from ritz.operators.sparse_factors import sparse_factors
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status

from .factorisation import FactorisationFailed, PreparedFactorisation, prepare_factorisation
from .pivot_order import keeps_to_diagonal

__all__ = ["LU", "sparse_lu"]

SMALL = 300  # unknowns below which the order of pivots matters little


@register("lu")
@dataclass(frozen=True)
class LU:
    """LU factorisation with partial pivoting: SuperLU :cite:`Li2005` for sparse operators, LAPACK for dense ones.

    Takes any non-singular operator with accessible entries, and singular consistent ones with a known nullspace.
    Where pivots can stay on the diagonal unless they are small, the unknowns are ordered by minimum degree on the
    graph of A + A^T; others, such as those of saddle points, by column minimum degree. On a grid of n unknowns, the
    factors hold O(n log n) numbers in two dimensions and O(n^(4/3)) in three, and take O(n^(3/2)) and O(n^2)
    operations.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[0.0, 2.0], [1.0, 1.0]]), np.array([2.0, 3.0]), "lu").x.tolist()
    [2.0, 1.0]
    """

    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Factor the operator."""

        def factorise(matrix: Any) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
            symmetric = Tag.SYMMETRIC in problem.operator.tags
            return dense_lu(matrix) if isinstance(matrix, np.ndarray) else sparse_lu(matrix, symmetric)

        return prepare_factorisation(self, problem, factorise)


def sparse_lu(matrix: Any, symmetric: bool) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    """Factor a CSR array; return a function that solves with it, and the fill-in per entry as a statistic."""
    if matrix.shape[0] == 0:
        return np.copy, {}
    # Transposing CSR to CSC costs nothing, and a symmetric matrix equals its transpose.
    columns = matrix.T if symmetric else matrix.tocsc()
    on_diagonal = symmetric if matrix.shape[0] < SMALL else keeps_to_diagonal(matrix)
    try:
        factors = sparse_factors(columns, symmetric=on_diagonal)
    except SingularMatrix:
        raise FactorisationFailed(Status.SINGULAR) from None
    return factors.solve, {"fill": factors.nnz / max(matrix.nnz, 1)}


def dense_lu(matrix: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    """Factor a dense matrix; return a function that solves with it, and an estimate of the inverse condition number."""
    from scipy.linalg import get_lapack_funcs

    getrf, gecon = get_lapack_funcs(("getrf", "gecon"), (matrix,))
    factors, pivots, info = getrf(matrix)
    if info > 0:
        raise FactorisationFailed(Status.SINGULAR)
    size = float(np.abs(matrix).sum(axis=0).max())
    rcond = float(gecon(factors, size)[0]) if 0.0 < size < np.inf else 0.0

    def solve(rhs: np.ndarray) -> np.ndarray:
        (getrs,) = get_lapack_funcs(("getrs",), (factors,))  # routines cannot be pickled
        return getrs(factors, pivots, rhs)[0]

    return solve, {"rcond": rcond}
