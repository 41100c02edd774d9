"""Banded and dense Cholesky factorisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.backend import single_blas_thread
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status

from .factorisation import FactorisationFailed, PreparedFactorisation, prepare_factorisation

__all__ = ["Cholesky"]

MEMORY_LIMIT = 2 * 2**30  # largest size of the factor in bytes
FULL_BAND = 0.5  # bandwidth, relative to the rows, above which the matrix is factored in full


@register("cholesky")
@dataclass(frozen=True)
class Cholesky:
    """Banded Cholesky factorisation by LAPACK after reverse Cuthill-McKee reordering :cite:`CuthillMcKee1969`.

    Takes symmetric positive definite operators with accessible entries, and singular consistent ones with a known
    nullspace; any other ends with the status INDEFINITE. With half-bandwidth w, it takes O(n w^2) operations and stores
    n (w + 1) numbers: O(n^2) and n^(3/2) on a square of n unknowns. Dense operators, and bands wider than half the
    matrix, are factored in full.

    Raises
    ------
    InvalidProblem
        From `prepare`, if the factor would take more than 2 GiB.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[4.0, 2.0], [2.0, 2.0]]), np.array([6.0, 4.0]), "cholesky").x.tolist()
    [1.0, 1.0]
    """

    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Factor the operator."""
        return prepare_factorisation(self, problem, _factorise)


def _factorise(matrix: Any) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    if matrix.shape[0] == 0:
        return np.copy, {}
    if isinstance(matrix, np.ndarray):
        return _dense(matrix)
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = matrix.shape[0]
    order = reverse_cuthill_mckee(matrix, symmetric_mode=True)
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    rows = rank[np.repeat(np.arange(n), np.diff(matrix.indptr))]
    columns = rank[matrix.indices]
    width = int(np.abs(rows - columns).max(initial=0)) + 1
    full = width > FULL_BAND * n
    memory = n * (n if full else width) * matrix.dtype.itemsize
    if memory > MEMORY_LIMIT:
        raise InvalidProblem(
            f"solver 'cholesky' would take {memory / 2**30:.1f} GiB for a band of {width} in {n} rows, above its limit"
            f" of {MEMORY_LIMIT / 2**30:.0f} GiB: use 'cg' with a preconditioner, 'amg-cg' or 'lu'"
        )
    if full:
        return _dense(matrix.toarray())
    lower = rows >= columns
    band = np.zeros((width, n), dtype=matrix.dtype, order="F")
    band[(rows - columns)[lower], columns[lower]] = matrix.data[lower]
    return _banded(band, order, matrix.nnz)


def _banded(
    band: np.ndarray, order: np.ndarray, entries: int
) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    from scipy.linalg import cho_solve_banded, get_lapack_funcs

    (pbtrf,) = get_lapack_funcs(("pbtrf",), (band,))
    with single_blas_thread():  # the blocks of a band are too small for several threads
        factor, info = pbtrf(band, lower=1, overwrite_ab=1)
    if info > 0:
        raise FactorisationFailed(Status.INDEFINITE)

    def apply(rhs: np.ndarray) -> np.ndarray:
        x = np.empty_like(rhs)
        with single_blas_thread():
            x[order] = cho_solve_banded((factor, True), rhs[order], check_finite=False)
        return x

    return apply, {"fill": band.size / max(entries, 1), "bandwidth": band.shape[0] - 1}


def _dense(matrix: np.ndarray) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    from scipy.linalg import cho_solve, get_lapack_funcs

    (potrf,) = get_lapack_funcs(("potrf",), (matrix,))
    factor, info = potrf(matrix, lower=1, clean=0)
    if info > 0:
        raise FactorisationFailed(Status.INDEFINITE)
    return lambda rhs: cho_solve((factor, True), rhs, check_finite=False), {}
