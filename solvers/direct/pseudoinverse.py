"""Least-squares solutions of minimum norm, by a dense eigenvalue or singular value decomposition."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_number
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem
from ritz.iteration import balanced
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name

from .factorisation import PreparedFactorisation

__all__ = ["Pseudoinverse"]

LIMIT = 4096  # most unknowns


@register("pseudoinverse")
@dataclass(frozen=True)
class Pseudoinverse:
    """The least-squares solution of minimum norm, for singular systems of any kind :cite:`GolubVanLoan2013`.

    The operator is decomposed into eigenvectors if it is symmetric, otherwise into singular vectors, and the inverses
    of singular values that are zero to working precision are replaced by zero. Consistent systems get the solution of
    least norm. Systems without a solution end with the status SINGULAR and the x of least norm among those with the
    least residual. Preparation takes about 25 n^3 operations, 10 n^3 for symmetric operators, and stores 2 n^2 numbers;
    a solve takes O(n^2). ``stats["rank"]`` is the numerical rank.

    Parameters
    ----------
    cutoff : float, optional
        Singular values below this share of the largest count as zero; twenty roundings if None, so that a matrix of
        condition 1e14 keeps its full rank.

    Raises
    ------
    InvalidProblem
        If the cutoff is not between 0 and 1; from `prepare`, for more than 4096 unknowns or if the operator has no
        accessible entries.

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
        if problem.size > LIMIT:
            raise InvalidProblem(
                f"solver 'pseudoinverse' decomposes a dense matrix, of at most {LIMIT} unknowns, and the operator has"
                f" {problem.size}: use 'lsmr', or 'minres' if it is symmetric"
            )
        system = balanced(problem)
        matrix = system.operator.to_dense()
        left, values, right = _decompose(matrix, Tag.SYMMETRIC in system.operator.tags)
        sizes = np.abs(values)
        share = 20.0 * machine_epsilon(system.dtype) if self.cutoff is None else self.cutoff
        kept = sizes > share * sizes.max()
        left, right, inverses = left[:, kept], right[:, kept], (1.0 / values[kept]).astype(system.dtype)

        def apply(rhs: np.ndarray) -> np.ndarray:
            coefficients = left.T @ rhs
            return right @ (coefficients * (inverses if rhs.ndim == 1 else inverses[:, None]))

        rank = int(kept.sum())
        failure = None if rank == system.size else Status.SINGULAR
        seconds = time.perf_counter() - start
        return PreparedFactorisation(system, apply, failure, None, registered_name(self), seconds, {"rank": rank})


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
    return left, values, right.T
