"""Newton's method, damped, for equations that are linearised by whoever asks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ritz.progress import ResidualProgress
from ritz.solution import Status
from ritz.stopping import Callback, iteration_limit

__all__ = ["NewtonResult", "newton"]

MAXITER = 50
HALVINGS = 12  # of a step, before the direction is given up
DECREASE = 1e-4  # share of the predicted decrease that a step must bring
LOOSEST, TIGHTEST = 0.1, 1e-10  # relative residual that linear solves are asked for


@dataclass(frozen=True, eq=False)
class NewtonResult:
    """Where Newton's method ended.

    Parameters
    ----------
    u : ndarray
        The iterate of smallest residual, which is the last.
    status : Status
    history : list of float
        Residual norm, relative to the scale, of the start and after each iteration.
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

    Each step is halved until it reduces the residual norm, so that the norm never grows :cite:`DennisSchnabel1996`.
    Linear solves need be no more accurate than the step deserves: their tolerance follows the square of the reduction
    of the step before :cite:`EisenstatWalker1996`. Converges quadratically near a regular solution.

    Parameters
    ----------
    residual : callable
        ``residual(u) -> F(u)``, any fixed length.
    linearised_solve : callable
        ``linearised_solve(u, F, tolerance) -> step`` with ``||F'(u) step - F|| <= tolerance ||F||``, or better; a
        direct solver does without the tolerance. Least squares make this the Gauss-Newton method.
    u0 : ndarray
        Start; not modified.
    rtol, atol : float
        Stop when ``||F(u)|| <= max(rtol scale, atol)``.
    scale : float, optional
        What residual norms are relative to; ``||F(u0)||`` if None.
    maxiter : int, optional
        Iteration limit, 50 if None.
    callback : callable, optional
        ``callback(iteration, u, relative residual) -> stop?``.
    progress : ResidualProgress, optional
        Open progress line to update.

    Returns
    -------
    NewtonResult
        CONVERGED, MAX_ITERATIONS, STAGNATED (no multiple of the step reduces the residual), SINGULAR (the step is
        not finite), NON_FINITE (the start has no finite residual) or INTERRUPTED (callback or Ctrl-C).

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
    """Return the new iterate, its residual and the norm of that, for the first of 1, 1/2, 1/4, ... that will do."""
    for halving in range(HALVINGS + 1):
        share = 0.5**halving
        candidate = u - share * step
        now = residual(candidate)
        reached = float(np.linalg.norm(now))
        if reached <= (1.0 - DECREASE * share) * norm:
            return candidate, now, reached
    return None
