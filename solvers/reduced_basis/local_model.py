"""The reduced equations of one basis, and what checks their solutions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ritz.errors import UnknownName

from .pod import Basis
from .projected_equations import ProjectedEquations, applied_to, project, range_basis
from .random_tests import dual_tests
from .sampled_term import sampled_term

__all__ = ["PROJECTIONS", "LocalModel", "local_model"]

PROJECTIONS = ("galerkin", "least-squares")

@dataclass(frozen=True, eq=False)
class LocalModel:
    """A basis with its equations.

    Parameters
    ----------
    basis : Basis
    equations : ProjectedEquations
        Galerkin's, or those of least squares.
    check : ProjectedEquations
        The residual by random tests (`dual_tests`): its norm is about that of the error.
    histories, check_histories : tuple of ndarray
        For time steps: the mass between the tests and each basis in which the state before may be given.
    transfers : tuple of ndarray
        Coefficients in this basis of a state given in each of the bases.
    condition : float
        Of the sampled modes of the term; 1 without a term.
    """

    basis: Basis
    equations: ProjectedEquations
    check: ProjectedEquations
    histories: tuple[np.ndarray, ...] = ()
    check_histories: tuple[np.ndarray, ...] = ()
    transfers: tuple[np.ndarray, ...] = ()
    condition: float = 1.0


def local_model(
    problem: Any,
    bases: Sequence[Basis],
    number: int,
    terms: np.ndarray | None,
    jacobian: Any,
    *,
    projection: str = "galerkin",
    hyper_reduction: str = "q-deim",
    seed: int = 0,
) -> LocalModel:
    """Return the model of one basis.

    Parameters
    ----------
    problem : ParametricPDE
        With an affine form, a term, or both.
    bases : sequence of Basis
        All of them; `number` says whose model it is.
    terms : ndarray, shape (count, n), or None
        The term at the snapshots of this basis, each divided by the norm of its snapshot.
    jacobian : sparse array, shape (n, n)
        Of the full equations, at a state that stands for the others of this basis.
    projection : {"galerkin", "least-squares"}
    hyper_reduction : {"q-deim", "deim", "cubature"}
        How the term is had from a few of its rows.
    seed : int
        Of the random tests.
    """
    if projection not in PROJECTIONS:
        raise UnknownName("projection", projection, PROJECTIONS)
    basis = bases[number]
    modes = basis.modes
    operators = () if problem.affine is None else problem.affine.operators
    loads = () if problem.affine is None else problem.affine.vectors
    mass = problem.mass
    parts: dict[str, Any] = {"operators": operators, "loads": loads, "mass": mass}
    checks = dual_tests(jacobian, basis.product, seed=seed)
    check = project(checks, modes, **parts)
    tests, condition = modes, 1.0
    sampled = None
    if terms is not None:
        sampled = sampled_term(problem.term, terms, modes, basis.size, hyper_reduction)
        check = replace(check, term=sampled.for_checks(checks, modes))
        condition = sampled.condition
    if projection == "least-squares":
        others = np.empty((len(modes), 0)) if sampled is None else sampled.modes
        tests = range_basis(modes, operators if mass is None else (*operators, mass), loads, others)
    equations = project(tests, modes, **parts)
    if sampled is not None:
        equations = replace(equations, term=sampled.for_equations(tests, modes))
    if mass is None:
        return LocalModel(basis, equations, check, condition=condition)
    massive = [applied_to(mass, other.modes) for other in bases]
    return LocalModel(
        basis,
        equations,
        check,
        tuple(tests.conj().T @ columns for columns in massive),
        tuple(checks.conj().T @ columns for columns in massive),
        tuple(basis.coefficients(other.modes.T).T for other in bases),
        condition,
    )
