"""Selection of the prior by validation at points that the posterior has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ritz.arguments import Callback
from ritz.progress import ResidualProgress
from ritz.solution import Status

from ..grid_data import GridData
from .galerkin import condition_on_box
from .interval_posterior import IntervalPosterior, condition_on_interval
from .spectral_features import SpectralFeatures
from .tensor_posterior import TensorPosterior

__all__ = ["FeaturePosterior", "SelectedPrior", "condition_features", "select_prior"]

FeaturePosterior: TypeAlias = IntervalPosterior | TensorPosterior

GOOD = {1: 1e-11, 2: 1e-10, 3: 1e-10}  # relative residual at unseen points that ends the search, by dimension
SETTLED = 1e-8  # the same, if the next prior is no better
USABLE = 0.1  # the same, below which an iteration starts from the mean


@dataclass(frozen=True, eq=False)
class SelectedPrior:
    """Posterior under the best of the priors tried.

    Parameters
    ----------
    posterior : IntervalPosterior or TensorPosterior
        Posterior given all data.
    unseen : float
        Relative residual at the validation points.
    tried : tuple of (tuple of int, float)
        Number of frequencies along each axis, and residual at unseen points, of each prior.
    interrupted : bool
        Whether Ctrl-C or the callback ended the search.
    """

    posterior: FeaturePosterior
    unseen: float
    tried: tuple[tuple[tuple[int, ...], float], ...]
    interrupted: bool


def select_prior(
    data: GridData,
    priors: Iterable[tuple[SpectralFeatures, ...]],
    noise: float | Literal["learn"] = 0.0,
    *,
    start: np.ndarray | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
    progress: ResidualProgress | None = None,
) -> SelectedPrior:
    """Return the posterior with the smallest residual at unseen points or, with noise, the largest evidence.

    Priors are tried in order; the first that is accurate to rounding ends the search.

    Parameters
    ----------
    data : GridData
    priors : iterable of tuple of SpectralFeatures
    noise : float or "learn"
    start : ndarray, optional
        Initial values at the nodes for nonlinear equations.
    maxiter, callback
        Limit and callback of each nonlinear iteration.
    progress : ResidualProgress, optional
        Open progress line to update.
    """
    fitted, unseen = data.split()
    best: FeaturePosterior | None = None
    best_residual = float("inf")
    tried: list[tuple[tuple[int, ...], float]] = []
    interrupted = False
    first = start if not data.measured else None
    try:
        for features in priors:
            begin = best.mean_on(fitted.axes) if best is not None and best_residual < USABLE else first
            posterior = condition_features(fitted, features, noise, begin, maxiter, callback)
            residual = posterior.residual(unseen)
            tried.append((tuple(len(part.frequencies) for part in features), residual))
            settled = best_residual <= SETTLED and residual > 0.5 * best_residual
            if best is None or _better(posterior, residual, best, best_residual, bool(noise)):
                best, best_residual = posterior, residual
            if progress is not None:
                progress.update(len(tried), best_residual)
            interrupted = posterior.status is Status.INTERRUPTED
            if interrupted or best_residual <= GOOD[data.dimension] or settled:
                break
    except KeyboardInterrupt:
        if best is None:
            raise
        interrupted = True
    assert best is not None
    if data.measured and not interrupted:
        best = condition_features(data, best.prior, noise, best.mean_on(data.axes), maxiter, callback)
    return SelectedPrior(best, best_residual, tuple(tried), interrupted)


def condition_features(
    data: GridData,
    features: tuple[SpectralFeatures, ...],
    noise: float | Literal["learn"],
    start: np.ndarray | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> FeaturePosterior:
    """Return the posterior for given features along each axis."""
    if data.dimension == 1:
        return condition_on_interval(data, features[0], noise, start=start, maxiter=maxiter, callback=callback)
    return condition_on_box(data, features, noise, start=start, maxiter=maxiter, callback=callback)


def _better(
    posterior: FeaturePosterior, residual: float, best: FeaturePosterior, best_residual: float, noisy: bool
) -> bool:
    return posterior.log_evidence > best.log_evidence if noisy else residual < best_residual
