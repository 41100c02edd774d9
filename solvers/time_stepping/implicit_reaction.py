"""Stages with an implicit reaction, by a simplified Newton method."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ritz.operators import MatrixFree, Sparse
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Status
from ritz.solver import Prepared, make_solver
from ritz.solvers.krylov.gmres import GMRES

from .shifted_systems import ShiftedSystems, StepFailed

__all__ = ["ImplicitReaction"]

FACTORED = 60_000  # unknowns up to which the matrix is factored
SHARE = 0.03  # error of a stage that Newton's method may leave, as a share of the error that a step may make
ITERATIONS = 8
SLOW, DIVERGING = 0.3, 0.9  # contraction per iteration above which the Jacobian is formed anew, or given up
LINEAR = 1e-2  # relative tolerance of linear solves by GMRES
OFFSET = 1e-7  # relative size of differences


class ImplicitReaction:
    """Solver of ``(A + shift M) u - M r(t, u) = M rhs``.

    If the Jacobian is known and the system not too large, its factors are kept over stages and steps until Newton's
    method contracts slowly :cite:`HairerWanner1996`. Otherwise GMRES solves the linear systems, preconditioned by the
    solves without the reaction, with products by differences :cite:`KnollKeyes2004`.

    Parameters
    ----------
    systems : ShiftedSystems
    """

    def __init__(self, systems: ShiftedSystems):
        self._systems, self._evolution = systems, systems.evolution
        self._factored = self._evolution.jacobian is not None and self._evolution.initial.size <= FACTORED
        self._prepared: Prepared | None = None
        self._shift = math.nan
        self._formed: tuple[float, float, np.ndarray] | None = None  # time, shift and state of the factored matrix
        self.factorisations = self.iterations = 0

    def solve(self, t: float, shift: float, rhs: np.ndarray, guess: np.ndarray, allowed: np.ndarray) -> np.ndarray:
        """Return u; raise `StepFailed` if Newton's method does not converge."""
        if not np.isfinite(guess).all():
            raise StepFailed
        fresh = self._shift != shift
        if self._factored and fresh:
            self._factor(t, shift, guess)
        u = self._iterate(t, shift, rhs, guess, allowed)
        if u is None and self._factored and not fresh:  # the factors are old
            self._factor(t, shift, guess)
            u = self._iterate(t, shift, rhs, guess, allowed)
        if u is None:
            self._shift = math.nan
            raise StepFailed
        return u

    def _iterate(
        self, t: float, shift: float, rhs: np.ndarray, guess: np.ndarray, allowed: np.ndarray
    ) -> np.ndarray | None:
        u, before, rate = guess.copy(), math.inf, 1.0
        for number in range(ITERATIONS):
            residual = self._residual(t, shift, rhs, u)
            if not np.isfinite(residual).all():
                return None
            step = self._correction(t, shift, u, residual, allowed)
            u -= step
            self.iterations += 1
            size = float((np.linalg.norm(step.reshape(len(allowed), -1), axis=1) / allowed).max())
            if number:
                rate = size / before if before else 0.0
            if not math.isfinite(size) or (rate > DIVERGING and number):
                return None
            if size == 0.0 or size * (rate / (1.0 - rate) if number else 1.0) <= SHARE:
                if rate > SLOW and number:
                    self._shift = math.nan  # form the Jacobian anew before the next stage
                return u
            before = size
        return None

    def _residual(self, t: float, shift: float, rhs: np.ndarray, u: np.ndarray) -> np.ndarray:
        evolution = self._evolution
        assert evolution.reaction is not None
        rest = shift * u - rhs - evolution.reaction(t, u)
        rows = rest.reshape(-1, evolution.size)
        if evolution.mass is not None:
            rows *= evolution.mass
        for row, operator, field in zip(rows, evolution.operators.values(), u.reshape(-1, evolution.size), strict=True):
            row += operator @ field
        return rest

    def _correction(
        self, t: float, shift: float, u: np.ndarray, residual: np.ndarray, allowed: np.ndarray
    ) -> np.ndarray:
        if self._factored:
            assert self._prepared is not None
            solution = self._prepared.solve(residual.ravel(), rtol=1e-8)
        else:
            solution = self._by_gmres(t, shift, u, residual, allowed)
        if solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        if not np.isfinite(solution.x).all() or solution.status is Status.SINGULAR:
            raise StepFailed
        return np.asarray(solution.x).reshape(u.shape)

    def _by_gmres(self, t: float, shift: float, u: np.ndarray, residual: np.ndarray, allowed: np.ndarray) -> Any:
        """Solve ``(I - S^-1 M J) step = S^-1 residual`` with ``S = A + shift M``."""
        evolution, systems = self._evolution, self._systems
        reaction = evolution.reaction
        assert reaction is not None
        mass = 1.0 if evolution.mass is None else evolution.mass
        here, level = reaction(t, u), float(np.linalg.norm(u)) or 1.0

        def inverse(values: np.ndarray, norms: np.ndarray) -> np.ndarray:
            return systems.solve(shift, values, np.zeros(u.shape), norms)

        def multiply(direction: np.ndarray) -> np.ndarray:
            size = float(np.linalg.norm(direction))
            if not size:
                return direction
            offset = OFFSET * level / size
            direction = direction.reshape(u.shape)
            change = (reaction(t, u + offset * direction) - here) / offset
            norms = np.full(len(allowed), max(1e-2 * size, 1e-300))
            return (direction - inverse(change, norms)).ravel()

        start = inverse(residual / mass, 0.1 * allowed)
        operator = MatrixFree(multiply, (u.size, u.size))
        prepared = GMRES(restart=30).prepare(LinearSystem(operator, start.ravel()))
        return prepared.solve(rtol=LINEAR, atol=0.1 * SHARE * float(allowed.min()), maxiter=60)

    def _factor(self, t: float, shift: float, u: np.ndarray) -> None:
        from scipy.sparse import block_array, block_diag, csr_array, diags_array

        evolution = self._evolution
        assert evolution.jacobian is not None
        mass = np.ones(evolution.size) if evolution.mass is None else evolution.mass
        masses = np.tile(mass, len(evolution.fields))
        derivative: Any = evolution.jacobian(t, u)
        if isinstance(derivative, np.ndarray):
            blocks = derivative.reshape(len(evolution.fields), len(evolution.fields), evolution.size)
            derivative = block_array([[diags_array(entry) for entry in row] for row in blocks])
        operators: Any = block_diag([operator.to_sparse() for operator in evolution.operators.values()])
        matrix: Any = operators + diags_array(shift * masses) - diags_array(masses) @ derivative
        if not np.isfinite(matrix.data).all():
            raise StepFailed
        system = LinearSystem(Sparse(csr_array(matrix)), np.zeros(u.size))
        self._prepared = make_solver("lu", {}).prepare(system)
        self._shift, self._formed = shift, (t, shift, u.copy())
        self.factorisations += 1

    def memory(self) -> dict[str, np.ndarray]:
        """Return what the factors were formed from, so that a resumed run forms the same."""
        if self._formed is None or math.isnan(self._shift):
            return {}
        t, shift, u = self._formed
        return {"jacobian_at": np.array([t, shift]), "jacobian_state": u}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Form the factors that the run had when `memory` was called."""
        if "jacobian_at" in arrays:
            t, shift = arrays["jacobian_at"].tolist()
            self._factor(t, shift, arrays["jacobian_state"])
