"""Gaussian processes conditioned on a PDE in closed form, with dense covariance matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ritz.arguments import check_seed
from ritz.backend import Array, single_blas_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE, MultiIndex
from ritz.solution import Status

from ..points import check_points, like_points, multi_index
from .covariance import SpectralMixture
from .functionals import Functional, covariance_matrix, evaluation, gram_matrix, prior_variance
from .gram import Gram, check_rows, factorise
from .observations import Observations, observe
from .residuals import equation_residual, points_between

__all__ = ["DensePosterior", "check_distinct", "condition", "condition_on"]

JITTER = 1e-13  # relative; the least that rounding allows for smooth covariances
SETTLED = 1e-12  # relative change of the state below which linearisation has converged
CLOSE = 1e-5  # the same, once rounding keeps the residual from falling further
BLOCK = 4_000_000  # entries of a covariance with the data formed at a time


@dataclass(frozen=True, eq=False)
class DensePosterior:
    """Posterior of a Gaussian process given a PDE at points and the conditions of its sides.

    Parameters
    ----------
    observations : Observations
    covariances : tuple of SpectralMixture
        Covariance along each axis, scaled to the data.
    functionals : tuple of Functional
        Functionals that the data are values of, with the reaction linearised around the mean.
    values : ndarray, shape (M,)
        Data.
    gram : Gram
        Covariance of the data.
    coefficients : ndarray, shape (M,)
        Coefficients of the mean in the covariances with the data.
    log_evidence : float
        Log density of the data under the prior.
    noise : float
        Standard deviation of the noise of the source.
    status : Status
        CONVERGED, or MAX_ITERATIONS if the linearisation of a reaction has not converged.
    history : ndarray, shape (iterations + 1,)
        Relative residual of the equation at the points after each linearisation, 1 before the first.
    """

    observations: Observations
    covariances: tuple[SpectralMixture, ...]
    functionals: tuple[Functional, ...]
    values: np.ndarray
    gram: Gram
    coefficients: np.ndarray
    log_evidence: float
    noise: float
    status: Status
    history: np.ndarray

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]:
        """Angular frequencies along each axis."""
        return tuple(covariance.frequencies for covariance in self.covariances)

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Weights of the frequencies along each axis."""
        return tuple(covariance.weights for covariance in self.covariances)

    @property
    def condition(self) -> float:
        """Estimated condition number of the scaled covariance of the data, with its jitter."""
        return self.gram.condition

    @cached_property
    def residuals(self) -> dict[str, float]:
        """Residuals of the equation, relative to the norm of the source (or of the largest term, if larger).

        ``"train"`` is the residual of the mean at the points; ``"held-out"`` the leave-one-out residual; ``"off-grid"``
        the residual between the points (for d > 1, at evenly spread points), NaN if the source is known at
        the points only. A small residual at the points says nothing, because the mean interpolates there with right
        and wrong frequencies alike.
        """
        observations, count = self.observations, len(self.observations.points)
        at_points, size = self.residual_at(observations.points, observations.source)
        held_out = self.coefficients[:count] / self.gram.inverse_diagonal[:count]
        found = {"train": float(np.linalg.norm(at_points)) / size, "held-out": float(np.linalg.norm(held_out)) / size}
        found["off-grid"] = math.nan
        if not observations.measured:
            between = points_between(observations.points, observations.pde.domain)
            left, size = self.residual_at(between, evaluate("source", observations.pde.source, tuple(between.T)))
            found["off-grid"] = float(np.linalg.norm(left)) / size
        return found

    @cached_property
    def discretisation_error(self) -> float:
        """Size of the mean's change for the source that is missed between the points, relative to the mean.

        NaN if the source is known at the points only.
        """
        observations = self.observations
        if observations.measured:
            return math.nan
        between = points_between(observations.points, observations.pde.domain)
        left, _ = self.residual_at(between, evaluate("source", observations.pde.source, tuple(between.T)))
        values = np.zeros(len(self.values))
        values[: len(observations.points)] = -left[_nearest(between, observations.points)]
        change = np.concatenate(
            [self._cross(part) @ self.gram.solve(values) for part in self._parts(self._value(observations.points))]
        )
        size = float(np.linalg.norm(self._mean(self._value(observations.points)) + change))
        return float(np.linalg.norm(change)) / size if size else 0.0

    def mean(self, points: Array, derivative: int | MultiIndex | None = None) -> Array:
        """Return the posterior mean of u, or of a derivative of it.

        Parameters
        ----------
        points : array, shape (P, d), or (P,) in one dimension
        derivative : int or multi-index, optional
            Order of the derivative along each axis.

        Returns
        -------
        array, shape (P,)
            Array or tensor, as `points`.

        Raises
        ------
        InvalidProblem
            If points lie outside the box, or the covariance lacks the derivative.
        """
        checked = check_points("points", points, self.observations.pde)
        index = multi_index(derivative, self.observations.pde.dimension)
        return like_points(self._mean(evaluation(checked, index)), points)

    def variance(self, points: Array) -> Array:
        """Return the posterior variance of u, shape (P,), bounded below by the rounding error of the prior's."""
        checked = check_points("points", points, self.observations.pde)
        found = [
            prior_variance(self.covariances, part) - (self.gram.whiten(self._cross(part).T) ** 2).sum(axis=0)
            for part in self._parts(self._value(checked))
        ]
        prior = math.prod(float(covariance.variance) for covariance in self.covariances)
        return like_points(np.maximum(np.concatenate(found), 8 * np.finfo(np.float64).eps * prior), points)

    def standard_deviation(self, points: Array) -> Array:
        """Return the posterior standard deviation of u, shape (P,)."""
        return self.variance(points) ** 0.5

    def sample(self, points: Array, count: int = 1, seed: int = 0) -> Array:
        """Draw functions from the posterior in O(P^3 + P^2 M) time.

        Parameters
        ----------
        points : array, shape (P, d), or (P,) in one dimension
        count : int
        seed : int

        Returns
        -------
        array, shape (count, P)
        """
        checked = check_points("points", points, self.observations.pde)
        check_rows(len(checked))
        functional = self._value(checked)
        whitened = self.gram.whiten(self._cross(functional).T)
        covariance = covariance_matrix(self.covariances, functional, functional) - whitened.T @ whitened
        values, vectors = np.linalg.eigh(covariance)
        normal = np.random.default_rng(check_seed(seed)).standard_normal((count, len(checked)))
        return like_points(self._mean(functional) + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T, points)

    def _value(self, points: np.ndarray) -> Functional:
        return evaluation(points, (0,) * self.observations.pde.dimension)

    def _cross(self, functional: Functional) -> np.ndarray:
        """Return the covariance with the data, shape (P, M)."""
        parts = [covariance_matrix(self.covariances, functional, known) for known in self.functionals]
        return np.concatenate(parts, axis=1)

    def _parts(self, functional: Functional) -> list[Functional]:
        """Split a functional into parts whose covariance with the data has at most `BLOCK` entries."""
        rows = max(1, BLOCK // len(self.coefficients))
        return [
            Functional(
                functional.points[start : start + rows],
                {index: values[start : start + rows] for index, values in functional.terms.items()},
            )
            for start in range(0, len(functional), rows)
        ]

    def residual_at(self, points: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the residual of the mean at points, and its scale; see `equation_residual`."""

        def mean(points: np.ndarray, index: MultiIndex) -> np.ndarray:
            return self._mean(evaluation(points, index))

        return equation_residual(self.observations.pde, mean, points, source)

    def _mean(self, functional: Functional) -> np.ndarray:
        return np.concatenate([self._cross(part) @ self.coefficients for part in self._parts(functional)])


def condition(
    pde: PDE,
    covariances: Sequence[SpectralMixture],
    points: Any,
    source: Any = None,
    *,
    boundary_points: Any = None,
    noise: float = 0.0,
    jitter: float = JITTER,
    maxiter: int = 20,
) -> DensePosterior:
    r"""Condition a Gaussian process on a PDE at points, with the operator on both sides of the kernel.

    The covariance of u is the product of `covariances`, and that of the data follows by differentiation
    :cite:`ChenEtAl2021`. The mean solves the equation at every point. The variance of the prior maximises the evidence.
    A reaction is linearised around the mean repeatedly.

    Parameters
    ----------
    pde : PDE
        Linear except for its reaction. Open sides give no data, periodic sides are refused.
    covariances : sequence of SpectralMixture
        One per axis, with twice as many derivatives as the equation takes along that axis.
    points : array, shape (P, d), or (P,) in one dimension
        Points anywhere in the box, in any order, at which the equation holds. Grids, in particular uniform ones, cost
        less.
    source : array, shape (P,), optional
        Measured values of the source. Default: values of the source of the PDE.
    boundary_points : array, shape (B, d), optional
        Points at which the conditions hold. Default: boundary nodes of the grid if `points` form one, otherwise
        equally dense points.
    noise : float
        Standard deviation of independent errors in the source; conditions are exact.
    jitter : float
        Initial relative jitter; multiplied by ten while the factorisation fails.
    maxiter : int
        Maximum number of linearisations of a reaction.

    Returns
    -------
    DensePosterior

    Raises
    ------
    InvalidProblem
        If data are empty, NaN, outside the box, too many for a dense matrix, or given twice without noise; if a
        covariance is not smooth enough, or a side is periodic.

    Notes
    -----
    O(M^3) time and O(M^2) memory for M data.

    Examples
    --------
    >>> bar = PDE((0.0, 1.0), {2: -1.0}, source=lambda x: np.pi**2 * np.sin(np.pi * x))
    >>> covariance = SpectralMixture([1.0], [0.0], [0.5], "squared-exponential")
    >>> posterior = condition(bar, [covariance], np.linspace(0.0, 1.0, 20))
    >>> posterior.mean(np.array([0.5])).round(4).tolist()
    [1.0]
    """
    observations = observe(pde, points, source, boundary_points)
    if noise == 0.0:
        check_distinct(observations)
    if not (np.isfinite(noise) and noise >= 0.0):
        raise InvalidProblem(f"noise is {noise!r}; it must be a number that is not negative")
    return condition_on(observations, covariances, noise, jitter, maxiter)


def condition_on(
    observations: Observations,
    covariances: Sequence[SpectralMixture],
    noise: float = 0.0,
    jitter: float = JITTER,
    maxiter: int = 20,
) -> DensePosterior:
    """Return the posterior given observations; see `condition`."""
    check_rows(len(observations))
    check_covariances(observations, covariances)
    state: np.ndarray | None = None
    history, status = [1.0], Status.MAX_ITERATIONS
    best: DensePosterior | None = None
    with single_blas_thread():
        while best is None or len(history) <= maxiter:
            posterior = _condition_linear(observations, covariances, state, noise, jitter)
            left, size = posterior.residual_at(observations.points, observations.source)
            history.append(float(np.linalg.norm(left)) / size)
            if best is None or history[-1] <= min(history[:-1]):
                best = posterior
            if observations.pde.reaction is None:
                status = Status.CONVERGED
                break
            before = np.zeros(len(observations.points)) if state is None else state
            state = to_numpy(posterior.mean(observations.points))
            change = np.linalg.norm(state - before) / (np.linalg.norm(state) or 1.0)
            if change <= SETTLED or (change <= CLOSE and history[-1] > 0.5 * history[-2]):
                status = Status.CONVERGED
                break
            if len(history) > 2 and history[-1] > history[-2]:
                state = 0.5 * (state + before)
    return replace(best, status=status, history=np.array(history))


def _nearest(points: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the index of the nearest of `points` to each of `places`."""
    from scipy.spatial import KDTree

    return np.asarray(KDTree(points).query(places)[1])


def check_distinct(observations: Observations) -> None:
    """Raise `InvalidProblem` if a point is given twice, which only a source with noise allows."""
    if len(np.unique(observations.points, axis=0)) < len(observations.points):
        raise InvalidProblem("points holds some twice: give each once, or the noise of the source")


def check_covariances(observations: Observations, covariances: Sequence[SpectralMixture]) -> None:
    """Raise `InvalidProblem` unless there is one covariance per axis, smooth enough for the data."""
    if len(covariances) != observations.pde.dimension:
        raise InvalidProblem(f"{len(covariances)} covariances are given for {observations.pde.dimension} axes")
    for functional in observations.linearised()[0]:
        for covariance, order in zip(covariances, functional.orders, strict=True):
            covariance.check_derivatives(order)


def _condition_linear(
    observations: Observations,
    covariances: Sequence[SpectralMixture],
    state: np.ndarray | None,
    noise: float,
    jitter: float,
) -> DensePosterior:
    functionals, values = observations.linearised(state)
    matrix = to_numpy(gram_matrix(covariances, functionals))
    errors = observations.noise_variance(noise)
    amplitude, gram = _scale_to_evidence(matrix, values, errors, jitter)
    evidence = -0.5 * (gram.quadratic(values) + gram.log_determinant + len(values) * math.log(2.0 * math.pi))
    first, *others = covariances
    return DensePosterior(
        observations=observations,
        covariances=(first.scaled(amplitude), *others),
        functionals=tuple(functionals),
        values=values,
        gram=gram,
        coefficients=gram.solve(values),
        log_evidence=evidence,
        noise=noise,
        status=Status.CONVERGED,
        history=np.ones(1),
    )


def _scale_to_evidence(matrix: np.ndarray, values: np.ndarray, errors: np.ndarray, jitter: float) -> tuple[float, Gram]:
    """Return the factor of the prior covariance that maximises the evidence, and the scaled covariance of the data."""
    if not values.any():
        return 1.0, factorise(matrix + np.diag(errors), jitter)
    if not errors.any():
        gram = factorise(matrix, jitter)
        amplitude = gram.quadratic(values) / len(values)
        return amplitude, replace(gram, scale=gram.scale / math.sqrt(amplitude))
    from scipy.optimize import minimize_scalar

    def with_amplitude(logarithm: float) -> Gram:
        return factorise(math.exp(logarithm) * matrix + np.diag(errors), jitter)

    def misfit(logarithm: float) -> float:
        gram = with_amplitude(logarithm)
        return gram.quadratic(values) + gram.log_determinant

    likely = math.log(float((values**2).sum() / matrix.trace()))
    found: Any = minimize_scalar(misfit, bounds=(likely - 30.0, likely + 30.0), options={"xatol": 1e-2})
    return math.exp(found.x), with_amplitude(found.x)
