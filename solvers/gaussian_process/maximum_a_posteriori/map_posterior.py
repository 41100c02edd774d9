"""Gaussian processes that interpolate values on a tensor grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ritz.arguments import check_seed
from ritz.backend import Array
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import MultiIndex
from ritz.solution import Status

from ..covariances.covariance import SpectralMixture, axis_matrices
from ..covariances.gram import check_rows
from ..covariances.residuals import equation_residual, points_between
from ..grid_data import GridData
from ..points import check_points, like_points, multi_index

__all__ = ["GridPart", "MapPosterior"]


@dataclass(frozen=True, eq=False)
class GridPart:
    """Process with a product covariance and known values on a grid.

    Parameters
    ----------
    axes : tuple of ndarray
    covariances : tuple of SpectralMixture
    values : ndarray, shape of the grid
    jitter : float
        Addend to the diagonal of the covariance matrix of each axis.
    """

    axes: tuple[np.ndarray, ...]
    covariances: tuple[SpectralMixture, ...]
    values: np.ndarray
    jitter: float

    @cached_property
    def matrices(self) -> list[np.ndarray]:
        """Covariance of the nodes along each axis."""
        return [
            axis_matrices(covariance, nodes, nodes, [0])[0] + self.jitter * np.eye(len(nodes))
            for covariance, nodes in zip(self.covariances, self.axes, strict=True)
        ]

    @cached_property
    def factors(self) -> list[np.ndarray]:
        """Cholesky factors of `matrices`."""
        return [np.linalg.cholesky(matrix) for matrix in self.matrices]

    @cached_property
    def coordinates(self) -> np.ndarray:
        """Coefficients of the mean in the covariances with the nodes, in the shape of the grid."""
        from scipy.linalg import cho_solve

        found = self.values
        for axis, factor in enumerate(self.factors):
            moved = np.moveaxis(found, axis, 0)
            solved = cho_solve((factor, True), moved.reshape(len(factor), -1)).reshape(moved.shape)
            found = np.moveaxis(solved, 0, axis)
        return found

    def derivative_on_grid(self, index: MultiIndex) -> np.ndarray:
        """Return a derivative of the mean at the nodes; for order 0, the values themselves."""
        if not any(index):
            return self.values
        return self._contract([self._rows(axis, self.axes[axis], order) for axis, order in enumerate(index)])

    def mean(self, points: np.ndarray, index: MultiIndex) -> np.ndarray:
        """Return a derivative of the mean at points of shape (P, d).

        Points with few distinct coordinates along each axis, as on a grid, take a single contraction.
        """
        distinct = [np.unique(column, return_inverse=True) for column in points.T]
        rows = [self._rows(axis, nodes, index[axis]) for axis, (nodes, _) in enumerate(distinct)]
        if math.prod(len(part) for part in rows) <= 4 * len(points):
            return self._contract(rows)[tuple(where for _, where in distinct)]
        first = np.tensordot(rows[0], self.coordinates, axes=1)  # (lines, n2, ...)
        found = np.empty(len(points))
        for number, places in enumerate(zip(*(where for _, where in distinct), strict=True)):
            part = first[places[0]]
            for row, place in zip(rows[1:], places[1:], strict=True):
                part = np.tensordot(row[place], part, axes=1)
            found[number] = part
        return found

    def variance(self, points: np.ndarray) -> np.ndarray:
        """Return the variance at points of shape (P, d), given the values on the grid."""
        from scipy.linalg import solve_triangular

        explained = np.ones(len(points))
        for axis, column in enumerate(points.T):
            nodes, where = np.unique(column, return_inverse=True)
            whitened = solve_triangular(self.factors[axis], self._rows(axis, nodes, 0).T, lower=True)
            explained = explained * (whitened**2).sum(axis=0)[where]
        prior = math.prod(float(covariance.variance) for covariance in self.covariances)
        return np.maximum(prior - explained, 8 * np.finfo(np.float64).eps * prior)

    def covariance(self, points: np.ndarray) -> np.ndarray:
        """Return the covariance of points, shape (P, P), given the values on the grid."""
        from scipy.linalg import solve_triangular

        prior, explained = np.ones((len(points),) * 2), np.ones((len(points),) * 2)
        for covariance, factor, nodes, column in zip(self.covariances, self.factors, self.axes, points.T, strict=True):
            prior *= axis_matrices(covariance, column, column, [0])[0]
            whitened = solve_triangular(factor, axis_matrices(covariance, nodes, column, [0])[0], lower=True)
            explained *= whitened.T @ whitened
        return prior - explained

    def _rows(self, axis: int, nodes: np.ndarray, order: int) -> np.ndarray:
        return axis_matrices(self.covariances[axis], nodes, self.axes[axis], [order])[0]

    def _contract(self, rows: list[np.ndarray]) -> np.ndarray:
        found = self.coordinates
        for part in rows:  # each pass rotates the axes by one
            found = np.tensordot(found, part, axes=(0, 1))
        return found


@dataclass(frozen=True, eq=False)
class MapPosterior:
    """Maximum of the joint posterior density of grid values and hyperparameters, as a sum of processes.

    Parameters
    ----------
    data : GridData
        Data of the PDE.
    parts : tuple of GridPart
        The mixture and, with a change point, the process fitted to its remainder.
    log_evidence : float
        Joint log density of values and hyperparameters up to a constant. Unlike an evidence, it is not integrated over
        them.
    noise : float
        Learned standard deviation of the residual of the equation.
    status : Status
    history : ndarray, shape (iterations + 1,)
        Relative residual of equation and boundary values at each iteration.
    """

    data: GridData
    parts: tuple[GridPart, ...]
    log_evidence: float
    noise: float
    status: Status
    history: np.ndarray

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]:
        """Angular frequencies along each axis, starting with those of the mixture."""
        return tuple(np.concatenate([part.frequencies for part in along]) for along in self._along_axes())

    @property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Weights of the frequencies along each axis."""
        return tuple(np.concatenate([part.weights for part in along]) for along in self._along_axes())

    @cached_property
    def condition(self) -> float:
        """Condition number of the covariance of the grid values, the largest over the parts."""
        return max(math.prod(float(np.linalg.cond(matrix)) for matrix in part.matrices) for part in self.parts)

    @cached_property
    def residuals(self) -> dict[str, float]:
        """Residuals of the equation, relative to the norm of the source (or of the largest term, if larger).

        ``"train"`` is the residual at the nodes, ``"off-grid"`` that between them (NaN if the source is known at the
        nodes only). ``"held-out"`` is NaN, because all nodes are fitted.
        """
        pde = self.data.pde
        nodes = np.stack([part.ravel() for part in np.meshgrid(*self.data.axes, indexing="ij")], axis=1)
        left, size = equation_residual(pde, self._mean, nodes, self.data.source.ravel())
        found = {"train": float(np.linalg.norm(left)) / size, "held-out": math.nan, "off-grid": math.nan}
        if not self.data.measured:
            between = points_between(nodes, pde.domain)
            source = evaluate("source", pde.source, tuple(between.T))
            left, size = equation_residual(pde, self._mean, between, source)
            found["off-grid"] = float(np.linalg.norm(left)) / size
        return found

    def mean(self, points: Array, derivative: int | MultiIndex | None = None) -> Array:
        """Return u or a derivative of it, shape (P,), at points of shape (P, d), or (P,) in one dimension."""
        checked = check_points("points", points, self.data.pde)
        return like_points(self._mean(checked, multi_index(derivative, self.data.dimension)), points)

    def variance(self, points: Array) -> Array:
        """Return the variance at points given the grid values, shape (P,), without the variance of these values."""
        checked = check_points("points", points, self.data.pde)
        return like_points(np.sum([part.variance(checked) for part in self.parts], axis=0), points)

    def standard_deviation(self, points: Array) -> Array:
        """Return the square root of the variance, shape (P,)."""
        return self.variance(points) ** 0.5

    def sample(self, points: Array, count: int = 1, seed: int = 0) -> Array:
        """Draw functions through the grid values, shape (count, P), in O(P^3) time."""
        checked = check_points("points", points, self.data.pde)
        check_rows(len(checked))
        covariance = np.sum([part.covariance(checked) for part in self.parts], axis=0)
        values, vectors = np.linalg.eigh(covariance)
        normal = np.random.default_rng(check_seed(seed)).standard_normal((count, len(checked)))
        mean = self._mean(checked, (0,) * self.data.dimension)
        return like_points(mean + (normal * np.sqrt(np.maximum(values, 0.0))) @ vectors.T, points)

    def _mean(self, points: np.ndarray, index: MultiIndex) -> np.ndarray:
        return np.sum([part.mean(points, index) for part in self.parts], axis=0)

    def _along_axes(self) -> list[tuple[SpectralMixture, ...]]:
        return list(zip(*(part.covariances for part in self.parts), strict=True))
