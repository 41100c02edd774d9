"""The reduced equations of one basis, and what checks their solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.errors import UnknownName
from ritz.newton import NewtonResult
from ritz.problem_types.parametric.snapshots import apply_product

from .bases.orthogonal_decomposition import Basis
from .projection.projected_equations import ProjectedEquations, project, range_basis, solve_equations
from .projection.sampled_term import SampledTerm, sampled_term

__all__ = ["PROJECTIONS", "LocalModel", "ReducedState", "Switching", "local_model"]

PROJECTIONS = ("galerkin", "least-squares")


@dataclass(frozen=True, eq=False)
class ReducedState:
    """A state in the coefficients of one of the bases.

    Parameters
    ----------
    cluster : int
        Number of the basis.
    coefficients : ndarray, shape (size,)
    error : float
        Estimate of the norm of its error, before calibration.
    result : NewtonResult or None
        How its equations were solved; None for a regression, which solves none.
    """

    cluster: int
    coefficients: np.ndarray
    error: float
    result: NewtonResult | None = None

    @property
    def relative_error(self) -> float:
        """Estimate of the error by the norm of the state; infinite if the equations were not solved."""
        if not np.isfinite(self.error) or (self.result is not None and not np.isfinite(self.result.u).all()):
            return np.inf
        return self.error / max(float(np.linalg.norm(self.coefficients)), 1e-300)


@dataclass(frozen=True, eq=False)
class Switching:
    """What a time step needs of the state before it, which may be given in any of the bases.

    Parameters
    ----------
    tests : ndarray, shape (n, tests)
    checks : ndarray, shape (places, n, checks)
        Both for the initial state.
    masses : tuple of ndarray, shape (tests, size)
        The mass between tests and each basis.
    check_masses : tuple of ndarray, shape (places, checks, size)
        The mass between checks and each basis.
    transfers : tuple of ndarray
        Coefficients in this basis of the modes of each basis.
    """

    tests: np.ndarray
    checks: np.ndarray
    masses: tuple[np.ndarray, ...]
    check_masses: tuple[np.ndarray, ...]
    transfers: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class LocalModel:
    """A basis with its equations.

    Parameters
    ----------
    number : int
    basis : Basis
    equations : ProjectedEquations
        Galerkin's, or those of least squares.
    checks : tuple of ProjectedEquations
        The residual by random tests (`dual_tests`) with the Jacobian at one place or another: its norm is about that
        of the error there. Of steady linear equations one, by the tests of all places of an `InverseInterpolation`.
    switching : Switching or None
        For time steps.
    condition : float
        Of the sampled modes of the term; 1 without a term.
    starts : tuple of ndarray or None
        Parameters, shape (count, p), and coefficients, shape (count, size), of solutions that are known, from the
        nearest of which Newton's method begins; None for linear equations and time steps.
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
        judge: int | np.ndarray,
        start: np.ndarray | None = None,
    ) -> ReducedState:
        """Solve the equations at mu, where the affine form has coefficients theta and phi.

        `judge` is the place by which the solution is checked, or the weights of all.
        """
        if start is None and self.starts is not None:
            points, coefficients = self.starts
            distances = (points - mu) / np.maximum(np.ptp(points, axis=0), 1e-300)
            start = coefficients[np.argmin(np.einsum("ij,ij->i", distances, distances))]
        result = solve_equations(self.equations.at(mu, theta, phi), start)
        if isinstance(judge, np.ndarray):
            left = judge.conj() @ self.checks[0].at(mu, theta, phi).residual(result.u).reshape(judge.size, -1)
        else:
            left = self.checks[judge].at(mu, theta, phi).residual(result.u)
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
    """Return the model of one basis.

    Parameters
    ----------
    problem : ParametricPDE
        With an affine form.
    bases : sequence of Basis
        All of them; `number` says whose model it is.
    terms : ndarray, shape (count, n), or None
        The term at the snapshots of this basis, each divided by the norm of its snapshot.
    tested : sequence of ndarray, shape (n, checks)
        Random tests of each place, the same for all bases.
    checked : SampledTerm, optional
        The term as checks see it, where there is one.
    projection : {"galerkin", "least-squares"}
    hyper_reduction : {"q-deim", "deim", "cubature"}
        How the term is had from a few of its entries.
    """
    if projection not in PROJECTIONS:
        raise UnknownName("projection", projection, PROJECTIONS)
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
