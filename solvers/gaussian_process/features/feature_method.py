"""Method ``"features"``: find frequencies, select a prior, condition, and check the residual."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from ritz.errors import AliasingWarning, IllConditionedWarning, InvalidProblem
from ritz.operators.stencils.boundary import AXES
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status

from ..grid_data import SILVER, GridData, gridded_data
from ..method_result import MethodResult, SolveRequest
from .candidate_priors import data_spectra, given_features, highest_tones, tried_features
from .periodogram import Tones
from .prior_selection import SelectedPrior, condition_features, select_prior

__all__ = ["condition_by_features"]

REFINED = {1: (129, 257, 513, 1025, 2049), 2: (65, 129, 257, 513), 3: (33, 65)}  # nodes per axis of successive grids
RESOLVED = 0.1  # residual between the nodes, relative to the tolerance, below which the grid is fine enough
ROUGH = 0.3  # residual between the nodes below which a grid starts to resolve the solution
WORTHWHILE = {1: 0.25, 2: 0.7, 3: 0.25}  # factor by which the next grid must then reduce it, by dimension
CLOSE = 0.8  # fraction of the Nyquist frequency above which a tone may be an alias
STRONG = 1e-3  # relative amplitude above which a tone is checked for aliasing
LOST = 1e-3  # relative residual between the nodes that reveals an alias
UNDETERMINED = 0.01  # standard deviation relative to the mean above which exact data leave the solution open
RESONANT = 1e12  # condition number of an equation at a resonance
SMALL = 10_000  # nodes up to which the error is judged by points between them and the nodes together
NOISY = 2.0  # residual that the noise explains, in standard deviations of the noise


def condition_by_features(
    pde: PDE,
    shape: Any,
    points: Any,
    *,
    frequencies: Sequence[np.ndarray] | None,
    max_components: int,
    noise: float | Literal["learn"],
    request: SolveRequest,
) -> MethodResult:
    """Return the posterior under the best of the priors derived from the data.

    Without a shape, grids are refined until the equation also holds between their nodes; see `KroneckerGP`.
    """
    shapes = _shapes(pde, shape, points, request.rhs)
    before, highest = np.inf, np.zeros(pde.dimension)
    for number, nodes in enumerate(shapes, start=1):
        if number < len(shapes) and (highest > _nyquist(pde, nodes)).any():
            continue
        data = gridded_data(pde, nodes, points, request.rhs)
        spectra = data_spectra(data, max_components)
        chosen = select_prior(
            data,
            tried_features(data, spectra) if frequencies is None else given_features(data, frequencies),
            noise,
            start=None if request.x0 is None else _start(request.x0, data),
            maxiter=request.maxiter,
            callback=request.callback,
            progress=request.progress,
        )
        if not data.measured:  # the prior was chosen by one set of points, and is judged by another one too
            chosen = replace(chosen, unseen=max(chosen.unseen, chosen.posterior.residual(data.between(SILVER))))
        resolved = chosen.unseen <= RESOLVED * request.rtol
        if number == len(shapes) or resolved or chosen.interrupted:
            return _outcome(data, spectra, chosen, noise, request)
        if not highest.any():
            highest = highest_tones(pde, max_components, STRONG)
        rough = before < ROUGH and chosen.unseen > WORTHWHILE[pde.dimension] * before
        if rough and (highest <= _nyquist(pde, nodes)).all():
            return _outcome(data, spectra, chosen, noise, request)
        before = chosen.unseen
    raise AssertionError("there is always a grid to try")


def _outcome(
    data: GridData, spectra: Sequence[Tones], chosen: SelectedPrior, noise: float | str, request: SolveRequest
) -> MethodResult:
    posterior = chosen.posterior
    status, residual = _judge(data, chosen, bool(noise), request.rtol, request.atol)
    _warn(data, spectra, chosen, status)
    x = posterior.mean_on(data.axes).ravel()
    stats: dict[str, Any] = {
        "frequencies": tuple(len(values) - 1 for values in posterior.frequencies),
        "tried": chosen.tried,
        "train residual": posterior.at_nodes[0],
        "held-out residual": chosen.unseen,
    }
    if not data.measured:
        stats["off-grid residual"] = chosen.unseen
        if not noise and not chosen.interrupted:
            stats["discretisation_error"] = _discretisation_error(data, chosen, request.maxiter)
    if data.singular:
        x = x - x.mean()
        stats["up to a constant"] = True
    return MethodResult(posterior, x, data.axes, status, residual, posterior.history, stats)


def _discretisation_error(data: GridData, chosen: SelectedPrior, maxiter: int | None) -> float:
    """Return the difference from the mean given the source at other points, relative to the mean."""
    posterior, other = chosen.posterior, data.between(SILVER, whole=True, nodes=data.source.size <= SMALL)
    again = condition_features(other, posterior.prior, 0.0, posterior.mean_on(other.axes), maxiter)
    u, v = (part.mean_on(data.axes) for part in (posterior, again))
    if data.singular:
        u, v = u - u.mean(), v - v.mean()
    size = float(np.linalg.norm(v))
    return float(np.linalg.norm(u - v)) / size if size else 0.0


def _nyquist(pde: PDE, count: Any) -> np.ndarray:
    """Return the highest frequency along each axis that a grid of `count` nodes per axis resolves."""
    return np.array([np.pi * (count - 1) / (upper - lower) for lower, upper in pde.domain])


def _shapes(pde: PDE, shape: Any, points: Any, rhs: Any) -> Sequence[Any]:
    """Return the shapes of the grids to try."""
    if shape is not None or points is not None:
        return [shape]
    if rhs is None:
        return REFINED[pde.dimension]
    if np.ndim(rhs) == pde.dimension:
        return [tuple(np.shape(rhs))]
    raise InvalidProblem(f"rhs has {np.ndim(rhs)} axes and the PDE {pde.dimension}: give the solver its shape")


def _judge(data: GridData, chosen: SelectedPrior, noisy: bool, rtol: float, atol: float) -> tuple[Status, float]:
    posterior = chosen.posterior
    residual, size = posterior.at_nodes
    if not data.measured:
        residual = max(residual, chosen.unseen)
    allowed = max(rtol, atol / size)
    if noisy:
        allowed = max(allowed, NOISY * posterior.noise * data.source.size**0.5 / size)
    if not np.isfinite(residual):
        return Status.NON_FINITE, residual
    if chosen.interrupted:
        return Status.INTERRUPTED, residual
    if posterior.condition > RESONANT and data.dimension > 1 and not data.singular:
        return Status.SINGULAR, residual
    if residual <= allowed:
        left_open = data.dimension == 1 and not noisy and not data.singular and _undetermined(data, posterior)
        return Status.SINGULAR if left_open else Status.CONVERGED, residual
    settled = (Status.CONVERGED, Status.STAGNATED)
    return Status.STAGNATED if posterior.status in settled else posterior.status, residual


def _warn(data: GridData, spectra: Sequence[Tones], chosen: SelectedPrior, status: Status) -> None:
    if status is Status.SINGULAR:
        warnings.warn(
            "the equation has an eigenvalue that is 0 to rounding (a resonance): the solution is not determined along"
            " its eigenfunction, or there is none",
            IllConditionedWarning,
            stacklevel=9,
        )
    for axis, spectrum, points in zip(AXES, spectra, data.axes, strict=False):
        strong = spectrum.frequencies[spectrum.amplitudes >= STRONG * spectrum.amplitudes.max(initial=0.0)]
        highest = float(strong.max(initial=0.0))
        density = 2 * np.pi * (len(points) - 1) / (points[-1] - points[0]) / highest if highest else np.inf
        if data.measured and highest > CLOSE * spectrum.nyquist:
            warnings.warn(
                f"the source has a frequency of {highest:.4g} along {axis}, {density:.2f} nodes per wavelength: on"
                " this grid it cannot be told from one with less than two nodes per wavelength. Use a finer grid, or"
                " uneven nodes",
                AliasingWarning,
                stacklevel=9,
            )
        elif not data.measured and highest and chosen.unseen > LOST > spectrum.residual / chosen.unseen:
            warnings.warn(
                f"tones of up to {highest:.4g} along {axis} ({density:.2f} nodes per wavelength) fit the source at the"
                f" nodes, and miss it by {chosen.unseen:.1e} between them: that frequency may be the alias of a higher"
                " one. Use a finer grid",
                AliasingWarning,
                stacklevel=9,
            )


def _undetermined(data: GridData, posterior: Any) -> bool:
    """Return whether exact data leave the solution largely undetermined."""
    deviation = posterior.variance(data.axes[0]).mean() ** 0.5
    return bool(deviation > UNDETERMINED * np.sqrt(np.mean(posterior.mean(data.axes[0]) ** 2)) > 0.0)


def _start(x0: Any, data: GridData) -> np.ndarray:
    values = np.asarray(x0, dtype=np.float64)
    if values.size != data.source.size or not np.isfinite(values).all():
        raise InvalidProblem(f"x0 has shape {values.shape}; it must hold {data.source.size} finite values at the nodes")
    return values.reshape(data.shape)
