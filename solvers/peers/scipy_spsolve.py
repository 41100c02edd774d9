"""SciPy's sparse direct solver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.backend import without_warnings
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solvers.direct.factorisation import PreparedFactorisation, prepare_factorisation

__all__ = ["ScipySpsolve"]


@register("scipy-spsolve")
@dataclass(frozen=True)
class ScipySpsolve:
    """``scipy.sparse.linalg.spsolve``, which factors the matrix anew in every solve.

    For singular consistent operators with a known nullspace, one unknown per region is fixed first.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[0.0, 2.0], [1.0, 1.0]]), np.array([2.0, 3.0]), "scipy-spsolve").x.tolist()
    [2.0, 1.0]
    """

    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Form the matrix, without factoring it."""

        def factorise(matrix: Any) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
            from scipy.sparse import csc_array
            from scipy.sparse.linalg import spsolve

            columns: Any = csc_array(matrix)

            def apply(rhs: np.ndarray) -> np.ndarray:
                if columns.shape[0] == 0:
                    return rhs
                with without_warnings():  # a singular matrix yields NaN or an error, which become a status
                    try:
                        return np.asarray(spsolve(columns, rhs)).reshape(rhs.shape)
                    except RuntimeError:
                        return np.full(rhs.shape, np.nan, rhs.dtype)

            return apply, {}

        return prepare_factorisation(self, problem, factorise)
