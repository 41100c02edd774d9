"""Equations in two and three dimensions, conditioned in a tensor product of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any, Literal

import numpy as np

from ritz.backend import Array, single_blas_thread
from ritz.fields import evaluate
from ritz.newton import newton
from ritz.pde import MultiIndex
from ritz.solution import Status
from ritz.solver import Callback

from .axis_basis import AxisBasis
from .features import Features
from .grid_data import GridData, coefficients, equation_size, side_weight
from .kronecker_sum import KroneckerSumSolver, along_axes
from .observations import check_points, like_points, multi_index

__all__ = ["TensorPosterior", "condition_tensor"]

FINEST = 1e-12  # relative residual that iterations are asked for; the step that meets it goes far beyond
BLOCK = 4_000_000  # numbers of the functions at points that are held at a time


@dataclass(frozen=True, eq=False)
class TensorPosterior:
    r"""The posterior of a process on a box, a random combination of products of functions of one variable.

    The prior gives all products the same part in the source, and is as wide as the evidence makes it: wide enough for
    the mean to be the Galerkin solution, and for the noise of the source to be what the variance comes from.

    Parameters
    ----------
    data : GridData
    bases : tuple of AxisBasis
    coefficients : ndarray, shape (m1, ..., md)
        Of the mean in products of the orthonormal functions.
    solver : KroneckerSumSolver
        Of the (linearised, averaged) equation on functions that meet the conditions with data 0.
    noise : float
        Standard deviation of the noise of the source: that given, or what the mean leaves of the source.
    condition : float
        Ratio of the largest eigenvalue of the equation to the smallest.
    log_evidence : float
        Log density of the source under the prior.
    status : Status
        How the iteration ended, where there is one.
    history : ndarray, shape (iterations + 1,)
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

    @property
    def prior(self) -> tuple[Features, ...]:
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
        """Return the posterior mean of u, or of a derivative of it, at points ``(P, d)``."""
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
        """Return the posterior mean on a tensor grid, ``(n1, ..., nd)``."""
        return along_axes([basis.at(axis) for basis, axis in zip(self.bases, axes, strict=True)], self.coefficients)

    def variance(self, points: Array) -> Array:
        """Return the posterior variance of u, ``(P,)``. One transposed solve a point."""
        checked = check_points("points", points, self.data.pde)
        rows = [basis.at(column) @ basis.inside for basis, column in zip(self.bases, checked.T, strict=True)]
        spread = [basis.inside.T @ basis.fit for basis in self.bases]  # of the noise at the nodes to the equations
        found = [
            np.linalg.norm(along_axes([s.T for s in spread], self.solver.transposed(reduce(np.multiply.outer, row))))
            ** 2
            for row in zip(*rows, strict=True)
        ]
        return like_points(self.noise**2 * np.array(found), points)

    def sample(self, points: Array, count: int = 1, seed: int = 0) -> Array:
        """Draw functions from the posterior, ``(count, P)``, one solve each.

        By Matheron's rule: noise is drawn on the grid, and what the equation makes of it added to the mean.
        """
        generator = np.random.default_rng(seed)
        draws = [self.mean(points)] * count
        for number in range(count):
            noise = self.noise * generator.standard_normal(self.data.shape)
            change = self.solver(along_axes([basis.inside.T @ basis.fit for basis in self.bases], noise))
            whole = along_axes([basis.inside for basis in self.bases], change)
            draws[number] = draws[number] + replace(self, coefficients=whole).mean(points)
        return like_points(np.stack([np.asarray(draw) for draw in draws]), points)

    def residual(self, data: GridData) -> float:
        """Return the relative residual of the mean: of the equation at the nodes of `data`, or of the conditions.

        That of the equation with `side_weight`, in the norm of its largest term; that of the conditions of a side in
        the norm of u, or of its slope, over the grid. The largest counts.
        """
        absolute, size = self.misfit(data)
        return max(absolute / size, self._condition_residual(data))

    def misfit(self, data: GridData) -> tuple[float, float]:
        """Return the weighted norm of the residual at the nodes of `data`, and that of the largest term."""
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
        """Return every term of the equation for the mean at the nodes of `data`, the reaction included."""
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


def condition_tensor(
    data: GridData,
    features: Sequence[Features],
    noise: float | Literal["learn"] = 0.0,
    *,
    start: np.ndarray | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> TensorPosterior:
    """Return the posterior of the solution of an equation on a box, its prior a product over the axes.

    The source is fitted by products of functions of one variable, and the equation is asked to hold when tested with
    those that vanish where conditions hold (Galerkin). Terms that act on one axis make a Kronecker sum of small
    matrices, which is solved directly; a reaction, and terms that couple the axes, are iterated on by Newton's method
    with GMRES, preconditioned by that sum. For N nodes and m functions along each of d axes: O(N^d m) time to fit,
    O(N m^2 + m^(d+1)) to solve, and O(N^d) memory.

    Parameters
    ----------
    data : GridData
    features : sequence of Features
        One an axis.
    noise : float or "learn"
        Standard deviation of the noise of the source.
    start : ndarray, shape (n1, ..., nd), optional
        Values at the nodes that an iteration is to start from; 0 if left out.
    maxiter, callback
        Of Newton's method.
    """
    with single_blas_thread():
        return _Galerkin(data, features).posterior(noise, start, maxiter, callback)


class _Galerkin:
    """The equation in coefficients of products of orthonormal functions."""

    def __init__(self, data: GridData, features: Sequence[Features]):
        self.data = data
        orders = np.max(list(data.pde.terms), axis=0)
        self.bases = tuple(
            AxisBasis(part, data.axes[axis], data.conditions[axis], int(orders[axis]))
            for axis, part in enumerate(features)
        )
        separable, self.coupled = _split(data, self.bases)
        self.operators = [
            sum(parts, np.zeros((basis.count,) * 2)) for parts, basis in zip(separable, self.bases, strict=True)
        ]
        self.inside = [basis.inside for basis in self.bases]
        factors = [inside.T @ operator @ inside for inside, operator in zip(self.inside, self.operators, strict=True)]
        self.solver = KroneckerSumSolver(factors, data.singular)
        self.fit = [basis.fit for basis in self.bases]
        self.known = self._conditions()
        self.iterative = data.pde.reaction is not None or bool(self.coupled)

    def posterior(
        self,
        noise: float | Literal["learn"],
        start: np.ndarray | None,
        maxiter: int | None,
        callback: Callback | None,
    ) -> TensorPosterior:
        source = along_axes(self.fit, self.data.source)
        if self.iterative:
            y0 = np.zeros([inside.shape[1] for inside in self.inside])
            if start is not None:
                values = along_axes(self.fit, start) - self.known
                y0 = along_axes([inside.T for inside in self.inside], values)
            scale = float(np.linalg.norm(self._tested(source - self._separable(self.known))))
            found = newton(
                lambda y: self._residual(source, y.reshape(y0.shape)).ravel(),
                lambda y, residual, tolerance: self._step(y.reshape(y0.shape), residual, tolerance),
                y0.ravel(),
                rtol=FINEST,
                scale=scale,
                maxiter=maxiter,
                callback=None if callback is None else lambda k, y, r: callback(k, self._at_nodes(y).ravel(), r),
            )
            whole, status, history = self._whole(found.u.reshape(y0.shape)), found.status, found.history
        else:
            whole, status, history = self.known, Status.CONVERGED, [1.0]
            for _ in range(2):  # the second time for what rounding left
                whole = whole + self._inner(self.solver(self._tested(source - self._separable(whole))))
        posterior = TensorPosterior(
            self.data, self.bases, whole, self.solver, 0.0, self.solver.condition, 0.0, status, np.array(history)
        )
        left = self.data.source - sum(posterior.terms(self.data), np.zeros(1))
        weight = np.broadcast_to(side_weight(self.data), left.shape)
        free = max(left.size - source.size, 1) / left.size  # share of the data that the fit has not used up
        spread = float(np.linalg.norm(weight * left) / np.linalg.norm(weight)) / free**0.5
        deviation = float(noise) if noise and noise != "learn" else spread
        if not self.iterative:
            posterior = replace(posterior, history=np.array([1.0, posterior.residual(self.data)]))
        evidence = _log_evidence(source, self.data.source, deviation)
        return replace(posterior, noise=deviation, log_evidence=evidence)

    def _conditions(self) -> np.ndarray:
        """Return coefficients that meet the conditions, and have no part inside, (m1, ..., md)."""
        changed = np.zeros([basis.count for basis in self.bases])
        inverse = [np.linalg.inv(basis.change) for basis in self.bases]
        for axis, basis in enumerate(self.bases):
            for number, condition in enumerate(basis.conditions):
                values = self.data.values_on(condition, axis)
                maps = [
                    np.ones((1, 1)) if other == axis else inverse[other] @ self.fit[other]
                    for other in range(len(self.bases))
                ]
                place = [slice(None)] * len(self.bases)
                place[axis] = slice(number, number + 1)
                changed[tuple(place)] = along_axes(maps, values)
        return along_axes([basis.change for basis in self.bases], changed)

    def _separable(self, whole: np.ndarray) -> np.ndarray:
        """Return coefficients of the terms that act on one axis."""
        total = np.zeros_like(whole)
        for axis, operator in enumerate(self.operators):
            total += np.moveaxis(np.tensordot(operator, whole, axes=(1, axis)), 0, axis)
        return total

    def _tested(self, whole: np.ndarray) -> np.ndarray:
        return along_axes([inside.T for inside in self.inside], whole)

    def _inner(self, y: np.ndarray) -> np.ndarray:
        return along_axes(self.inside, y)

    def _whole(self, y: np.ndarray) -> np.ndarray:
        return self.known + self._inner(y)

    def _at_nodes(self, y: np.ndarray, index: MultiIndex | None = None) -> np.ndarray:
        whole = self._whole(y.reshape([inside.shape[1] for inside in self.inside]))
        return self._derivative(whole, index or (0,) * len(self.bases))

    def _derivative(self, whole: np.ndarray, index: MultiIndex) -> np.ndarray:
        return along_axes([basis.values[order] for basis, order in zip(self.bases, index, strict=True)], whole)

    def _residual(self, source: np.ndarray, y: np.ndarray) -> np.ndarray:
        whole = self._whole(y)
        rest = source - self._separable(whole)
        on_grid = sum(
            (c * self._derivative(whole, index) for index, c in self.coupled.items()), np.zeros(self.data.shape)
        )
        if self.data.pde.reaction is not None:
            u = self._derivative(whole, (0,) * len(self.bases))
            on_grid = on_grid + evaluate("reaction", self.data.pde.reaction[0], (u,))
        return self._tested(rest - along_axes(self.fit, on_grid))

    def _step(self, y: np.ndarray, residual: np.ndarray, tolerance: float) -> np.ndarray:
        """Return minus the change of y for which the linearised residual vanishes."""
        from scipy.sparse.linalg import LinearOperator, gmres

        slope: Any = 0.0
        if self.data.pde.reaction is not None:
            slope = evaluate("derivative of reaction", self.data.pde.reaction[1], (self._at_nodes(y),))

        def product(z: np.ndarray) -> np.ndarray:
            whole = self._inner(self.solver(z.reshape(y.shape)))
            on_grid = sum((c * self._derivative(whole, index) for index, c in self.coupled.items()), np.zeros(1))
            if self.data.pde.reaction is not None:
                on_grid = on_grid + slope * self._derivative(whole, (0,) * len(self.bases))
            return z + self._tested(along_axes(self.fit, on_grid)).ravel()

        size = residual.size
        operator: Any = LinearOperator((size, size), matvec=product, dtype=np.float64)  # pyright: ignore
        z, _ = gmres(operator, residual, rtol=tolerance, restart=60, maxiter=10)
        return -self.solver(z.reshape(y.shape)).ravel()


def _split(data: GridData, bases: Sequence[AxisBasis]) -> tuple[list[list[np.ndarray]], dict[MultiIndex, np.ndarray]]:
    """Return the terms that act on one axis, as matrices, and the rest with coefficients on the grid.

    Of a coefficient that varies along other axes too the mean over these is taken, and the rest is left.
    """
    separable: list[list[np.ndarray]] = [[] for _ in bases]
    coupled: dict[MultiIndex, np.ndarray] = {}
    for index, values in data.coefficients.items():
        axes = [axis for axis, order in enumerate(index) if order]
        if len(axes) > 1:
            coupled[index] = values
            continue
        varying = [axis for axis, count in enumerate(values.shape) if count > 1]
        axis = axes[0] if axes else (varying[0] if len(varying) == 1 else 0)
        matrix, mean = _along_one(data, index, axis, bases[axis], values)
        separable[axis].append(matrix)
        if values.size > 1 and float(np.abs(values - mean).max()) > 1e-13 * float(np.abs(values).max()):
            coupled[index] = values - mean
    return separable, coupled


def _along_one(
    data: GridData, index: MultiIndex, axis: int, basis: AxisBasis, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix of a term whose coefficient is averaged over the other axes, and that coefficient."""
    if values.size == 1:
        return values.item() * basis.operator(index[axis]), values
    nodes = list(data.axes)
    nodes[axis] = basis.quadrature_nodes
    others = tuple(other for other in range(data.dimension) if other != axis)
    fine = coefficients_of(data, index, nodes).mean(axis=others)
    mean = values.mean(axis=others, keepdims=True)
    return basis.operator(index[axis], fine), mean


def coefficients_of(data: GridData, index: MultiIndex, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the coefficient of a term on another grid, in full shape."""
    values = coefficients(data.pde, axes).get(index, np.zeros(1))
    return np.broadcast_to(values, [len(axis) for axis in axes])


def _log_evidence(fitted: np.ndarray, source: np.ndarray, noise: float) -> float:
    """Return the log density of the source: its part in the span has the variance of the prior, the rest the noise."""
    count, used = source.size, fitted.size
    within = float(np.linalg.norm(fitted) ** 2)
    # In orthonormal coordinates of the nodes; functions of norm 1 on the box have mean square 1 / length there.
    if not (within and noise):
        return np.inf
    per_node = float(np.linalg.norm(source) ** 2) / used
    rest = (count - used) * (np.log(2 * np.pi * noise**2) + 1.0)
    return -0.5 * (used * (np.log(2 * np.pi * per_node) + 1.0) + rest)
