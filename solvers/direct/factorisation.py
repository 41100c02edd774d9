"""Shared parts of direct solvers: handling of nullspaces, iterative refinement and the solver contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from ritz.arguments import Callback
from ritz.backend import Array, asarray_like, machine_epsilon, to_numpy
from ritz.iteration import LinearSystemTask, PreparedSystem, balanced
from ritz.operators import Dense
from ritz.operators.magnitude import magnitude
from ritz.operators.sparse_entries import sparse_entries
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Solution, Status
from ritz.solver import Controls, Solver, check_pairing, registered_name

__all__ = ["FactorisationFailed", "Factorise", "PreparedFactorisation", "prepare_factorisation"]

Factorise: TypeAlias = Callable[[Any], tuple[Callable[[np.ndarray], np.ndarray], Mapping[str, Any]]]
"""Maps a CSR array or ndarray to a function that solves for ``(n,)`` or ``(n, k)`` arrays, and statistics."""

WELL = 1e-10  # inverse condition number from which a matrix is regular without doubt
LARGE = 1000  # unknowns from which only a clearly singular matrix is taken to be one
SOLVES = 10  # default limit: the first solve and its refinements


class FactorisationFailed(Exception):
    """Raised by a `Factorise` for a matrix that it cannot factor; becomes the status of every solve."""

    def __init__(self, status: Status):
        super().__init__(status.value)
        self.status = status


@dataclass(frozen=True, eq=False)
class PreparedFactorisation(PreparedSystem):
    """A factored operator.

    A solution is refined until the tolerance is met or the residual no longer halves. Each solve with the factors
    counts as an iteration; `maxiter` defaults to 10.

    Parameters
    ----------
    system : LinearSystem
    apply : callable or None
        Solves with the factors on the rows `kept`; None if the factorisation failed.
    failure : Status or None
        Why the factorisation failed; with `apply`, how a solve ends that does not converge.
    kept : ndarray of int, or None
        Unknowns that remain after fixing as many as the nullspace has dimensions at zero; None for all.
    name, seconds, stats
        Registered name of the solver, seconds spent on factoring, and further statistics.
    """

    system: LinearSystem
    apply: Callable[[np.ndarray], np.ndarray] | None
    failure: Status | None
    kept: np.ndarray | None
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _run(self, task: LinearSystemTask, controls: Controls) -> Solution:
        history: list[float] = []
        x, status, norms = self._refine(task, controls.limit(SOLVES), controls.callback, history)
        return task.finish(x, status, history, norms)

    def _refine(
        self, task: LinearSystemTask, limit: int, callback: Callback | None, history: list[float]
    ) -> tuple[Array, Status | None, np.ndarray]:
        # A zero start needs no product: its residual is the right-hand side.
        best = None if task.x0 is None else task.start
        best_norms = task.norms if best is None else task.residual_norms(best)
        history.append(task.relative(best_norms))
        status: Status | None = None
        try:
            if callback is not None and callback(0, task.start, history[0]) and not task.solved(best_norms):
                status = Status.INTERRUPTED
            while status is None and not task.solved(best_norms):
                if self.apply is None:
                    status = self.failure
                    break
                if len(history) > limit:
                    status = Status.MAX_ITERATIONS
                    break
                residual = task.consistent_rhs
                if best is not None:
                    residual = residual - self.system.operator @ best
                correction = self._correction(to_numpy(residual))
                step = asarray_like(correction, task.rhs)
                x, norms = task.settle(step if best is None else best + step)
                if not np.isfinite(norms).all():
                    status = Status.SINGULAR
                    break
                history.append(task.relative(norms))
                before = task.relative(best_norms)
                if best is None:
                    best, best_norms = x, norms
                else:
                    best, best_norms = task.better(x, norms, best, best_norms)
                stop = callback is not None and callback(len(history) - 1, x, history[-1])
                if task.solved(best_norms):
                    break
                if stop:
                    status = Status.INTERRUPTED
                elif not history[-1] <= 0.5 * before:
                    singular = self._is_singular(to_numpy(residual), correction)
                    status = self.failure or (Status.SINGULAR if singular else Status.STAGNATED)
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        return task.start if best is None else best, status, best_norms

    def _correction(self, residual: np.ndarray) -> np.ndarray:
        assert self.apply is not None
        if self.kept is None:
            return self.apply(residual)
        correction = np.zeros_like(residual)
        correction[self.kept] = self.apply(residual[self.kept])
        return correction

    @cached_property
    def singular_to_rounding(self) -> bool:
        """Whether the condition number seems to be beyond the working precision, by one solve for a random vector.

        The solution of a singular consistent system is then one of many, and not the one of minimum norm.
        """
        if self.apply is None or self.failure is not None:
            return self.failure is Status.SINGULAR
        if self.stats.get("rcond", 0.0) > WELL:
            return False
        from scipy.sparse import diags_array

        size = self.system.size if self.kept is None else self.kept.size
        probe = np.random.default_rng(0).standard_normal(size).astype(self.dtype)
        limit = float(np.linalg.norm(probe)) / (machine_epsilon(self.dtype) * 10.0 * size**0.5)
        if size > LARGE:  # many small singular values add up, and a closer look takes longer
            limit = max(limit, 2.0 / machine_epsilon(self.dtype))
        with np.errstate(all="ignore"):
            growth = float(np.linalg.norm(self.apply(probe))) * 2.0 ** magnitude(self.system.operator)
            if growth < limit:
                return False
            # Rows and columns that are merely of very different size do not make a matrix singular.
            entries = abs(self.system.operator.to_sparse())
            entries = entries if self.kept is None else entries[self.kept][:, self.kept]
            rows = entries.max(axis=1).toarray().ravel()
            columns = (diags_array(1.0 / rows) @ entries).max(axis=0).toarray().ravel()
            return not float(np.linalg.norm(self.apply(rows * probe) * columns)) < limit

    def _is_singular(self, residual: np.ndarray, correction: np.ndarray) -> bool:
        """Return whether the size of the correction reveals a condition number beyond the working precision."""
        probe = np.abs(self.system.operator.diagonal()).max()
        growth = float(np.linalg.norm(correction)) * float(probe)
        return growth * machine_epsilon(self.system.dtype) >= 0.1 * float(np.linalg.norm(residual))


def prepare_factorisation(solver: Solver, system: LinearSystem, factorise: Factorise) -> PreparedFactorisation:
    """Check that `solver` takes `system`, fix one unknown per region of its nullspace, factor, and time all of it.

    Parameters
    ----------
    solver : Solver
    system : LinearSystem
    factorise : Factorise
        Receives an ndarray if the operator is `Dense`, otherwise a CSR array.

    Raises
    ------
    InvalidProblem
        If the solver does not take the system, or the operator has no accessible entries.
    """
    start = time.perf_counter()
    check_pairing(solver, system)
    system = balanced(system)
    name = registered_name(solver)
    operator = system.operator
    matrix = operator.matrix if isinstance(operator, Dense) else sparse_entries(operator, f"solver {name!r}")
    kept = None
    if operator.nullspace is not None:
        kept = np.setdiff1d(np.arange(system.size), operator.nullspace.pinned)
        matrix = matrix[kept][:, kept]
    apply, failure, stats = None, None, {}
    try:
        apply, stats = factorise(matrix)
    except FactorisationFailed as failed:
        failure = failed.status
    return PreparedFactorisation(system, apply, failure, kept, name, time.perf_counter() - start, stats)
