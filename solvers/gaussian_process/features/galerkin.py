"""Galerkin conditioning of equations in two and three dimensions, in tensor products of features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np

from ritz.arguments import Callback
from ritz.backend import single_blas_thread
from ritz.errors import InvalidProblem
from ritz.newton import newton
from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import MultiIndex
from ritz.solution import Status
from ritz.solvers.direct.factorisation import FactorisationFailed
from ritz.solvers.direct.kronecker_sum import KroneckerSumSolver, along_axes

from ..grid_data import GridData, coefficients, side_weight
from .axis_basis import AxisBasis
from .spectral_features import SpectralFeatures
from .tensor_posterior import TensorPosterior

__all__ = ["condition_on_box"]

DRAWS, ROUGHLY = 8, 1e-2  # random sources that the spread is judged by, and relative residual of their solutions
FINEST = 1e-12  # relative residual requested of iterations; their last step goes far below


def condition_on_box(
    data: GridData,
    features: Sequence[SpectralFeatures],
    noise: float | Literal["learn"] = 0.0,
    *,
    start: np.ndarray | None = None,
    maxiter: int | None = None,
    callback: Callback | None = None,
) -> TensorPosterior:
    """Return the posterior of the solution of an equation on a box, with a product prior over the axes.

    The source is fitted by products of functions of one variable, and the equation is tested with those that satisfy
    the conditions with data 0 (Galerkin). Terms that act on one axis form a Kronecker sum of small matrices, which is
    solved directly. A reaction and terms that couple the axes are solved by Newton's method with GMRES, preconditioned
    by that sum. For N nodes and m functions along each of d axes: O(N^d m) time to fit, O(N m^2 + m^(d+1)) to solve,
    and O(N^d) memory.

    Parameters
    ----------
    data : GridData
    features : sequence of SpectralFeatures
        Features along each axis.
    noise : float or "learn"
        Standard deviation of the noise of the source.
    start : ndarray, shape (n1, ..., nd), optional
        Initial values at the nodes for an iteration. Default: 0.
    maxiter, callback
        Limit and callback of Newton's method.
    """
    with single_blas_thread():
        return _Galerkin(data, features).posterior(noise, start, maxiter, callback)


class _Galerkin:
    """The equation for the coefficients in products of orthonormal functions."""

    def __init__(self, data: GridData, features: Sequence[SpectralFeatures]):
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
        if not any(operator.any() for operator in self.operators):
            raise InvalidProblem(
                "every term couples the axes, and a product prior is conditioned through terms that act on one axis"
                " alone: use method='dense', or 'chebyshev'"
            )
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
        source, linearised = along_axes(self.fit, self.data.source), None
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
            linearised = partial(self.linearised, found.u.reshape(y0.shape))
        else:
            whole, status, history = self.known, Status.CONVERGED, [1.0]
            for _ in range(2):  # one step of iterative refinement
                whole = whole + self._inner(self.solver(self._tested(source - self._separable(whole))))
        posterior = TensorPosterior(
            self.data, self.bases, whole, self.solver, 0.0, self.solver.condition, 0.0, status, np.array(history)
        )
        if noise:
            posterior = replace(posterior, linearised=linearised)
        absolute, size = posterior.misfit(self.data)
        if not self.iterative:
            history = [1.0, absolute / size]
        deviation = float(noise) if noise and noise != "learn" else self._deviation(absolute, source.size)
        evidence = _log_evidence(self.data.source, source.size, deviation)
        return replace(posterior, noise=deviation, log_evidence=evidence, history=np.array(history))

    def linearised(self, y: np.ndarray) -> tuple[KroneckerSumSolver, float]:
        """Return a solver for the equation linearised around y, and the factor by which its solutions are too small.

        The solver has the derivative of the reaction in the form of a sum of functions of one variable. For the rest,
        and for terms that couple the axes, solutions of random sources are compared with those of the whole equation.
        """
        factors = [inside.T @ operator @ inside for inside, operator in zip(self.inside, self.operators, strict=True)]
        if self.data.pde.reaction is not None:
            slope = evaluate("derivative of reaction", self.data.pde.reaction[1], (self._at_nodes(y),))
            mean = slope.mean()
            for axis, (basis, inside, nodes) in enumerate(zip(self.bases, self.inside, self.data.axes, strict=True)):
                others = tuple(other for other in range(slope.ndim) if other != axis)
                along = slope.mean(axis=others) - (mean if axis else 0.0)
                fine = np.interp(basis.quadrature_nodes, nodes, along)
                factors[axis] = factors[axis] + inside.T @ basis.operator(0, fine) @ inside
        try:
            solver = KroneckerSumSolver(factors, self.data.singular)
        except FactorisationFailed:
            solver = self.solver
        generator = np.random.default_rng(0)
        sizes = np.zeros(2)
        for _ in range(DRAWS):
            tested = self._tested(along_axes(self.fit, generator.standard_normal(self.data.shape)))
            sizes += (
                float(np.linalg.norm(self._step(y, tested.ravel(), ROUGHLY)) ** 2),
                float(np.linalg.norm(solver(tested)) ** 2),
            )
        return solver, float(np.sqrt(sizes[0] / sizes[1])) if sizes[1] else 1.0

    def _deviation(self, weighted: float, used: int) -> float:
        """Return the standard deviation of noise that explains a residual of the given weighted norm."""
        count = self.data.source.size
        weights = np.linalg.norm(np.broadcast_to(side_weight(self.data), self.data.shape))
        return weighted / float(weights) / (max(count - used, 1) / count) ** 0.5

    def _conditions(self) -> np.ndarray:
        """Return coefficients, shape (m1, ..., md), that meet the conditions and have no part inside."""
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
        """Apply the terms that act on one axis to coefficients."""
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
        """Return the negative of the step in y that makes the linearised residual vanish."""
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
    """Split terms into those that act on one axis, as matrices, and the rest, with coefficients on the grid.

    A coefficient that also varies along other axes is split into its mean over these and the remainder.
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
    """Return the matrix of a term with its coefficient averaged over the other axes, and the averaged coefficient."""
    if values.size == 1:
        return values.item() * basis.operator(index[axis]), values
    nodes = list(data.axes)
    nodes[axis] = basis.quadrature_nodes
    others = tuple(other for other in range(data.dimension) if other != axis)
    fine = _coefficient_on(data, index, nodes).mean(axis=others)
    mean = values.mean(axis=others, keepdims=True)
    return basis.operator(index[axis], fine), mean


def _coefficient_on(data: GridData, index: MultiIndex, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the coefficient of a term on another grid, broadcast to its shape."""
    values = coefficients(data.pde, axes).get(index, np.zeros(1))
    return np.broadcast_to(values, [len(axis) for axis in axes])


def _log_evidence(source: np.ndarray, used: int, noise: float) -> float:
    """Return the log density of the source: `used` directions have prior and noise variance, the others noise only.

    The prior variance is the most likely one.
    """
    if noise == 0.0:
        return np.inf
    free = source.size - used
    within = max(float(np.linalg.norm(source)) ** 2 - free * noise**2, used * noise**2) / used
    return -0.5 * (used * (np.log(2 * np.pi * within) + 1.0) + free * (np.log(2 * np.pi * noise**2) + 1.0))
