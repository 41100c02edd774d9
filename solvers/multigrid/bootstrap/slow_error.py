"""Slowly converging errors of an iteration, and their convergence rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ritz.operators.nullspace import Nullspace
from ritz.solvers.preconditioners.incomplete_cholesky import NotPositiveDefinite

from .composite import CompositeCorrection

__all__ = ["nullspace_projection", "slow_error"]

SETTLED = 0.02  # change per iteration, relative to 1 minus the rate, up to which the rate has settled
CAPACITY = 10  # vectors of the Krylov space
KEPT = 4  # vectors kept when it is full
NULL = 1e-13  # ||A w|| relative to ||D w|| up to which w counts as a null vector
NEGATIVE = -1e-12  # x . A x relative to x . D x below which it is not a rounding error
EXHAUSTED = 1e-10  # norm of what a step adds to the Krylov space, relative to its result, up to which it is nothing

Projection: TypeAlias = Callable[[np.ndarray], np.ndarray]


def slow_error(
    matrix: Any, composite: CompositeCorrection, project: Projection, x: np.ndarray, trials: int, most: int
) -> tuple[float, np.ndarray]:
    """Return the convergence rate of ``x := x - B A x`` for a composite B, and a slow error of energy norm 1.

    For a symmetric composite, the rate is the largest Ritz value of the iteration in the energy inner product on a
    Krylov space, which is restarted with its slowest vectors when it is full. Otherwise it is the factor of the last
    of a number of iterations. Either is known once it hardly grows: an error of rate r takes :math:`1/(1-r)`
    iterations to fall to a third, so its change is judged relative to :math:`1-r`.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    composite : CompositeCorrection
    project : callable
        Removes the nullspace from a vector.
    x : ndarray, shape (n,)
        Starting vector.
    trials : int
        Fewest iterations.
    most : int
        Most iterations.

    Raises
    ------
    NotPositiveDefinite
        If a vector has negative energy.
    """

    def step(product: np.ndarray) -> np.ndarray:
        return composite.scale * composite.correct(product)

    run = _ritz if composite.symmetric else _powers
    return run(matrix, step, project, x, trials, most)


def _ritz(
    matrix: Any, step: Projection, project: Projection, x: np.ndarray, trials: int, most: int
) -> tuple[float, np.ndarray]:
    """Return the largest Ritz value and its vector by Lanczos' method with restarts; see `slow_error`."""
    x, product, energy = _measured(matrix, project(x))
    if not energy > 0.0:
        return 0.0, x
    space, projected = np.empty((CAPACITY, x.size)), np.zeros((CAPACITY, CAPACITY))
    values, vectors = np.zeros(1), np.ones((1, 1))
    size, rate, settled = 0, 0.0, 0
    for trial in range(1, most + 1):
        if size == CAPACITY:
            size = KEPT
            space[:size] = vectors[:, -size:].T @ space
            projected[:size, :size] = np.diag(values[-size:])
        space[size], product = x / energy**0.5, product / energy**0.5
        size += 1
        image, its_product, scale = _measured(matrix, project(space[size - 1] - step(product)))
        overlaps = space[:size] @ its_product
        projected[:size, size - 1] = projected[size - 1, :size] = overlaps
        values, vectors = np.linalg.eigh(projected[:size, :size])
        before, rate = rate, float(values[-1])
        settled = settled + 1 if abs(rate - before) <= SETTLED * abs(1.0 - rate) else 0
        if trial >= trials and settled >= 2:
            break
        x, product, energy = _measured(matrix, image - overlaps @ space[:size])
        if not energy > EXHAUSTED**2 * scale:
            break
    return rate, vectors[:, -1] @ space[:size]


def _powers(
    matrix: Any, step: Projection, project: Projection, x: np.ndarray, trials: int, most: int
) -> tuple[float, np.ndarray]:
    """Return the factor of the last of several iterations and its result; see `slow_error`."""
    rate, settled = 0.0, 0
    x, product, energy = _measured(matrix, project(x))
    for trial in range(1, most + 1):
        if not energy > 0.0:
            break
        x, product = x / energy**0.5, product / energy**0.5
        following, product, energy = _measured(matrix, project(x - step(product)))
        before, rate = rate, max(energy, 0.0) ** 0.5
        settled = settled + 1 if abs(rate - before) <= SETTLED * abs(1.0 - rate) else 0
        x = following
        if trial >= trials and settled >= 2:
            break
    return rate, x / energy**0.5 if energy > 0.0 else x


def _measured(matrix: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return `x`, its product and its energy."""
    product = matrix @ x
    energy = float(x @ product)
    if energy < 0.0 and energy < NEGATIVE * float(x @ (matrix.diagonal() * x)):
        raise NotPositiveDefinite(
            f"preconditioner 'bootstrap-amg' needs a positive definite operator, and x.Ax = {energy:g} for an x:"
            " use 'minres' or 'lu'"
        )
    return x, product, energy


def nullspace_projection(matrix: Any, smooth: np.ndarray, nullspace: Nullspace | None) -> Projection:
    """Return a projection that removes the known nullspace, which would grow unnoticed in energy norms."""
    if nullspace is not None:
        return nullspace.project
    if np.linalg.norm(matrix @ smooth) > NULL * np.linalg.norm(matrix.diagonal() * smooth):
        return lambda x: x
    unit = smooth / np.linalg.norm(smooth)
    return lambda x: x - float(unit @ x) * unit
