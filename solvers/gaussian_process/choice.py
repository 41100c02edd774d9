"""The prior, chosen by what the posterior says of points that it has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ritz.solver import Callback

from .features import Features
from .grid_data import GridData
from .line import LinePosterior, condition_line
from .tensor import TensorPosterior, condition_tensor

__all__ = ["Chosen", "FeaturePosterior", "choose", "condition_features"]

FeaturePosterior: TypeAlias = LinePosterior | TensorPosterior

GOOD = {1: 1e-11, 2: 1e-10, 3: 1e-10}  # relative residual at unseen points that ends the search, by dimension
SETTLED = 1e-8  # the same, where the prior after it is no better
USABLE = 0.1  # the same, for an iteration to start from the mean


@dataclass(frozen=True, eq=False)
class Chosen:
    """The posterior under the best of the priors that were tried.

    Parameters
    ----------
    posterior : LinePosterior or TensorPosterior
        Given all data.
    unseen : float
        Relative residual at the points that the choice was made by.
    tried : tuple of (int, float)
        Number of frequencies along the axes, and residual at unseen points, of each prior.
    """

    posterior: FeaturePosterior
    unseen: float
    tried: tuple[tuple[tuple[int, ...], float], ...]


def choose(
    data: GridData,
    priors: Iterable[tuple[Features, ...]],
    noise: float | Literal["learn"] = 0.0,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> Chosen:
    """Return the posterior whose residual at unseen points is smallest, or with noise, whose evidence is largest.

    Priors are tried in their order; the first that is good to rounding ends the search.
    """
    fitted, unseen = data.split()
    best: FeaturePosterior | None = None
    best_residual = float("inf")
    tried: list[tuple[tuple[int, ...], float]] = []
    for features in priors:
        start = best if best_residual < USABLE else None
        posterior = condition_features(fitted, features, noise, start, maxiter, callback)
        residual = posterior.residual(unseen)
        tried.append((tuple(len(part.frequencies) for part in features), residual))
        settled = best_residual <= SETTLED and residual > 0.5 * best_residual
        if best is None or _better(posterior, residual, best, best_residual, bool(noise)):
            best, best_residual = posterior, residual
        if best_residual <= GOOD[data.dimension] or settled:
            break
    assert best is not None
    if data.measured:
        parts = (best.features,) if isinstance(best, LinePosterior) else tuple(basis.features for basis in best.bases)
        best = condition_features(data, parts, noise, best, maxiter, callback)
    return Chosen(best, best_residual, tuple(tried))


def condition_features(
    data: GridData,
    features: tuple[Features, ...],
    noise: float | Literal["learn"],
    start: Any = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> FeaturePosterior:
    """Return the posterior for features along each axis, in one dimension or more."""
    if data.dimension == 1:
        return condition_line(data, features[0], noise, start=start, maxiter=maxiter, callback=callback)
    return condition_tensor(data, features, noise, start=start, maxiter=maxiter, callback=callback)


def _better(
    posterior: FeaturePosterior, residual: float, best: FeaturePosterior, best_residual: float, noisy: bool
) -> bool:
    if noisy:
        return posterior.log_evidence > best.log_evidence
    return residual < best_residual
