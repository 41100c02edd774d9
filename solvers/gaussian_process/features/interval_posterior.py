"""Posteriors of one-dimensional equations in feature space."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ritz.arguments import Callback, check_seed
from ritz.backend import Array, single_blas_thread
from ritz.newton import newton
from ritz.problem_types.pde.fields import evaluate
from ritz.solution import Status

from ..grid_data import GridData, equation_size
from ..points import check_points, like_points, multi_index
from .linear_model import WeightPosterior, condition_weights
from .spectral_features import SpectralFeatures

__all__ = ["IntervalPosterior", "condition_on_interval"]

EXACT = 1e4  # weight of the exact conditions relative to a noisy source
FINEST = 1e-12  # relative residual requested of Newton's method; its last step goes far below


@dataclass(frozen=True, eq=False)
class IntervalPosterior:
    """Posterior of a process on an interval that is a random combination of features.

    Parameters
    ----------
    data : GridData
    features : SpectralFeatures
    scales : ndarray, shape (m,)
        Divisor of each feature that equalises the contributions to the source.
    root : WeightPosterior
        Posterior of the weights.
    noise : float
        Standard deviation of the noise of the source.
    condition : float
        Ratio of the largest to the smallest singular value that counts.
    log_evidence : float
        Log density of the data under the prior.
    status : Status
        Status of the iteration of a nonlinear equation.
    history : ndarray, shape (iterations + 1,)
    """

    data: GridData
    features: SpectralFeatures
    scales: np.ndarray
    root: WeightPosterior
    noise: float
    condition: float
    log_evidence: float
    status: Status
    history: np.ndarray

    @property
    def prior(self) -> tuple[SpectralFeatures, ...]:
        """Features along each axis."""
        return (self.features,)

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]:
        """Angular frequencies of the mixture."""
        return (np.array([0.0, *self.features.frequencies]),)

    @cached_property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Share of each frequency in the mean: the norm of its part at the nodes, relative to the largest."""
        values = self.features.evaluate(self.data.axes[0])[0] * self._coefficients
        starts = [0, self.features.low_order]
        starts += [starts[1] + 2 * self.features.modulation * (k + 1) for k in range(len(self.features.frequencies))]
        parts = [np.linalg.norm(values[:, a:b].sum(axis=1)) for a, b in itertools.pairwise(starts)]
        return (np.array(parts) / (max(parts) or 1.0),)

    def mean(self, points: Array, derivative: int | tuple[int, ...] | None = None) -> Array:
        """Return the posterior mean of u, or of a derivative of it, at points of shape (P,) or (P, 1)."""
        [order] = multi_index(derivative, 1)
        return like_points(self._evaluate(self._inside(points), order)[order] @ self._coefficients, points)

    def variance(self, points: Array) -> Array:
        """Return the posterior variance of u, shape (P,)."""
        rows = self._evaluate(self._inside(points), 0)[0] / self.scales
        return like_points(self.root.variance(rows), points)

    def sample(self, points: Array, count: int = 1, seed: int = 0) -> Array:
        """Draw functions from the posterior, shape (count, P)."""
        weights = self.root.sample(count, np.random.default_rng(check_seed(seed))) / self.scales
        return like_points(weights @ self._evaluate(self._inside(points), 0)[0].T, points)

    def residual(self, data: GridData) -> float:
        """Return the relative residual of the mean: the larger of those of the equation and of the conditions.

        The residual of the equation at the nodes of `data` is relative to its largest term, that of a condition to
        the largest value of u or of its slope.
        """
        absolute, size = self.misfit(data)
        return max(absolute / size, self._condition_residual(data))

    @cached_property
    def at_nodes(self) -> tuple[float, float]:
        """Relative residual at the nodes of the own data, and the norm of the largest term there."""
        absolute, size = self.misfit(self.data)
        return max(absolute / size, self._condition_residual(self.data)), size

    def misfit(self, data: GridData) -> tuple[float, float]:
        """Return the norm of the residual of the mean at the nodes of `data`, and that of the largest term."""
        [points] = data.axes
        order = max(index[0] for index in data.pde.terms)
        u = [block @ self._coefficients for block in self.features.evaluate(points, order)]
        terms = [coefficient * u[index[0]] for index, coefficient in data.coefficients.items()]
        if data.pde.reaction is not None:
            terms.append(evaluate("reaction", data.pde.reaction[0], (u[0],)))
        return float(np.linalg.norm(data.source - sum(terms, np.zeros(1)))), equation_size(data, terms, u[0])

    def _condition_residual(self, data: GridData) -> float:
        found = [0.0]
        ends = self.features.evaluate(np.array(data.pde.domain[0]), 1)
        inside = self.features.evaluate(data.axes[0], 1)
        for condition in data.conditions[0]:
            terms = [factor * (ends[order][end] @ self._coefficients) for end, order, factor in condition.parts]
            known = data.values_on(condition, 0).item()
            order = condition.parts[0][1]
            size = max(float(np.abs(inside[order] @ self._coefficients).max()), abs(known))
            found.append(abs(sum(terms) - known) / (size or 1.0))
        return max(found)

    def mean_on(self, axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the posterior mean at the nodes of a grid, shape (n,)."""
        return self.features.evaluate(axes[0])[0] @ self._coefficients

    @cached_property
    def _coefficients(self) -> np.ndarray:
        return self.root.mean / self.scales

    def _inside(self, points: Array) -> np.ndarray:
        return check_points("points", points, self.data.pde)[:, 0]

    def _evaluate(self, points: np.ndarray, order: int) -> list[np.ndarray]:
        return self.features.evaluate(points, order)


def condition_on_interval(
    data: GridData,
    features: SpectralFeatures,
    noise: float | Literal["learn"] = 0.0,
    *,
    start: np.ndarray | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> IntervalPosterior:
    """Return the posterior of the solution of a one-dimensional equation.

    Conditions on the source at the nodes and on the end conditions together, in square-root form. A reaction is
    linearised around the mean repeatedly (Gauss-Newton). A step takes O(N m^2) time for N nodes and m features.

    Parameters
    ----------
    data : GridData
    features : SpectralFeatures
    noise : float or "learn"
        Standard deviation of the noise of the source.
    start : ndarray, shape (N,), optional
        Initial values at the nodes for a nonlinear equation. Default: 0.
    maxiter, callback
        Limit and callback of the Gauss-Newton iteration.
    """
    equations = _Equations(data, features, noise)
    with single_blas_thread():
        if data.pde.reaction is None:
            return equations.posterior(Status.CONVERGED, [1.0])
        z0 = np.zeros(features.count) if start is None else equations.project(start)
        found = newton(
            equations.residual,
            lambda z, residual, tolerance: -equations.solve(z, residual).mean,
            z0,
            rtol=FINEST,
            scale=float(np.linalg.norm(equations.right_side)),
            maxiter=maxiter,
            callback=None if callback is None else lambda k, z, r: callback(k, equations.values(z), r),
        )
        return equations.posterior(found.status, found.history, found.u)


class _Equations:
    """Equation and conditions as equally scaled rows acting on the scaled weights z of the features."""

    def __init__(self, data: GridData, features: SpectralFeatures, noise: float | Literal["learn"]):
        self.data, self.features = data, features
        self.known_noise = 0.0 if noise == "learn" else noise
        order = max(index[0] for index in data.pde.terms)
        blocks = features.evaluate(data.axes[0], order)
        ends = features.evaluate(np.array(data.pde.domain[0]), order)
        operator = sum(c[:, None] * blocks[index[0]] for index, c in data.coefficients.items())
        self.unit = 1.0 / (float(np.abs(operator).max()) or 1.0)  # scale of the rows of the equation
        exact = EXACT if noise else 1.0
        rows = [sum(factor * ends[k][end] for end, k, factor in condition.parts) for condition in data.conditions[0]]
        sizes = [exact / (float(np.abs(row).max()) or 1.0) for row in rows]
        known = [
            size * data.values_on(condition, 0).item()
            for size, condition in zip(sizes, data.conditions[0], strict=True)
        ]
        stacked = np.vstack([self.unit * operator, *(size * row for size, row in zip(sizes, rows, strict=True))])
        self.scales = np.linalg.norm(stacked, axis=0)
        self.scales[self.scales == 0.0] = 1.0
        self.scales /= features.prior
        self.matrix = stacked / self.scales
        self.at_nodes = blocks[0] / self.scales
        self.right_side = np.concatenate([self.unit * data.source, known])

    def values(self, z: np.ndarray) -> np.ndarray:
        """Return u at the nodes."""
        return self.at_nodes @ z

    def residual(self, z: np.ndarray) -> np.ndarray:
        """Return the right-hand sides minus the left-hand sides."""
        return self.right_side - self.matrix @ z - self._reaction(0, z, 1.0)

    def solve(self, z: np.ndarray | None, right_side: np.ndarray) -> WeightPosterior:
        """Return the posterior of the weights, with the reaction linearised around z."""
        matrix = self.matrix
        if z is not None:
            matrix = matrix + self._reaction(1, z, self.at_nodes)
        return condition_weights(matrix, right_side, self.unit * self.known_noise if self.known_noise else None)

    def project(self, u: np.ndarray) -> np.ndarray:
        """Return the weights that fit the values `u` at the nodes by least squares."""
        return condition_weights(self.at_nodes, u).mean

    def posterior(self, status: Status, history: list[float], z: np.ndarray | None = None) -> IntervalPosterior:
        """Return the posterior, with the reaction linearised around z."""
        right_side = self.right_side
        if z is not None:  # data of the last linearisation
            right_side = self.residual(z) + self.matrix @ z + self._reaction(1, z, self.at_nodes) @ z
        root = self.solve(z, right_side)
        if z is not None:
            root = replace(root, mean=z)
        posterior = IntervalPosterior(
            data=self.data,
            features=self.features,
            scales=self.scales,
            root=root,
            noise=root.noise / self.unit,
            condition=root.condition,
            log_evidence=root.log_evidence + len(self.data.source) * np.log(self.unit),
            status=status,
            history=np.array(history),
        )
        if z is None:
            return replace(posterior, history=np.array([*history, posterior.at_nodes[0]]))
        return posterior

    def _reaction(self, derivative: int, z: np.ndarray, factor: Any) -> np.ndarray:
        """Return the reaction, or its derivative times the rows of `factor`, at the nodes; 0 for the conditions."""
        pair = self.data.pde.reaction
        if pair is None:
            return np.zeros(1)
        values = self.unit * evaluate("reaction", pair[derivative], (self.values(z),))
        rows = values * factor if np.ndim(factor) == 0 else values[:, None] * factor
        return np.concatenate([rows, np.zeros((len(self.right_side) - len(rows), *rows.shape[1:]))])
