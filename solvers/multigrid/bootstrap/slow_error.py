"""What an iteration is slow for, and how slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ritz.operators.nullspace import Nullspace
from ritz.solvers.preconditioners.incomplete_cholesky import NotPositiveDefinite

from .composite import Composite

__all__ = ["nullspace_projection", "slow_error"]

SETTLED = 0.002  # change from one iteration to the next at which a rate is known, relative to it and to 1 minus it
FEWEST = 4  # iterations before that is asked
MOST = 48  # iterations to which those that are too few to tell are doubled
KEPT = 5  # latest iterates, among whose combinations the slowest is looked for
DEPENDENT = 1e-9  # eigenvalue of their Gram matrix below which rounding has its say
NULL = 1e-10  # ||A w|| relative to ||D w||, up to which w counts as null vector
NEGATIVE = -1e-10  # x . A x relative to ||x|| ||A x||, below which it is no rounding

Vectors: TypeAlias = Callable[[np.ndarray], np.ndarray]


def slow_error(
    matrix: Any, composite: Composite, project: Vectors, x: np.ndarray, trials: int, limit: float = 0.0
) -> tuple[float, np.ndarray]:
    """Return the rate of ``x := x - B A x`` for a composite B, and what it is slow for, of energy norm 1.

    Energy norms of a symmetric iteration fall by a factor that only grows, so it is settled when it hardly grows. As
    an error of rate r takes :math:`1/(1-r)` iterations to fall to a third, t of them show no rates above
    :math:`1-1/t`: if what they show is as large, twice as many are made, until the rate exceeds the limit.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    composite : Composite
        Where it is symmetric, the slowest is looked for among combinations of the iterates.
    project : callable
        Takes the nullspace out of a vector.
    x : ndarray, shape (n,)
        Where to start.
    trials : int
        Iterations, at most if there is no limit.
    limit : float
        Rate of which it has to be known whether it is exceeded.

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
    """Return the largest Ritz value of a symmetric iteration among its iterates, and what it makes of the Ritz vector.

    Parameters
    ----------
    latest : sequence of (x, A x, factor)
        Iterates of energy norm 1, and the factor by which each was reduced from the one before.
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


def nullspace_projection(matrix: Any, smooth: np.ndarray, nullspace: Nullspace | None) -> Vectors:
    """Return what takes the nullspace out of a vector, as far as it is known: energy norms do not see it grow."""
    if nullspace is not None:
        return nullspace.project
    if np.linalg.norm(matrix @ smooth) > NULL * np.linalg.norm(matrix.diagonal() * smooth):
        return lambda x: x
    unit = smooth / np.linalg.norm(smooth)
    return lambda x: x - float(unit @ x) * unit
