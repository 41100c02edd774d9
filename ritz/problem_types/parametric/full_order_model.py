"""Full-order models of parametric equations, from their affine form and pointwise term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import ConvergenceError, InvalidProblem, SingularMatrix
from ritz.grid import Grid
from ritz.newton import newton
from ritz.operators import Sparse, Tag
from ritz.operators.foreign_arrays import as_csr
from ritz.operators.sparse_factors import sparse_factors
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.registry import solvers
from ritz.solution import Solution, Status

__all__ = ["FullOrderModel", "FullOrderResult", "initial_state"]

RTOL = 1e-10  # tolerance of iterative linear solves and of Newton's method
PATIENCE = 20  # iterations allowed with the preconditioner of an earlier matrix
LARGE = 20_000  # unknowns beyond which the solver of the affine form replaces sparse factors


@dataclass(frozen=True, eq=False)
class FullOrderResult:
    """A full-order solution and its iteration counts.

    Parameters
    ----------
    u : ndarray, shape (n,) or (steps + 1, n)
        State or trajectory.
    iterations : tuple of int
        Newton iterations of each step, or of the steady equation; 1 each if the equations are linear.
    """

    u: np.ndarray
    iterations: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class FullOrderModel:
    r"""The equations of a parametric problem and their solution.

    Steady equations are :math:`A(\mu)u+g(u;\mu)=f(\mu)`. With a mass matrix, each step of the implicit Euler method
    solves :math:`M(u_{k+1}-u_k)/\Delta t+A(\mu)u_{k+1}+g(u_{k+1};\mu,t_{k+1})=f(\mu)`. Nonlinear equations are solved
    by the damped Newton method, which starts from zero or from the previous state. Linear systems are solved by sparse
    factors or, if they are large, by the solver that the affine form names.

    Parameters
    ----------
    affine : AffineForm
    term : PointwiseTerm, optional
    mass : sparse array, shape (n, n), optional
        Requires `times` and `initial`.
    times : ndarray, shape (steps + 1,), optional
    initial : callable, optional
        ``initial(mu) -> (n,)``.
    grid : Grid, optional
        Grid of the unknowns, which lets multigrid solve large linear systems.
    """

    affine: AffineForm
    term: PointwiseTerm | None = None
    mass: Any = None
    times: np.ndarray | None = None
    initial: Any = None
    grid: Grid | None = None

    def __post_init__(self):
        if self.term is not None and self.term.size != self.affine.size:
            raise InvalidProblem(f"term has {self.term.size} entries and the affine form {self.affine.size} unknowns")
        if self.mass is not None:
            object.__setattr__(self, "mass", as_csr(self.mass, "mass"))
            if self.mass.shape != (self.affine.size,) * 2:
                raise InvalidProblem(f"mass has shape {self.mass.shape}; the affine form has {self.affine.size}")

    @property
    def linear(self) -> bool:
        """Whether the equations are linear in u."""
        return self.term is None or self.term.linear

    @property
    def _scalar_grid(self) -> Grid | None:
        """The grid, if it has one unknown per point."""
        return self.grid if self.grid is not None and self.grid.size == self.affine.size else None

    def __call__(self, mu: np.ndarray) -> np.ndarray:
        """Return the state, shape (n,), or the trajectory, shape (steps + 1, n); see `solve`."""
        return self.solve(mu).u

    def solve(self, mu: np.ndarray, start: np.ndarray | None = None) -> FullOrderResult:
        """Solve the equations; Newton's method begins at `start`, shape (n,) or (steps + 1, n), if given.

        Raises
        ------
        ConvergenceError
            If Newton's method or a linear solver fails, or a linear equation is singular.
        """
        operator, load = self.affine.operator(mu), self.affine.load(mu)
        linear_solve = _LinearSolves(self.affine, self._scalar_grid)
        if self.times is None:
            begin = np.zeros(self.affine.size, dtype=operator.dtype) if start is None else start
            u, iterations = self._solve(operator, load, begin, mu, 0.0, linear_solve)
            return FullOrderResult(u, (iterations,))
        states = [self._initial_state(mu)]
        counts: list[int] = []
        for step, dt in enumerate(np.diff(self.times), start=1):
            scaled: Any = self.mass / dt
            begin = states[-1] if start is None else start[step]
            rhs = load + scaled @ states[-1]
            u, iterations = self._solve(operator + scaled, rhs, begin, mu, float(self.times[step]), linear_solve)
            states.append(u)
            counts.append(iterations)
        return FullOrderResult(np.stack(states), tuple(counts))

    def residual(self, u: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """Return the residual of the equations at `u`, shape (n,), or (steps, n) for a trajectory."""
        operator, load = self.affine.operator(mu), self.affine.load(mu)
        if self.times is None:
            return operator @ u + self._term(u, mu, 0.0) - load
        rates = (self.mass @ np.diff(u, axis=0).T).T / np.diff(self.times)[:, None]
        terms = np.stack([self._term(state, mu, t) for state, t in zip(u[1:], self.times[1:], strict=True)])
        return rates + (operator @ u[1:].T).T + terms - load

    def jacobian(self, u: np.ndarray, mu: np.ndarray, step: int | None = None) -> Any:
        """Return the derivative of the equations, or of one step's, with respect to the (new) state, shape (n, n)."""
        matrix: Any = self.affine.operator(mu)
        t = 0.0
        if self.times is not None:
            if step is None:
                raise InvalidProblem("step is None; say which time step, 0 to steps - 1, of a trajectory is meant")
            t = float(self.times[step + 1])
            matrix = matrix + self.mass / (t - self.times[step])
        return matrix if self.linear else csr_array(matrix + self.term.jacobian(u, mu, t))  # pyright: ignore

    def _initial_state(self, mu: np.ndarray) -> np.ndarray:
        return initial_state(self.initial, mu, self.affine.size)

    def _term(self, u: np.ndarray, mu: np.ndarray, t: float) -> Any:
        return 0.0 if self.term is None else self.term.value(u, mu, t)

    def _solve(
        self, operator: Any, load: np.ndarray, start: np.ndarray, mu: np.ndarray, t: float, linear_solve: _LinearSolves
    ) -> tuple[np.ndarray, int]:
        """Solve ``operator u + g(u; mu, t) = load``; return u and the number of iterations."""
        if self.linear:
            rhs = load - self._term(start, mu, t)
            try:
                return linear_solve(operator, rhs), 1
            except SingularMatrix as error:
                unsolved = self._solution(np.zeros_like(rhs), Status.SINGULAR, [1.0], "lu")
                raise ConvergenceError(f"the linear equation is singular at t = {t:g}", unsolved) from error
        term: Any = self.term

        def newton_step(u: np.ndarray, F: np.ndarray, tolerance: float) -> np.ndarray:
            try:
                return linear_solve(operator + term.jacobian(u, mu, t), F, tolerance)
            except SingularMatrix:
                return np.full_like(F, np.nan)  # ends Newton's method with status SINGULAR

        result = newton(
            lambda u: operator @ u + term.value(u, mu, t) - load,
            newton_step,
            start,
            rtol=RTOL,
            scale=float(np.linalg.norm(load - term.value(np.zeros_like(start), mu, t))),
        )
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        if result.status not in (Status.CONVERGED, Status.STAGNATED) or result.history[-1] > np.sqrt(RTOL):
            raise ConvergenceError(
                f"Newton's method ended {result.status.name} at t = {t:g}, relative residual {result.history[-1]:.1e}",
                self._solution(result.u, result.status, result.history, "newton"),
            )
        return result.u, len(result.history) - 1

    def _solution(self, x: np.ndarray, status: Status, history: list[float], solver: str) -> Solution:
        """Return the solution that a `ConvergenceError` carries."""
        iterations, residuals = len(history) - 1, np.array(history)
        return Solution(x, status, iterations, history[-1], residuals, {}, solver=solver, grid=self._scalar_grid)


def initial_state(initial: Any, mu: np.ndarray, size: int) -> np.ndarray:
    """Return ``initial(mu)`` as a new floating-point array."""
    state = np.asarray(initial(np.array(mu)))
    if state.shape != (size,) or state.dtype.kind not in "biufc":
        raise InvalidProblem(f"initial(mu) has shape {state.shape}; it must be ({size},) numbers, not {state.dtype}")
    return state.astype(np.result_type(state, np.float64))


class _LinearSolves:
    """Solves with a sequence of similar matrices, which reuse a preconditioner as long as it is good enough."""

    def __init__(self, affine: AffineForm, grid: Grid | None):
        self._affine, self._grid = affine, grid
        self._inverse: Any = None

    def __call__(self, operator: Any, rhs: np.ndarray, rtol: float = RTOL) -> np.ndarray:
        if self._affine.solver is None or len(rhs) <= LARGE:
            factors = sparse_factors(operator, symmetric=self._affine.symmetric, symmetric_pattern=True)
            return factors.solve(rhs)
        tags = {Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE} if self._affine.symmetric else set[Tag]()
        system = LinearSystem(Sparse(operator, tags), rhs, grid=self._grid)
        if self._inverse is not None:
            method = "cg" if self._affine.symmetric else "bicgstab"
            found = solvers[method](preconditioner=self._inverse).prepare(system).solve(rtol=rtol, maxiter=PATIENCE)
            if found.uninterrupted().converged:
                return np.asarray(found.x)
        prepared = solvers[self._affine.solver]().prepare(system)
        found = prepared.solve(rtol=rtol)
        found.uninterrupted().raise_for_status()
        self._inverse = getattr(prepared, "preconditioner", None)
        return np.asarray(found.x)
