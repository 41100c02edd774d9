"""Slowly converging errors of an iteration, and their convergence rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ritz.operators.nullspace import Nullspace
from ritz.solvers.preconditioners.incomplete_cholesky import NotPositiveDefinite

from .composite import CompositeCorrection

__all__ = ["nullspace_projection", "slow_error"]

SETTLED = 0.002  # change per iteration, relative to the rate and to 1 minus the rate, at which the rate is known
FEWEST = 4  # iterations before this is tested
MOST = 48  # iterations up to which the number of trials is doubled
KEPT = 5  # latest iterates whose combinations are searched for the slowest error
DEPENDENT = 1e-9  # eigenvalue of their Gram matrix below which rounding errors dominate
NULL = 1e-10  # ||A w|| relative to ||D w|| up to which w counts as a null vector
NEGATIVE = -1e-10  # x . A x relative to ||x|| ||A x|| below which it is not a rounding error

Projection: TypeAlias = Callable[[np.ndarray], np.ndarray]


def slow_error(
    matrix: Any, composite: CompositeCorrection, project: Projection, x: np.ndarray, trials: int, limit: float = 0.0
) -> tuple[float, np.ndarray]:
    """Return the convergence rate of ``x := x - B A x`` for a composite B, and a slow error of energy norm 1.

    The energy norm of a symmetric iteration falls by a factor that grows monotonically, so the factor is known once it
    hardly grows. Because an error of rate r takes :math:`1/(1-r)` iterations to fall to a third, t iterations do not
    reveal rates above :math:`1-1/t`. If the measured rate is that large, the number of iterations is doubled, until the
    rate exceeds the limit.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    composite : CompositeCorrection
        If it is symmetric, the slow error is a combination of the last iterates.
    project : callable
        Removes the nullspace from a vector.
    x : ndarray, shape (n,)
        Starting vector.
    trials : int
        Number of iterations; the largest number if there is no limit.
    limit : float
        Threshold which the rate must be known to exceed or not; 0 for none.

    Raises
    ------
    NotPositiveDefinite
        If an iterate has negative energy.
    """
    rate = 0.0
    latest: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=KEPT)
    trial = 0
    while True:
        x = project(x)
        product = matrix @ x
        energy = float(x @ product)
        if energy < NEGATIVE * float(np.linalg.norm(x) * np.linalg.norm(product)):
            raise NotPositiveDefinite(
                f"preconditioner 'bootstrap-amg' needs a positive definite operator, and x.Ax = {energy:g} for an x:"
                " use 'minres' or 'lu'"
            )
        if not energy > 0.0:
            break
        norm = energy**0.5
        x, product = x / norm, product / norm
        latest.append((x, product, norm))
        if trial > 0:
            before, rate = rate, norm
            if trial >= FEWEST and abs(rate - before) <= SETTLED * min(rate, abs(1.0 - rate)):
                break
        if trial >= trials:
            found = _slowest(latest) if composite.symmetric else (rate, x)
            if trial >= MOST or found[0] > limit or (1.0 - found[0]) * trial >= 1.0:
                return found
            trials *= 2
        x = x - composite.scale * composite.correct(product)
        trial += 1
    return _slowest(latest) if composite.symmetric and len(latest) > 1 else (rate, x)


def _slowest(latest: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> tuple[float, np.ndarray]:
    """Return the largest Ritz value of a symmetric iteration on its iterates, and the iteration of the Ritz vector.

    Parameters
    ----------
    latest : sequence of (x, A x, factor)
        Iterates of energy norm 1, and the factor by which the iteration reduced the norm of the previous iterate.
    """
    iterates, products, factors = zip(*latest, strict=True)
    inner = np.array([[float(x @ product) for x in iterates] for product in products])
    factor = np.array(factors[1:])
    scales, basis = np.linalg.eigh(0.5 * (inner + inner.T)[:-1, :-1])
    kept = scales > DEPENDENT
    basis = basis[:, kept] / np.sqrt(scales[kept])
    projected = basis.T @ (inner[:-1, 1:] * factor) @ basis
    values, vectors = np.linalg.eigh(0.5 * (projected + projected.T))
    slow = basis @ vectors[:, -1] * factor
    length = float(slow @ inner[1:, 1:] @ slow) ** 0.5
    return float(values[-1]), np.stack(iterates[1:], axis=1) @ (slow / length)


def nullspace_projection(matrix: Any, smooth: np.ndarray, nullspace: Nullspace | None) -> Projection:
    """Return a projection that removes the known nullspace, which would grow unnoticed in energy norms."""
    if nullspace is not None:
        return nullspace.project
    if np.linalg.norm(matrix @ smooth) > NULL * np.linalg.norm(matrix.diagonal() * smooth):
        return lambda x: x
    unit = smooth / np.linalg.norm(smooth)
    return lambda x: x - float(unit @ x) * unit
