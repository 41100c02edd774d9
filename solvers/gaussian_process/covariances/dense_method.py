"""Method ``"dense"``: covariances found in the data, and conditioning in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status

from ..features.periodogram import find_tones
from ..grid_data import coefficients, uniform_shape
from ..method_result import MethodResult, SolveRequest
from ..options import coordinates
from ..points import check_points
from .covariance import SpectralMixture
from .dense_posterior import DensePosterior, check_distinct, condition_on
from .evidence import maximise_evidence
from .observations import Observations, observe

__all__ = ["condition_by_covariances", "mixtures"]

DEFAULT = {1: 200, 2: 24, 3: 9}  # nodes per axis, by dimension
NOISY = 2.0  # residual that the noise explains, in standard deviations of the noise
LONG, SHORT = 4.0, 1.0  # lengthscales of tones and of the component of frequency 0, relative to the axis
FAINT = 1e-6  # amplitude in u, relative to the strongest, below which a tone is dropped
LINES = 64  # nodes per axis of the grid on which frequencies are sought if points are scattered


@np.errstate(over="ignore", invalid="ignore")  # the search for the evidence may try covariances near 0
def condition_by_covariances(
    pde: PDE,
    shape: Any,
    points: Any,
    *,
    frequencies: Sequence[np.ndarray] | None,
    max_components: int,
    noise: float | Literal["learn"],
    evidence: bool,
    request: SolveRequest,
    start: Callable[[Observations], list[SpectralMixture]] | None = None,
) -> MethodResult:
    """Return the closed-form posterior under mixtures found in the data; see `KroneckerGP`.

    Parameters
    ----------
    pde : PDE
    shape, points
        Number of nodes of a uniform grid, or points, at which the equation holds.
    frequencies : sequence of ndarray, optional
        Frequencies of the mixtures; found in the data if None.
    max_components : int
        Maximum number of frequencies to find.
    noise : float or "learn"
        Standard deviation of errors in the source.
    evidence : bool
        Whether weights, lengthscales and frequencies maximise the evidence.
    request : SolveRequest
    start : callable, optional
        ``start(observations)`` returns covariances to use instead of mixtures of frequencies.
    """
    axes, nodes = _nodes(pde, shape, points)
    observations = observe(pde, nodes, None if request.rhs is None else np.ravel(to_numpy(request.rhs)))
    if noise == 0.0:
        check_distinct(observations)
    if start is None:
        found = _frequencies(observations, max_components) if frequencies is None else list(frequencies)
        covariances = mixtures(observations, found)
    else:
        covariances = start(observations)
    given = 0.0 if noise == "learn" else noise
    steps = {} if request.maxiter is None else {"maxiter": request.maxiter}
    if evidence or noise == "learn":
        posterior = maximise_evidence(
            observations,
            covariances,
            noise=given,
            learn_noise=noise == "learn",
            learn_frequencies=evidence,
            **steps,
        )
    else:
        posterior = condition_on(observations, covariances, given, **steps)
    return _outcome(observations, posterior, axes, noise, request)


def _outcome(
    observations: Observations,
    posterior: DensePosterior,
    axes: tuple[np.ndarray, ...] | None,
    noise: float | str,
    request: SolveRequest,
) -> MethodResult:
    residuals = posterior.residuals
    residual = float(np.nanmax([residuals["train"], residuals["off-grid"]]))
    size = float(np.linalg.norm(observations.source)) or 1.0
    allowed = max(request.rtol, request.atol / size)
    if noise:
        allowed = max(allowed, NOISY * posterior.noise * len(observations.points) ** 0.5 / size)
    status = Status.STAGNATED
    if residual <= allowed:
        status = Status.CONVERGED
    elif posterior.status is not Status.CONVERGED:
        status = posterior.status
    stats: dict[str, Any] = {
        "frequencies": tuple(len(values) for values in posterior.frequencies),
        **{f"{name} residual": value for name, value in residuals.items() if np.isfinite(value)},
    }
    if not noise and not observations.measured:
        stats["discretisation_error"] = posterior.discretisation_error
    x = np.asarray(posterior.mean(observations.points))
    return MethodResult(posterior, x, axes, status, residual, posterior.history, stats)


def _nodes(pde: PDE, shape: Any, points: Any) -> tuple[tuple[np.ndarray, ...] | None, np.ndarray]:
    """Return the nodes along each axis, or None without a grid, and all points, shape (P, d)."""
    if points is not None and not isinstance(points, tuple):  # scattered, or in one dimension
        array = check_points("points", points, pde)
        ordered = pde.dimension == 1 and bool((np.diff(array[:, 0]) > 0).all())
        return ((array[:, 0],) if ordered else None), array
    if points is not None:
        axes = tuple(coordinates("points", axis) for axis in points)
        if len(axes) != pde.dimension or any(axis.ndim != 1 for axis in axes):
            raise InvalidProblem(f"points must hold one array of coordinates for each of {pde.dimension} axes")
    else:
        counts = uniform_shape(pde, DEFAULT[pde.dimension] if shape is None else shape)
        axes = tuple(np.linspace(lower, upper, n) for (lower, upper), n in zip(pde.domain, counts, strict=True))
    return axes, np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)


def mixtures(observations: Observations, frequencies: Sequence[np.ndarray]) -> list[SpectralMixture]:
    """Return one mixture per axis: tones with long envelopes, and one component of frequency 0.

    The envelope is Matern if that is smooth enough for the equation, and squared exponential otherwise.
    """
    orders = np.max(list(observations.pde.terms), axis=0)
    made: list[SpectralMixture] = []
    for order, tones, (lower, upper) in zip(orders, frequencies, observations.pde.domain, strict=True):
        length = upper - lower
        made.append(
            SpectralMixture(
                np.ones(len(tones) + 1),
                np.array([*tones, 0.0]),
                np.array([LONG * length] * len(tones) + [SHORT * length]),
                "matern52" if order <= 2 else "squared-exponential",
            )
        )
    return made


def _frequencies(observations: Observations, most: int) -> list[np.ndarray]:
    """Return the frequencies along each axis, in descending order of their estimated amplitude in u."""
    pde, points = observations.pde, observations.points
    if pde.dimension == 1:
        order = np.argsort(points[:, 0])
        nodes, data = [points[order, 0]], observations.source[order]
    else:
        nodes = [np.unique(column) for column in points.T]
        if np.prod([len(axis) for axis in nodes]) != len(points):  # scattered
            if observations.measured:
                return [np.zeros(0)] * pde.dimension
            nodes = [np.linspace(lower, upper, LINES) for lower, upper in pde.domain]
            data = evaluate("source", pde.source, np.meshgrid(*nodes, indexing="ij"))
        else:
            data = np.empty([len(axis) for axis in nodes])
            data[tuple(np.searchsorted(axis, column) for axis, column in zip(nodes, points.T, strict=True))] = (
                observations.source
            )
    found: list[np.ndarray] = []
    for axis, line in enumerate(nodes):
        spectrum = find_tones(line, np.moveaxis(data, axis, 0).reshape(len(line), -1), most)
        size = spectrum.amplitudes / _symbol(pde, nodes, axis, spectrum.frequencies)
        found.append(spectrum.frequencies[np.argsort(-size)][size[np.argsort(-size)] > FAINT * size.max(initial=0.0)])
    return found


def _symbol(pde: PDE, nodes: Sequence[np.ndarray], axis: int, frequencies: np.ndarray) -> np.ndarray:
    """Return an upper bound on the gain of the operator for tones along one axis."""
    total = np.full(len(frequencies), 1e-300)
    for index, values in coefficients(pde, nodes).items():
        total += float(np.abs(values).max()) * frequencies ** index[axis]
    return total
