"""Projected equations for the coefficients of a basis, whose cost does not depend on the number of unknowns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.newton import NewtonResult, newton
from ritz.problem_types.parametric.snapshots import apply_product
from ritz.solution import Status

from ..bases.inner_product import coordinates

__all__ = [
    "EquationsAt",
    "ProjectedEquations",
    "ProjectedTerm",
    "project",
    "range_basis",
    "solve_equations",
    "trial_at",
]

LIMIT = 30  # limit of Newton iterations in a reduced space, of which 2 to 8 are usual
SMALL_STEP = 1e-8  # step at which Gauss-Newton stops, relative to the iterate


@dataclass(frozen=True, eq=False)
class ProjectedTerm:
    """A projected nonlinear or non-affine term, ``lift @ g_entries(V a; mu, t)``, from a few of its entries.

    Parameters
    ----------
    restricted : RestrictedTerm
        The m entries of the term to evaluate, each a function of k unknowns.
    trial : ndarray, shape (m, k, size)
        Rows of the basis at these unknowns.
    lift : ndarray, shape (tests, m)
        Maps the entries to the projection of the whole term.
    """

    restricted: Any
    trial: np.ndarray
    lift: np.ndarray

    def value(self, a: np.ndarray, mu: np.ndarray, time: float) -> np.ndarray:
        """Return the projected term, shape (tests,)."""
        return self.lift @ self.restricted.entries(self.trial @ a, mu, time)

    def jacobian(self, a: np.ndarray, mu: np.ndarray, time: float) -> np.ndarray:
        """Return the derivative of the projected term, shape (tests, size)."""
        slopes = self.restricted.slopes(self.trial @ a, mu, time)
        rows = slopes * self.trial[:, 0] if slopes.shape[1] == 1 else np.einsum("mk,mks->ms", slopes, self.trial)
        return self.lift @ rows


def trial_at(restricted: Any, basis: np.ndarray) -> np.ndarray:
    """Return the rows of a basis at the unknowns that a restricted term depends on, shape (m, k, size)."""
    rows = basis[restricted.dofs]
    padded = np.concatenate([rows, np.zeros((1, basis.shape[1]), dtype=basis.dtype)])
    return padded[restricted.places]


@dataclass(frozen=True, eq=False)
class ProjectedEquations:
    r"""The projected residual :math:`W^*(A(\mu) V a + g(V a;\mu) - f(\mu))` for a basis V and tests W.

    Parameters
    ----------
    operators : ndarray, shape (Q, tests, size)
        :math:`W^* A_q V`.
    loads : ndarray, shape (R, tests)
        :math:`W^* f_r`.
    mass : ndarray, shape (tests, size), or None
        :math:`W^* M V` for the equations of a time step.
    term : ProjectedTerm or None
    """

    operators: np.ndarray
    loads: np.ndarray
    mass: np.ndarray | None = None
    term: ProjectedTerm | None = None

    def at(
        self,
        mu: np.ndarray,
        coefficients: np.ndarray,
        loads: np.ndarray,
        *,
        time: float = 0.0,
        step: float | None = None,
        previous: np.ndarray | None = None,
    ) -> EquationsAt:
        """Return the equations at parameters mu.

        Parameters
        ----------
        mu : ndarray, shape (p,)
        coefficients, loads : ndarray, shapes (Q,) and (R,)
            Coefficients of the affine form at mu.
        time, step : float, optional
            Time at the end of an implicit Euler step, and its length.
        previous : ndarray, shape (tests,), optional
            Projection of the mass times the state before the step.
        """
        matrix = np.tensordot(coefficients, self.operators, 1)
        load = loads @ self.loads
        if step is not None and self.mass is not None:
            matrix = matrix + self.mass / step
            load = load if previous is None else load + previous / step
        return EquationsAt(matrix, load, self.term, mu, time)


@dataclass(frozen=True, eq=False)
class EquationsAt:
    """Projected equations at one parameter: ``matrix @ a + term(a) = load``."""

    matrix: np.ndarray
    load: np.ndarray
    term: ProjectedTerm | None
    mu: np.ndarray
    time: float

    def residual(self, a: np.ndarray) -> np.ndarray:
        """Return the residual, shape (tests,)."""
        left = self.matrix @ a - self.load
        if self.term is not None:
            left = left + self.term.value(a, self.mu, self.time)
        return left

    def jacobian(self, a: np.ndarray) -> np.ndarray:
        """Return the derivative of the residual, shape (tests, size)."""
        if self.linear:
            return self.matrix
        assert self.term is not None
        return self.matrix + self.term.jacobian(a, self.mu, self.time)

    @property
    def linear(self) -> bool:
        """Whether the residual is linear in the coefficients."""
        return self.term is None or self.term.restricted.term.linear


def project(
    tests: np.ndarray,
    basis: np.ndarray,
    *,
    operators: Sequence[Any] = (),
    loads: Sequence[np.ndarray] = (),
    mass: Any = None,
    term: ProjectedTerm | None = None,
) -> ProjectedEquations:
    """Return affine equations projected onto tests; ``tests = basis`` gives a Galerkin projection.

    Parameters
    ----------
    tests : ndarray, shape (n, tests)
    basis : ndarray, shape (n, size)
    operators : sequence of operators, shape (n, n)
    loads : sequence of ndarray, shape (n,)
    mass : operator, optional
    term : ProjectedTerm, optional

    Examples
    --------
    >>> A = np.diag([1.0, 2.0, 4.0])
    >>> basis = np.eye(3)[:, :2]
    >>> equations = project(basis, basis, operators=[A], loads=[np.ones(3)])
    >>> solve_equations(equations.at(np.empty(0), np.ones(1), np.ones(1))).u.tolist()
    [1.0, 0.5]
    """
    adjoint = tests.conj().T
    kind = np.result_type(tests, basis)
    applied = [adjoint @ apply_product(operator, basis) for operator in operators]
    forces = [adjoint @ load for load in loads]
    return ProjectedEquations(
        np.array(applied) if applied else np.zeros((0, tests.shape[1], basis.shape[1]), dtype=kind),
        np.array(forces) if forces else np.zeros((0, tests.shape[1]), dtype=kind),
        None if mass is None else adjoint @ apply_product(mass, basis),
        term,
    )


def range_basis(basis: np.ndarray, operators: Sequence[Any], loads: Sequence[np.ndarray], others: Any) -> np.ndarray:
    """Return an orthonormal basis, shape (n, tests), of the space that contains all residuals.

    With these tests, the projected residual has the Euclidean norm of the full one, and minimising it is the
    least-squares Petrov-Galerkin method :cite:`CarlbergBouMoslehFarhat2011`.

    Parameters
    ----------
    basis : ndarray, shape (n, size)
    operators, loads
        Operators and loads of the affine form, with the mass among the operators if there is one.
    others : ndarray, shape (n, m)
        Basis of the term.
    """
    columns = [apply_product(operator, basis) for operator in operators]
    columns += [np.asarray(load)[:, None] for load in loads if np.any(load)]
    columns += [others] if others.shape[1] else []
    # Columns are scaled because a block in small units must not be lost beside another.
    scaled = [block / np.maximum(np.linalg.norm(block, axis=0), 1e-300) for block in columns]
    return coordinates(np.concatenate(scaled, axis=1).T).directions.T


def solve_equations(equations: EquationsAt, start: np.ndarray | None = None, *, rtol: float = 1e-10) -> NewtonResult:
    """Solve reduced equations by Newton's method, or overdetermined ones by Gauss-Newton.

    Parameters
    ----------
    equations : EquationsAt
    start : ndarray, shape (size,), optional
        Initial coefficients; zero by default.
    rtol : float
        Tolerance of the residual relative to that of zero. Gauss-Newton stops by the size of its steps instead.

    Returns
    -------
    NewtonResult
        With real or complex coefficients.
    """
    size = equations.matrix.shape[1]
    square = equations.matrix.shape[0] == size
    zero = np.zeros(size, dtype=np.result_type(equations.matrix, equations.load))
    left = equations.residual(zero)
    scale = float(np.linalg.norm(left))
    if equations.linear:
        found = _linear(equations.matrix, -left, square)
        status = Status.CONVERGED if np.isfinite(found).all() else Status.SINGULAR
        return NewtonResult(
            found, status, [1.0, float(np.linalg.norm(left + equations.matrix @ found)) / (scale or 1.0)]
        )
    a = zero if start is None else start
    if not np.iscomplexobj(zero):
        residual, jacobian = equations.residual, equations.jacobian
    else:

        def residual(a: np.ndarray) -> np.ndarray:
            return _parts(equations.residual(_joined(a)))

        def jacobian(a: np.ndarray) -> np.ndarray:
            J = equations.jacobian(_joined(a))
            return np.block([[np.real(J), -np.imag(J)], [np.imag(J), np.real(J)]])

        a = _parts(a)
    if square:

        def step(a: np.ndarray, left: np.ndarray, tolerance: float) -> np.ndarray:
            return _linear(jacobian(a), left, True)

        result = newton(residual, step, a, rtol=rtol, scale=scale, maxiter=LIMIT)
        if result.status is Status.INTERRUPTED:  # by Ctrl-C, which another basis or the full model should not follow
            raise KeyboardInterrupt
    else:
        result = _gauss_newton(residual, jacobian, a)
    if np.iscomplexobj(zero):
        return NewtonResult(_joined(result.u), result.status, result.history)
    return result


def _gauss_newton(residual: Any, jacobian: Any, a: np.ndarray) -> NewtonResult:
    """Minimise the residual norm; steps are halved until it falls, and the iteration stops when steps are small."""
    left = residual(a)
    scale = float(np.linalg.norm(left)) or 1.0
    history = [1.0]
    for _ in range(LIMIT):
        step = _linear(jacobian(a), left, False)
        if not np.isfinite(step).all():
            return NewtonResult(a, Status.SINGULAR, history)
        if np.linalg.norm(step) <= SMALL_STEP * np.linalg.norm(a):
            return NewtonResult(a, Status.CONVERGED, history)
        for halving in range(LIMIT):
            tried = a - 0.5**halving * step
            now = residual(tried)
            if np.linalg.norm(now) < np.linalg.norm(left):
                break
        else:  # no fraction of the step reduces the residual, so this is a minimum
            return NewtonResult(a, Status.CONVERGED, history)
        a, left = tried, now
        history.append(float(np.linalg.norm(left)) / scale)
    return NewtonResult(a, Status.MAX_ITERATIONS, history)


def _linear(matrix: np.ndarray, load: np.ndarray, square: bool) -> np.ndarray:
    try:
        if square:
            return np.linalg.solve(matrix, load)
        orthogonal, triangle = np.linalg.qr(matrix)
        return np.linalg.solve(triangle, orthogonal.conj().T @ load)
    except np.linalg.LinAlgError:
        return np.full(matrix.shape[1], np.nan, dtype=np.result_type(matrix, load))


def _parts(a: np.ndarray) -> np.ndarray:
    return np.concatenate([np.real(a), np.imag(a)])


def _joined(a: np.ndarray) -> np.ndarray:
    half = a.size // 2
    return a[:half] + 1j * a[half:]
