"""Chebyshev collocation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.pde.discretisation import Discretisation
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.direct.factorisation import FactorisationFailed, PreparedFactorisation
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver
from ritz.solvers.direct.lu import dense_lu

from .nonlinear import PreparedNewton, ShiftedSolve, krylov_solve
from .prepared_collocation import PreparedPDE

__all__ = ["Chebyshev"]

SEPARABLE_COUNT = {1: 64, 2: 48, 3: 32}  # unknowns per axis, by dimension
DENSE_COUNT = {1: 64, 2: 40, 3: 14}
DENSE_LIMIT = 6000  # most unknowns of a dense matrix: 288 MB, and as much again while it is factored


@register("chebyshev")
@dataclass(frozen=True)
class Chebyshev:
    """Solve a PDE by Chebyshev collocation :cite:`Trefethen2000`, or trigonometric collocation on periodic axes.

    The error falls exponentially with the number of nodes if the solution is analytic. If every term acts on one axis
    and its coefficient varies along that axis only, the matrix is never formed, and a solve takes O(n^(d+1)) time and
    O(n^d) memory for n nodes along each of d axes. Otherwise the matrix is formed and factored in O(n^(3d)) time and
    O(n^(2d)) memory. Equations with a reaction are solved by Newton's method; its linear systems are factored if the
    matrix is formed, and otherwise solved by GMRES preconditioned by the linear part.

    Parameters
    ----------
    shape : int or sequence of int, optional
        Unknowns along each axis. Default, by dimension: 64, 48 or 32, or 64, 40 or 14 if the matrix has to be formed.
        Rounding errors grow with the shape: beyond about 400, the residual of a Neumann problem may not reach 1e-8.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> wave = lambda x, y: np.sin(2 * x + y)
    >>> plate = ritz.PDE([(0, 1), (0, 1)], {(2, 0): -1.0, (0, 2): -1.0}, lambda x, y: 5 * wave(x, y), wave)
    >>> ritz.solve(plate, "chebyshev", shape=16).error(wave) < 1e-12
    True
    """

    shape: int | Sequence[int] | None = None
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedPDE | PreparedNewton:
        """Discretise and factor."""
        start = time.perf_counter()
        check_pairing(self, problem)
        discretisation = self._discretise(problem)
        if problem.reaction is not None:
            shifted_solve = _shifted_solve(discretisation)
            return PreparedNewton(
                solver=self,
                discretisation=discretisation,
                shifted_solve=shifted_solve,
                name=registered_name(self),
                seconds=time.perf_counter() - start,
            )
        apply, failure = None, None
        stats: Mapping[str, Any] = {}
        try:
            apply, stats = _factor(discretisation)
        except FactorisationFailed as failed:
            failure = failed.status
        name, seconds = registered_name(self), time.perf_counter() - start
        linear = PreparedFactorisation(discretisation.system, apply, failure, None, name, seconds)
        return PreparedPDE(
            solver=self, discretisation=discretisation, linear=linear, name=name, seconds=seconds, stats=stats
        )

    def _discretise(self, problem: PDE) -> Discretisation:
        if self.shape is not None:
            return Discretisation(problem, self.shape, "chebyshev")
        discretisation = Discretisation(problem, SEPARABLE_COUNT[problem.dimension], "chebyshev")
        if discretisation.factors is None:
            return Discretisation(problem, DENSE_COUNT[problem.dimension], "chebyshev")
        return discretisation


def _factor(discretisation: Discretisation) -> tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]:
    schur = _separable_solver(discretisation)
    if schur is not None:
        return schur, {"factorisation": "one Schur form per axis"}
    matrix = _dense_matrix(discretisation)
    if discretisation.singular:  # fixes the mean, without effect on consistent right-hand sides
        matrix += np.abs(matrix.diagonal()).mean() / len(matrix)
    apply, _ = dense_lu(matrix)
    if not np.isfinite(apply(np.ones(len(matrix)))).all():
        raise FactorisationFailed(Status.SINGULAR)
    return apply, {"factorisation": "dense LU"}


def _shifted_solve(discretisation: Discretisation) -> ShiftedSolve:
    schur = _separable_solver(discretisation)
    if schur is not None:
        return krylov_solve(discretisation.operator, schur)
    matrix = _dense_matrix(discretisation)

    def solve(diagonal: np.ndarray, rhs: np.ndarray, tolerance: float) -> tuple[np.ndarray, int]:
        shifted = matrix.copy()
        np.fill_diagonal(shifted, matrix.diagonal() + diagonal)
        try:
            return dense_lu(shifted)[0](rhs), 1
        except FactorisationFailed:
            return np.full(rhs.shape, np.nan), 1

    return solve


def _separable_solver(discretisation: Discretisation) -> KroneckerSumSolver | None:
    """Return the solver for a separable operator in more than one dimension, or None for other operators."""
    factors = discretisation.factors
    if factors is None or len(factors) == 1:
        return None
    dense = [factor if isinstance(factor, np.ndarray) else factor.toarray() for factor in factors]
    return KroneckerSumSolver(dense, discretisation.singular)


def _dense_matrix(discretisation: Discretisation) -> np.ndarray:
    size = discretisation.grid.size
    if size > DENSE_LIMIT:
        raise InvalidProblem(
            f"shape {discretisation.shape} has {size} unknowns; the terms of this PDE mix the axes, so its"
            f" collocation matrix is dense, and it is formed for at most {DENSE_LIMIT} unknowns: use a smaller"
            " shape, or 'finite-difference' with order=4"
        )
    return discretisation.dense_matrix()
