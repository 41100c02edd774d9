"""The reduced equations of one basis, and the checks of their solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.newton import NewtonResult
from ritz.problem_types.parametric.snapshots import apply_product

from .bases.orthogonal_decomposition import Basis
from .projection.projected_equations import ProjectedEquations, project, range_basis, solve_equations
from .projection.sampled_term import SampledTerm, sampled_term

__all__ = ["PROJECTIONS", "LocalModel", "ReducedState", "Switching", "local_model"]

PROJECTIONS = ("galerkin", "least-squares")


@dataclass(frozen=True, eq=False)
class ReducedState:
    """A state, given by its coefficients in one of the bases.

    Parameters
    ----------
    cluster : int
        Number of the basis.
    coefficients : ndarray, shape (size,)
    error : float
        Estimate of the norm of its error, before calibration.
    result : NewtonResult or None
        Result of solving its equations; None for a regression, which solves none.
    """

    cluster: int
    coefficients: np.ndarray
    error: float
    result: NewtonResult | None = None

    @property
    def relative_error(self) -> float:
        """Estimate of the error relative to the norm of the state; infinite if the equations were not solved."""
        if not np.isfinite(self.error) or (self.result is not None and not np.isfinite(self.result.u).all()):
            return np.inf
        return self.error / max(float(np.linalg.norm(self.coefficients)), 1e-300)


@dataclass(frozen=True, eq=False)
class Switching:
    """Matrices by which a time step uses the previous state, which may be given in any of the bases.

    Parameters
    ----------
    tests : ndarray, shape (n, tests)
        Tests of the equations, applied to the initial state.
    checks : ndarray, shape (places, n, checks)
        Tests of the checks, applied to the initial state.
    masses : tuple of ndarray, shape (tests, size)
        Mass between the tests and each basis.
    check_masses : tuple of ndarray, shape (places, checks, size)
        Mass between the checks and each basis.
    transfers : tuple of ndarray
        Coefficients of the modes of each basis in this basis.
    """

    tests: np.ndarray
    checks: np.ndarray
    masses: tuple[np.ndarray, ...]
    check_masses: tuple[np.ndarray, ...]
    transfers: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class LocalModel:
    """A basis with its projected equations.

    Parameters
    ----------
    number : int
    basis : Basis
    equations : ProjectedEquations
        Galerkin or least-squares equations.
    checks : tuple of ProjectedEquations
        The residual under random tests (`dual_tests`), one for each place whose Jacobian was factored; near this place,
        the norm of the tested residual estimates that of the error. Steady linear equations have a single check with
        the tests of all places of an `InverseInterpolation`.
    switching : Switching or None
        Needed for time steps.
    condition : float
        Condition number of the sampled modes of the term; 1 without a term.
    starts : tuple of ndarray or None
        Parameters, shape (count, p), and coefficients, shape (count, size), of known solutions. Newton's method starts
        from the nearest. None for linear equations and time steps.
    """

    number: int
    basis: Basis
    equations: ProjectedEquations
    checks: tuple[ProjectedEquations, ...]
    switching: Switching | None = None
    condition: float = 1.0
    starts: tuple[np.ndarray, np.ndarray] | None = None

    def solve(
        self,
        mu: np.ndarray,
        theta: np.ndarray,
        phi: np.ndarray,
        check: int | np.ndarray,
        start: np.ndarray | None = None,
    ) -> ReducedState:
        """Solve the equations at mu and check the solution.

        Parameters
        ----------
        mu : ndarray, shape (p,)
        theta, phi : ndarray
            Coefficients of the affine form at mu.
        check : int or ndarray, shape (places,)
            Number of the check to use, or the weights with which the tests of all places are combined.
        start : ndarray, shape (size,), optional
            Initial coefficients of Newton's method; those of the nearest known solution by default.
        """
        if start is None and self.starts is not None:
            points, coefficients = self.starts
            distances = (points - mu) / np.maximum(np.ptp(points, axis=0), 1e-300)
            start = coefficients[np.argmin(np.einsum("ij,ij->i", distances, distances))]
        result = solve_equations(self.equations.at(mu, theta, phi), start)
        if isinstance(check, np.ndarray):
            left = check.conj() @ self.checks[0].at(mu, theta, phi).residual(result.u).reshape(check.size, -1)
        else:
            left = self.checks[check].at(mu, theta, phi).residual(result.u)
        return ReducedState(self.number, result.u, float(np.linalg.norm(left)), result)


def local_model(
    problem: Any,
    bases: Sequence[Basis],
    number: int,
    terms: np.ndarray | None,
    tested: Sequence[np.ndarray],
    checked: SampledTerm | None = None,
    *,
    projection: str = "galerkin",
    hyper_reduction: str = "q-deim",
) -> LocalModel:
    """Project the equations of a problem onto one of several bases.

    Parameters
    ----------
    problem : ParametricPDE
        Must have an affine form.
    bases : sequence of Basis
        All bases.
    number : int
        Which of them to use.
    terms : ndarray, shape (count, n), or None
        The term at the snapshots of this basis, each divided by the norm of its snapshot.
    tested : sequence of ndarray, shape (n, checks)
        Random tests of each place, the same for all bases.
    checked : SampledTerm, optional
        The term as the checks evaluate it, if there is a term.
    projection : {"galerkin", "least-squares"}
    hyper_reduction : {"q-deim", "deim", "cubature"}
        How to evaluate the term from a few of its entries.
    """
    check_choice("projection", projection, PROJECTIONS)
    basis = bases[number]
    modes, mass = basis.modes, problem.model.mass
    parts: dict[str, Any] = {"operators": problem.affine.operators, "loads": problem.affine.vectors, "mass": mass}
    checks = [project(columns, modes, **parts) for columns in tested]
    if checked is not None:
        pairs = zip(checks, tested, strict=True)
        checks = [replace(check, term=checked.projected(columns, modes)) for check, columns in pairs]
    tests, condition, sampled = modes, 1.0, None
    if terms is not None:
        sampled = sampled_term(problem.term, terms, modes, basis.size, hyper_reduction)
        condition = sampled.condition
    if projection == "least-squares":
        others = np.empty((len(modes), 0)) if sampled is None else sampled.modes
        operators = problem.affine.operators if mass is None else (*problem.affine.operators, mass)
        tests = range_basis(modes, operators, problem.affine.vectors, others)
    equations = project(tests, modes, **parts)
    if sampled is not None:
        equations = replace(equations, term=sampled.projected(tests, modes))
    switching = None
    if mass is not None:
        massive = [apply_product(mass, other.modes) for other in bases]
        switching = Switching(
            tests,
            np.stack(tested),
            tuple(tests.conj().T @ columns for columns in massive),
            tuple(np.stack([columns.conj().T @ other for columns in tested]) for other in massive),
            tuple(basis.coefficients(other.modes.T).T for other in bases),
        )
    return LocalModel(number, basis, equations, tuple(checks), switching, condition)
