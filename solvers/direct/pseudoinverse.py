"""Least-squares solutions of minimum norm, by a dense decomposition or sparse factors and null vectors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from ritz.arguments import check_number
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem
from ritz.iteration import balanced
from ritz.operators import Dense, Tag
from ritz.operators.sparse_entries import sparse_entries
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name

from .factorisation import PreparedFactorisation
from .sparse_pseudoinverse import sparse_pseudoinverse

__all__ = ["Pseudoinverse"]

Inverse: TypeAlias = Callable[[np.ndarray], np.ndarray]

DENSE, LIMIT = 1000, 4096  # unknowns up to which all operators are decomposed densely, and most for dense ones


@register("pseudoinverse")
@dataclass(frozen=True)
class Pseudoinverse:
    """The least-squares solution of minimum norm, for singular systems of any kind :cite:`GolubVanLoan2013`.

    The operator is decomposed into eigenvectors if it is symmetric, otherwise into singular vectors, and the inverses
    of singular values that are zero to working precision are replaced by zero. Consistent systems get the solution of
    least norm. Systems without a solution end with the status LEAST_SQUARES and the x of least norm among those with
    the least residual. Preparation takes about 25 n^3 operations, 10 n^3 for symmetric operators, and stores 2 n^2
    numbers; a solve takes O(n^2). Sparse operators with more than 1000 unknowns are factored instead, and up to 64 null
    vectors are found by inverse iteration, which takes a few times as long as `LU`. ``stats["rank"]`` is the numerical
    rank.

    Parameters
    ----------
    cutoff : float, optional
        Singular values below this share of the largest count as zero; twenty roundings if None, so that a matrix of
        condition 1e14 keeps its full rank.

    Raises
    ------
    InvalidProblem
        If the cutoff is not between 0 and 1; from `prepare`, if the operator has no accessible entries, or if it has
        more than 4096 unknowns and is dense or its nullspace has more than 64 dimensions.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 0.0]), "pseudoinverse").x.round(12).tolist()
    [0.5, 0.5]
    """

    cutoff: float | None = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        if self.cutoff is not None:
            check_number("cutoff", self.cutoff, least=0.0, below=1.0)

    def prepare(self, problem: LinearSystem) -> PreparedFactorisation:
        """Decompose the operator."""
        start = time.perf_counter()
        check_pairing(self, problem)
        sparse = problem.size > DENSE and not isinstance(problem.operator, Dense)
        if problem.size > LIMIT and not sparse:
            raise InvalidProblem(
                f"solver 'pseudoinverse' decomposes a dense matrix, of at most {LIMIT} unknowns, and the operator has"
                f" {problem.size}: use 'lsmr', or 'minres' if it is symmetric"
            )
        system = balanced(problem)
        share = 20.0 * machine_epsilon(system.dtype) if self.cutoff is None else self.cutoff
        apply, rank, live = _inverse(system, share, sparse)
        failure = None if rank == system.size else Status.LEAST_SQUARES
        seconds = time.perf_counter() - start
        return PreparedFactorisation(system, apply, failure, live, registered_name(self), seconds, {"rank": rank})


def _inverse(system: LinearSystem, share: float, sparse: bool) -> tuple[Inverse, int, np.ndarray | None]:
    """Return the inverse on the unknowns that have entries, the rank, and these unknowns (None for all)."""
    symmetric = Tag.SYMMETRIC in system.operator.tags
    if not sparse:
        return *_dense_inverse(system.operator.to_dense(), symmetric, share), None
    matrix = sparse_entries(system.operator, "solver 'pseudoinverse'")
    live = _live(matrix)
    matrix = matrix if live is None else matrix[live][:, live]
    try:
        return *sparse_pseudoinverse(matrix, symmetric, share), live
    except InvalidProblem:
        if matrix.shape[0] > LIMIT:
            raise
    return *_dense_inverse(matrix.toarray(), symmetric, share), live


def _dense_inverse(matrix: np.ndarray, symmetric: bool, share: float) -> tuple[Inverse, int]:
    left, values, right = _decompose(matrix, symmetric)
    sizes = np.abs(values)
    kept = sizes > share * sizes.max()
    left, right, inverses = left[:, kept], right[:, kept], (1.0 / values[kept]).astype(matrix.dtype)

    def apply(rhs: np.ndarray) -> np.ndarray:
        coefficients = left.conj().T @ rhs
        return right @ (coefficients * (inverses if rhs.ndim == 1 else inverses[:, None]))

    return apply, int(kept.sum())


def _live(matrix: Any) -> np.ndarray | None:
    """Return the unknowns whose rows or columns have entries; None if all have."""
    used = np.diff(matrix.indptr) > 0
    used[matrix.indices] = True
    return None if used.all() else np.flatnonzero(used)


def _decompose(matrix: np.ndarray, symmetric: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return left vectors, values and right vectors, with vectors as columns; values may be negative if symmetric."""
    from scipy.linalg import LinAlgError, eigh, svd

    if symmetric:
        found: Any = eigh(matrix, check_finite=False)
        return found[1], found[0], found[1]
    try:
        left, values, right = svd(matrix, check_finite=False)
    except LinAlgError:  # divide and conquer failed, which happens very rarely
        left, values, right = svd(matrix, check_finite=False, lapack_driver="gesvd")
    return left, values, right.conj().T
