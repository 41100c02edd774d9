"""Supernodal sparse Cholesky factorisation by CHOLMOD."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.extras import require
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status

from .factorisation import FactorisationFailed, PreparedFactorisation, prepare_factorisation

__all__ = ["Cholmod"]


@register("cholmod")
@dataclass(frozen=True)
class Cholmod:
    """Sparse Cholesky factorisation by CHOLMOD :cite:`Chen2008`, from the extra ``cholmod``.

    Takes symmetric positive definite operators with accessible entries, and singular consistent ones with a known
    nullspace. An indefinite one ends with the status INDEFINITE, unless CHOLMOD finds it sparse enough for an LDL^T
    factorisation, which solves it. Work and memory grow as for `LU`, and are about half as large. Computes in float64
    regardless of the system's dtype.

    Raises
    ------
    MissingExtra
        From `prepare`, if scikit-sparse is not installed.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[4.0, 2.0], [2.0, 2.0]])
    >>> ritz.solve(A, np.array([6.0, 4.0]), "cholmod").x.tolist()  # doctest: +SKIP
    [1.0, 1.0]
    """

    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Factor the operator."""
        cholmod = require("sksparse.cholmod", "cholmod", package="scikit-sparse")

        def factorise(matrix: Any) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
            from scipy.sparse import csc_matrix

            if matrix.shape[0] == 0:
                return np.copy, {}
            columns = csc_matrix(matrix.T, dtype=np.float64)
            try:
                factor = cholmod.cholesky(columns)
            except cholmod.CholmodNotPositiveDefiniteError:
                raise FactorisationFailed(Status.INDEFINITE) from None
            return lambda rhs: factor(rhs.astype(np.float64)), {}

        return prepare_factorisation(self, problem, factorise)
