"""Newton's method for discretised PDEs with a reaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ritz.backend import asarray_like, to_numpy
from ritz.errors import InvalidProblem
from ritz.newton import newton
from ritz.operators import Diagonal, Operator
from ritz.problem_types.linear_system import LinearSystem, check_vector
from ritz.problem_types.pde.discretisation import PDESolution
from ritz.solution import Solution
from ritz.solver import Controls
from ritz.solvers.krylov.gmres import GMRES

from .prepared_discretisation import LOOSE, PreparedDiscretisation

__all__ = ["PreparedNewton", "ShiftedSolve", "krylov_solve"]

ShiftedSolve: TypeAlias = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, int]]
"""``solve(d, b, tolerance)``: x with ``||(A + diag(d)) x - b|| <= tolerance ||b||``, and the number of iterations."""

KRYLOV_LIMIT = 200  # steps of GMRES; beyond it, the best iterate still serves as a Newton step


@dataclass(frozen=True, eq=False, kw_only=True)
class PreparedNewton(PreparedDiscretisation):
    """A nonlinear PDE on its grid, ``A u + w r(u) = b``, ready to be solved.

    `solve` takes one right-hand side (default: that of the PDE) and iterates until the *nonlinear* residual meets the
    tolerance. Residuals are relative to the source, that is, to the right-hand side without the contribution of the
    boundary data, which is many times larger near the ends of an axis. An iteration is a Newton step, see
    `ritz.newton.newton`; `maxiter` defaults to 50.

    Parameters
    ----------
    shifted_solve : ShiftedSolve
        Solver for the operator A of the linear part plus a diagonal.
    solver, discretisation, name, seconds, stats, warns
        See `PreparedDiscretisation`.
    """

    shifted_solve: ShiftedSolve

    def discrete_solution(self, rhs: Any, x0: Any, controls: Controls) -> PDESolution:
        """Return the solution of the discrete nonlinear equation."""
        system = self.discretisation.linear_part
        given = system.rhs if rhs is None else check_vector("rhs", rhs, system.size)
        start = np.zeros(system.size) if x0 is None else to_numpy(check_vector("x0", x0, system.size))
        if given.ndim == 2 or start.ndim == 2:
            raise InvalidProblem("a nonlinear PDE is solved for one right-hand side at a time; give vectors (n,)")
        b = to_numpy(given)
        assert self.discretisation.pde.reaction is not None
        reaction, slope = self.discretisation.pde.reaction
        weights = self._weights
        inner: list[int] = []

        def residual(u: np.ndarray) -> np.ndarray:
            return system.operator @ u + weights * np.asarray(reaction(u.copy())) - b

        def linearised_solve(u: np.ndarray, value: np.ndarray, tolerance: float) -> np.ndarray:
            diagonal = np.broadcast_to(weights * np.asarray(slope(u.copy())), u.shape)
            if not np.isfinite(diagonal).all():
                return np.full(u.shape, np.nan)
            step, iterations = self.shifted_solve(diagonal, value, tolerance)
            inner.append(iterations)
            return step

        scale = float(np.linalg.norm(b - self.discretisation.boundary_part)) or float(np.linalg.norm(b)) or 1.0
        found = newton(residual, linearised_solve, start, scale=scale, **vars(controls))
        solution = Solution(
            x=asarray_like(found.u, given),
            status=found.status,
            iterations=len(found.history) - 1,
            residual=found.history[-1],
            history=np.array(found.history),
            timings={},
            stats={"shape": self.discretisation.shape, "linear iterations": tuple(inner)},
            grid=system.grid,
        )
        return PDESolution.of(solution, self.discretisation)

    def correction(self, u: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """Return the solution of the equation linearised around `u` for a weighted source, roughly; shape (n,)."""
        assert self.discretisation.pde.reaction is not None
        slope = self.discretisation.pde.reaction[1]
        diagonal = np.broadcast_to(self._weights * np.asarray(slope(u.copy())), u.shape)
        return self.shifted_solve(diagonal, rest, LOOSE)[0]

    @property
    def _weights(self) -> np.ndarray | float:
        return 1.0 if self.discretisation.weights is None else self.discretisation.weights


def krylov_solve(operator: Operator, inverse: Callable[[np.ndarray, float], np.ndarray]) -> ShiftedSolve:
    """Return a solver for ``A + diag(d)`` by GMRES, preconditioned by A plus the mean of d.

    Parameters
    ----------
    operator : Operator, shape (n, n)
        The operator A.
    inverse : callable
        ``inverse(r, c)`` solves with ``A + c I``.
    """

    def solve(diagonal: np.ndarray, rhs: np.ndarray, tolerance: float) -> tuple[np.ndarray, int]:
        mean = float(diagonal.mean())
        method = GMRES(preconditioner=lambda r: inverse(r, mean))
        system = LinearSystem(operator + Diagonal(diagonal), rhs)
        solution = method.prepare(system).solve(rtol=tolerance, maxiter=KRYLOV_LIMIT)
        return solution.uninterrupted().x, solution.iterations

    return solve
