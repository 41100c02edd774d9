"""Posteriors of equations in two and three dimensions, in products of functions of one variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from ritz.arguments import check_seed
from ritz.backend import Array
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import MultiIndex
from ritz.solution import Status
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver, along_axes

from ..grid_data import GridData, equation_size, side_weight
from ..points import check_points, like_points, multi_index
from .axis_basis import AxisBasis
from .spectral_features import SpectralFeatures

__all__ = ["TensorPosterior"]

BLOCK = 4_000_000  # maximum number of function values at points held at a time


@dataclass(frozen=True, eq=False)
class TensorPosterior:
    r"""Posterior of a process on a box that is a random combination of products of functions of one variable.

    A priori, all products contribute alike to the source. The prior width maximises the evidence: it is so large that
    the mean is the Galerkin solution, and the variance comes from the noise of the source.

    Parameters
    ----------
    data : GridData
    bases : tuple of AxisBasis
    coefficients : ndarray, shape (m1, ..., md)
        Coefficients of the mean in products of the orthonormal functions.
    solver : KroneckerSumSolver
        Solver of the (linearised, averaged) equation on functions that meet the conditions with data 0.
    noise : float
        Standard deviation of the noise of the source, given or estimated from the residual of the mean.
    condition : float
        Ratio of the largest to the smallest absolute eigenvalue of the equation.
    log_evidence : float
        Log density of the source under the prior.
    status : Status
        Status of the iteration, if there is one.
    history : ndarray, shape (iterations + 1,)
    linearised : callable, optional
        Returns the solver that the spread follows from, and a factor of the standard deviation, if the equation is not
        the Kronecker sum that `solver` solves.
    """

    data: GridData
    bases: tuple[AxisBasis, ...]
    coefficients: np.ndarray
    solver: KroneckerSumSolver
    noise: float
    condition: float
    log_evidence: float
    status: Status
    history: np.ndarray
    linearised: Callable[[], tuple[KroneckerSumSolver, float]] | None = None

    @cached_property
    def _spread(self) -> tuple[KroneckerSumSolver, float]:
        return (self.solver, 1.0) if self.linearised is None else self.linearised()

    @property
    def prior(self) -> tuple[SpectralFeatures, ...]:
        """Features along each axis."""
        return tuple(basis.features for basis in self.bases)

    @property
    def frequencies(self) -> tuple[np.ndarray, ...]:
        """Angular frequencies of the mixture along each axis."""
        return tuple(np.array([0.0, *basis.features.frequencies]) for basis in self.bases)

    @cached_property
    def weights(self) -> tuple[np.ndarray, ...]:
        """Share of each frequency in the mean: the norm of its projection on the tone, relative to the largest."""
        found: list[np.ndarray] = []
        for axis, basis in enumerate(self.bases):
            rows = np.moveaxis(self.coefficients, axis, 0).reshape(basis.count, -1)
            shares = [np.linalg.norm(basis.tone(frequency) @ rows) for frequency in self.frequencies[axis]]
            found.append(np.array(shares) / (max(shares) or 1.0))
        return tuple(found)

    def mean(self, points: Array, derivative: MultiIndex | None = None) -> Array:
        """Return the posterior mean of u, or of a derivative of it, at points of shape (P, d)."""
        index = multi_index(derivative, self.data.dimension)
        checked = check_points("points", points, self.data.pde)
        found = np.empty(len(checked))
        for part in self._parts(len(checked)):
            tensor: np.ndarray = self.coefficients
            rows = [basis.at(column, k) for basis, column, k in zip(self.bases, checked[part].T, index, strict=True)]
            tensor = np.tensordot(rows[0], tensor, axes=(1, 0))
            for row in rows[1:]:
                tensor = np.einsum("pi,pi...->p...", row, tensor)
            found[part] = tensor
        return like_points(found, points)

    def mean_on(self, axes: Sequence[np.ndarray]) -> np.ndarray:
        """Return the posterior mean on a tensor grid, shape (n1, ..., nd)."""
        return along_axes([basis.at(axis) for basis, axis in zip(self.bases, axes, strict=True)], self.coefficients)

    def variance(self, points: Array) -> Array:
        """Return the posterior variance of u, shape (P,), with one transposed solve per point."""
        checked = check_points("points", points, self.data.pde)
        rows = [basis.at(column) @ basis.inside for basis, column in zip(self.bases, checked.T, strict=True)]
        spread = [basis.inside.T @ basis.fit for basis in self.bases]  # maps noise at the nodes to the equations
        solver, factor = self._spread
        found = [
            np.linalg.norm(along_axes([s.T for s in spread], solver.transposed(reduce(np.multiply.outer, row)))) ** 2
            for row in zip(*rows, strict=True)
        ]
        return like_points((factor * self.noise) ** 2 * np.array(found), points)

    def sample(self, points: Array, count: int = 1, seed: int = 0) -> Array:
        """Draw functions from the posterior, shape (count, P), with one solve each.

        By Matheron's rule, noise is drawn on the grid, and the solution of the equation for it is added to the mean.
        """
        solver, factor = self._spread
        generator = np.random.default_rng(check_seed(seed))
        draws = [self.mean(points)] * count
        for number in range(count):
            noise = factor * self.noise * generator.standard_normal(self.data.shape)
            change = solver(along_axes([basis.inside.T @ basis.fit for basis in self.bases], noise))
            whole = along_axes([basis.inside for basis in self.bases], change)
            draws[number] = draws[number] + replace(self, coefficients=whole).mean(points)
        return like_points(np.stack([np.asarray(draw) for draw in draws]), points)

    def residual(self, data: GridData) -> float:
        """Return the relative residual of the mean: the largest of those of the equation and of the conditions.

        The residual of the equation at the nodes of `data` is weighted by `side_weight` and relative to the largest
        term; those of the conditions on a side are relative to u, or to its slope, over the grid.
        """
        absolute, size = self.misfit(data)
        return max(absolute / size, self._condition_residual(data))

    @cached_property
    def at_nodes(self) -> tuple[float, float]:
        """Relative residual at the nodes of the own data, and the norm of the largest term there."""
        absolute, size = self.misfit(self.data)
        return max(absolute / size, self._condition_residual(self.data)), size

    def misfit(self, data: GridData) -> tuple[float, float]:
        """Return the weighted norms of the residual and of the largest term at the nodes of `data`."""
        weight, terms = side_weight(data), self.terms(data)
        size = equation_size(data, terms, self.mean_on(data.axes), weight)
        return float(np.linalg.norm(weight * reduce(np.subtract, terms, data.source))), size

    def _condition_residual(self, data: GridData) -> float:
        found = [0.0]
        for axis, conditions in enumerate(data.conditions):
            for condition in conditions:
                known = data.values_on(condition, axis)
                rows = [basis.at(nodes) for basis, nodes in zip(self.bases, data.axes, strict=True)]
                ends = np.array(data.pde.domain[axis])
                at_ends = [self.bases[axis].at(ends, order) for order in range(condition.parts[0][1] + 1)]
                rows[axis] = sum(factor * at_ends[order][end : end + 1] for end, order, factor in condition.parts)  # pyright: ignore
                left = along_axes(rows, self.coefficients) - known
                rows[axis] = self.bases[axis].at(data.axes[axis], condition.parts[0][1])
                inside = along_axes(rows, self.coefficients)
                size = float(np.sqrt(np.mean(inside**2))) or 1.0
                found.append(float(np.sqrt(np.mean(left**2))) / size)
        return max(found)

    def terms(self, data: GridData) -> list[np.ndarray]:
        """Return all terms of the equation, including the reaction, for the mean at the nodes of `data`."""
        tables: dict[tuple[int, int], np.ndarray] = {}

        def derivative(index: MultiIndex) -> np.ndarray:
            for axis, order in enumerate(index):
                if (axis, order) not in tables:
                    tables[axis, order] = self.bases[axis].at(data.axes[axis], order)
            return along_axes([tables[pair] for pair in enumerate(index)], self.coefficients)

        terms = [values * derivative(index) for index, values in data.coefficients.items()]
        if data.pde.reaction is not None:
            u = derivative((0,) * data.dimension)
            terms.append(evaluate("reaction", data.pde.reaction[0], (u,)))
        return terms

    def _parts(self, count: int) -> list[slice]:
        rows = max(1, BLOCK // (self.coefficients.size // self.coefficients.shape[0] + 1))
        return [slice(start, start + rows) for start in range(0, count, rows)]
