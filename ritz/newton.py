"""Damped Newton's method; the caller provides residuals and solves of the linearised equations."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ritz.arguments import Callback, iteration_limit
from ritz.progress import ResidualProgress
from ritz.solution import Status

__all__ = ["NewtonResult", "newton"]

MAXITER = 50
HALVINGS = 12  # halvings of a step before its direction is given up
DECREASE = 1e-4  # fraction of the predicted decrease that a step must achieve
LOOSEST, TIGHTEST = 0.1, 1e-10  # bounds of the relative tolerance of linear solves


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Result of Newton's method.

    Parameters
    ----------
    u : ndarray
        The last iterate, which has the smallest residual.
    status : Status
        How the iteration ended.
    history : list of float
        Residual norm relative to the scale, at the start and after each iteration.
    """

    u: np.ndarray
    status: Status
    history: list[float]


def newton(
    residual: Callable[[np.ndarray], np.ndarray],
    linearised_solve: Callable[[np.ndarray, np.ndarray, float], np.ndarray],
    u0: np.ndarray,
    *,
    rtol: float = 1e-8,
    atol: float = 0.0,
    scale: float | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    progress: ResidualProgress | None = None,
) -> NewtonResult:
    """Solve ``F(u) = 0``.

    Each step is halved until it reduces the residual norm, so the norm never grows :cite:`DennisSchnabel1996`. Linear
    solves are only as accurate as the step warrants: their tolerance follows the square of the reduction achieved by
    the previous step :cite:`EisenstatWalker1996`. Converges quadratically near a regular solution.

    Parameters
    ----------
    residual : callable
        ``residual(u) -> F(u)``, of any fixed length.
    linearised_solve : callable
        ``linearised_solve(u, F, tolerance) -> step`` with ``||F'(u) step - F|| <= tolerance ||F||`` or better; a
        direct solver may ignore the tolerance. With a least-squares solver, this is the Gauss-Newton method.
    u0 : ndarray
        Starting point; not modified.
    rtol, atol : float
        Stop when ``||F(u)|| <= max(rtol scale, atol)``.
    scale : float, optional
        Unit of relative residual norms; ``||F(u0)||`` if None.
    maxiter : int, optional
        Iteration limit; 50 if None.
    callback : callable, optional
        ``callback(iteration, u, relative residual) -> stop?``.
    progress : ResidualProgress, optional
        An open progress line, which is updated.

    Returns
    -------
    NewtonResult
        Its status is CONVERGED, MAX_ITERATIONS, STAGNATED (no multiple of the step reduces the residual), SINGULAR
        (the step is not finite), NON_FINITE (the residual of the starting point is not finite) or INTERRUPTED (by the
        callback or Ctrl-C).

    Examples
    --------
    >>> result = newton(lambda u: u**2 - 4.0, lambda u, F, tolerance: F / (2 * u), np.array([1.0]), rtol=1e-12)
    >>> result.u.round(12).tolist(), result.status.name
    ([2.0], 'CONVERGED')
    """
    limit = iteration_limit(maxiter, MAXITER)
    u = np.array(u0, dtype=np.float64)
    history: list[float] = []
    tolerance = LOOSEST
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            now = residual(u)
            norm = float(np.linalg.norm(now))
            unit = (norm if scale is None else scale) or 1.0
            target = max(rtol * unit, atol)
            while True:
                iteration, relative = len(history), norm / unit
                history.append(relative)
                if progress is not None:
                    progress.update(iteration, relative)
                stop = callback is not None and callback(iteration, u, relative)
                if not math.isfinite(norm):
                    return NewtonResult(u, Status.NON_FINITE, history)
                if norm <= target:
                    return NewtonResult(u, Status.CONVERGED, history)
                if stop:
                    return NewtonResult(u, Status.INTERRUPTED, history)
                if iteration >= limit:
                    return NewtonResult(u, Status.MAX_ITERATIONS, history)
                step = linearised_solve(u, now, max(tolerance, 0.5 * target / norm))
                if not np.isfinite(step).all():
                    return NewtonResult(u, Status.SINGULAR, history)
                before, found = norm, _shorten(residual, u, step, norm)
                if found is None:
                    return NewtonResult(u, Status.STAGNATED, history)
                u, now, norm = found
                tolerance = min(LOOSEST, max(TIGHTEST, 0.9 * (norm / before) ** 2))
        except KeyboardInterrupt:
            return NewtonResult(u, Status.INTERRUPTED, history or [math.nan])


def _shorten(
    residual: Callable[[np.ndarray], np.ndarray], u: np.ndarray, step: np.ndarray, norm: float
) -> tuple[np.ndarray, np.ndarray, float] | None:
    """Return the next iterate, its residual and residual norm, for the first of the steps 1, 1/2, 1/4, ... that works.

    Returns None if no step reduces the residual sufficiently.
    """
    for halving in range(HALVINGS + 1):
        share = 0.5**halving
        candidate = u - share * step
        now = residual(candidate)
        reached = float(np.linalg.norm(now))
        if reached <= (1.0 - DECREASE * share) * norm:
            return candidate, now, reached
    return None
