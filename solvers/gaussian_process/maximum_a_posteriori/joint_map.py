"""Joint maximum a posteriori estimate of the values of a Gaussian process and its hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.arguments import Callback, check_choice, check_integer, check_number, iteration_limit
from ritz.backend import single_torch_thread, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.stencils.boundary import side_names
from ritz.problem_types.pde.fields import evaluate
from ritz.progress import ResidualProgress
from ritz.solution import Status

from ..covariances.covariance import ENVELOPES, SpectralMixture, axis_matrices
from ..grid_data import GridData
from .map_posterior import GridPart, MapPosterior

__all__ = ["JointMap", "joint_map"]

JITTER = 1e-6  # absolute, as published
STEPS = 10_000  # default number of steps


@dataclass(frozen=True)
class JointMap:
    """Options of the joint ascent in values and hyperparameters; the defaults are the published ones.

    Parameters
    ----------
    components : int
        Number of components of the mixture along each axis.
    max_frequency : float
        Highest initial frequency, in periods per unit length; the lowest is 0.
    envelope : {"matern52", "squared-exponential"}
    boundary_weight : float
        Factor of the log likelihood of the boundary values.
    learning_rate : float
        Learning rate of Adam.
    change_point : float, optional
        Fraction of the iterations after which the mixture is frozen and one Matern component is fitted to the
        remainder.

    Raises
    ------
    InvalidProblem
        If an option is out of range.
    """

    components: int = 30
    max_frequency: float = 20.0
    envelope: str = "matern52"
    boundary_weight: float = 200.0
    learning_rate: float = 1e-2
    change_point: float | None = None

    def __post_init__(self):
        check_choice("envelope", self.envelope, ENVELOPES)
        check_integer("components", self.components)
        for name in ("max_frequency", "boundary_weight", "learning_rate"):
            check_number(name, getattr(self, name), above=0.0)
        if self.change_point is not None:
            check_number("change_point", self.change_point, above=0.0, below=1.0)


def joint_map(
    data: GridData,
    options: JointMap | None = None,
    *,
    rtol: float = 1e-8,
    maxiter: int | None = None,
    callback: Callback | None = None,
    progress: bool = False,
) -> MapPosterior:
    r"""Maximise the joint posterior density of grid values and hyperparameters, as published :cite:`FangEtAl2024`.

    The covariance along each axis is a mixture with its own weights, frequencies and lengthscales. u has values U on
    the grid, and its derivatives there are those of the interpolant, :math:`K^{(n)}K^{-1}U`. Adam maximises

    .. math::

        \log N(U\mid 0,C) + \lambda\Bigl(\tfrac{N_b}2\log\tau-\tfrac\tau2\|u_b-g\|^2\Bigr)
        + \tfrac{N_c}2\log v-\tfrac v2\|H\|^2

    over U, all hyperparameters, :math:`\tau` and v, where H is the residual of the equation at all nodes. Covariances
    and their derivatives are closed formulas, evaluated at n distances instead of n^2 on a uniform axis of n nodes,
    and only C is factored. A step takes O(n^3) time per axis.

    Parameters
    ----------
    data : GridData
        Data of a PDE whose sides are Dirichlet or open.
    options : JointMap, optional
    rtol : float
        Relative residual of equation and boundary values together at which to stop.
    maxiter : int, optional
        Maximum number of steps of Adam. Default: 10,000; published runs took 100,000 to 3,000,000.
    callback : callable, optional
        ``callback(iteration, U, relative residual) -> stop?``.
    progress : bool

    Returns
    -------
    MapPosterior
        Posterior at the iterate of largest density. Its status is CONVERGED, MAX_ITERATIONS, INTERRUPTED (callback or
        Ctrl-C) or NON_FINITE (a covariance is no longer definite).

    Examples
    --------
    >>> from ritz import PDE
    >>> from ritz.solvers.gaussian_process.grid_data import grid_data
    >>> bar = PDE((0.0, 1.0), {2: 1.0}, source=-1.0)
    >>> posterior = joint_map(grid_data(bar, [np.linspace(0.0, 1.0, 20)]), JointMap(components=3), maxiter=30)
    >>> posterior.status.name, len(posterior.history)
    ('MAX_ITERATIONS', 31)
    """
    options = JointMap() if options is None else options
    limit = iteration_limit(maxiter, STEPS)
    equation = _Equation(data)
    order = max(max(index) for index in data.coefficients)
    if order > ENVELOPES[options.envelope]:
        raise InvalidProblem(
            f"the equation has a derivative of order {order}, which envelope {options.envelope!r} does not have: use"
            " 'squared-exponential'"
        )
    run = _Ascent(equation, options, rtol, callback)
    with ResidualProgress(progress, "gp map", rtol) as bar, single_torch_thread():
        first = limit if options.change_point is None else int(options.change_point * limit)
        status = run.ascend(_Mixture(equation, options.components, options.max_frequency, options.envelope), first, bar)
        if status is Status.MAX_ITERATIONS and first < limit:
            run.freeze()
            status = run.ascend(_Mixture(equation, 1, 0.0, "matern52"), limit - first, bar)
    return MapPosterior(data, (*run.frozen, run.best.part()), -run.least, run.best.noise, status, np.array(run.history))


class _Equation:
    """Equation and boundary values on the grid, as tensors."""

    def __init__(self, data: GridData):
        import torch

        self.data, self.pde, self.axes = data, data.pde, data.axes
        conditions = [condition for pair in data.pde.sides for condition in pair]
        for name, condition in zip(side_names(data.dimension), conditions, strict=True):
            if condition not in ("dirichlet", "open"):
                raise InvalidProblem(
                    f"side {name} is {condition}; method 'map' takes Dirichlet and open sides only: use 'features'"
                )
        self.source = torch.tensor(data.source)
        self.coefficients = {index: torch.tensor(values) for index, values in data.coefficients.items()}
        mask = np.zeros(data.shape, dtype=bool)
        for axis, (pair, ends, nodes) in enumerate(zip(data.pde.sides, data.pde.domain, data.axes, strict=True)):
            for end, condition in enumerate(pair):
                if condition != "dirichlet":
                    continue
                if abs(nodes[-end] - ends[end]) > 1e-12 * (ends[1] - ends[0]):
                    raise InvalidProblem(
                        f"points along axis {axis} do not hold its end {ends[end]:g}, where u is given: add it"
                    )
                np.moveaxis(mask, axis, 0)[-end] = True
        points = [grid[mask] for grid in np.meshgrid(*data.axes, indexing="ij")]
        self.on_boundary = torch.as_tensor(np.flatnonzero(mask))
        self.boundary = torch.as_tensor(evaluate("boundary", data.pde.boundary, points))
        self.size = math.sqrt(float((self.source**2).sum() + (self.boundary**2).sum())) or 1.0

    def reaction(self, u: Any) -> Any:
        """Return r(u) as its first-order expansion at u, through which torch can differentiate."""
        import torch

        if self.pde.reaction is None:
            return 0.0
        at = to_numpy(u)
        values, slopes = (
            torch.as_tensor(evaluate(name, part, (at,)))
            for name, part in zip(("reaction", "derivative of reaction"), self.pde.reaction, strict=True)
        )
        return values + slopes * (u - u.detach())


class _Gram:
    """Factored covariance K of the nodes of an axis.

    Functions of K are computed as first-order expansions at the current K. Their values and gradients are exact, and
    the factorisation need not be differentiated, which would cost several times as much.
    """

    def __init__(self, matrix: Any):
        import torch

        matrix = matrix + JITTER * torch.eye(len(matrix), dtype=matrix.dtype)
        self.factor, failed = torch.linalg.cholesky_ex(matrix.detach())
        if failed:
            raise ArithmeticError("the covariance of the nodes is not positive definite")
        self.change = matrix - matrix.detach()  # zero, with a non-zero gradient

    def solve(self, columns: Any) -> Any:
        """Return ``K^-1 columns``."""
        import torch

        present = torch.cholesky_solve(columns.detach(), self.factor)
        return torch.cholesky_solve(columns - self.change @ present, self.factor)

    def log_determinant(self) -> Any:
        """Return the logarithm of the determinant of K."""
        import torch

        value = 2.0 * torch.log(torch.diagonal(self.factor)).sum()
        return value + (torch.cholesky_inverse(self.factor) * self.change).sum()


class _Mixture:
    """Grid values and hyperparameters along each axis, as trainable tensors."""

    def __init__(self, equation: _Equation, components: int, max_frequency: float, envelope: str):
        import torch

        def learned(values: np.ndarray) -> Any:
            return torch.tensor(values, dtype=torch.float64, requires_grad=True)

        count = equation.data.dimension
        self.equation, self.envelope, self.shape = equation, envelope, equation.data.shape
        self.values = learned(np.zeros(self.shape))
        self.log_weights = [learned(np.full(components, -math.log(components))) for _ in range(count)]
        self.log_rates = [
            learned(np.zeros(components)) for _ in range(count)
        ]  # logarithms of inverse lengths, or of their squares
        self.periods = [learned(np.linspace(0.0, max_frequency, components)) for _ in range(count)]
        self.oscillates = max_frequency > 0.0
        self.log_tau, self.log_v = learned(np.zeros(())), learned(np.zeros(()))

    @property
    def parameters(self) -> list[Any]:
        """Trainable tensors."""
        periods = self.periods if self.oscillates else []
        return [self.values, *self.log_weights, *self.log_rates, *periods, self.log_tau, self.log_v]

    def covariances(self) -> list[SpectralMixture]:
        """Return the covariance along each axis."""
        import torch

        found: list[SpectralMixture] = []
        for weight, rate, periods in zip(self.log_weights, self.log_rates, self.periods, strict=True):
            lengthscales = torch.exp(-rate) if self.envelope == "matern52" else torch.exp(-0.5 * rate) / math.sqrt(2.0)
            found.append(SpectralMixture(torch.exp(weight), 2.0 * math.pi * periods, lengthscales, self.envelope))
        return found

    def log_prior_and_terms(self) -> tuple[Any, Any]:
        """Return the log prior density of the values, up to a constant, and the linear part of the equation."""
        import torch

        equation, axes = self.equation, self.equation.axes
        covariances = self.covariances()
        matrices: list[dict[int, Any]] = []
        for axis, (covariance, nodes) in enumerate(zip(covariances, axes, strict=True)):
            orders = sorted({0, *(index[axis] for index in equation.coefficients)})
            matrices.append(dict(zip(orders, axis_matrices(covariance, nodes, nodes, orders), strict=True)))
        grams = [_Gram(along[0]) for along in matrices]
        solved = [_along(self.values, axis, gram.solve) for axis, gram in enumerate(grams)]
        total: Any = torch.zeros(self.shape, dtype=torch.float64)
        for index, coefficient in equation.coefficients.items():
            part = self.values
            for axis, order in enumerate(index):
                if order:
                    coordinates = solved[axis] if part is self.values else _along(part, axis, grams[axis].solve)
                    part = _along(coordinates, axis, matrices[axis][order].__matmul__)
            total = total + coefficient * part
        whole, log_determinant = solved[0], 0.0
        for axis, gram in enumerate(grams):
            whole = whole if axis == 0 else _along(whole, axis, gram.solve)
            log_determinant = log_determinant + (self.values.numel() // self.shape[axis]) * gram.log_determinant()
        return -0.5 * (log_determinant + (self.values * whole).sum()), total

    def copy(self) -> _Snapshot:
        """Return a copy of the current state."""
        covariances = [
            SpectralMixture(_copied(old.weights), _copied(old.frequencies), _copied(old.lengthscales), old.envelope)
            for old in self.covariances()
        ]
        noise = math.exp(-0.5 * float(self.log_v.detach()))
        return _Snapshot(self.equation.axes, _copied(self.values), covariances, noise)


@dataclass(frozen=True, eq=False)
class _Snapshot:
    """State of a mixture, as arrays."""

    axes: tuple[np.ndarray, ...]
    values: np.ndarray
    covariances: Sequence[SpectralMixture]
    noise: float

    def part(self) -> GridPart:
        """Return the process of this state."""
        return GridPart(self.axes, tuple(self.covariances), self.values, JITTER)


@dataclass
class _Ascent:
    """State of the ascent: frozen processes, the best state of the current mixture, and residuals."""

    equation: _Equation
    options: JointMap
    rtol: float
    callback: Callback | None
    frozen: list[GridPart] = field(default_factory=list)
    history: list[float] = field(default_factory=list)
    least: float = math.inf
    best: Any = None
    values_before: Any = 0.0
    terms_before: Any = 0.0

    def ascend(self, mixture: _Mixture, steps: int, progress: ResidualProgress) -> Status:
        """Take steps of Adam from a new mixture, and keep its best state."""
        import torch

        optimiser = torch.optim.Adam(mixture.parameters, lr=self.options.learning_rate)
        self.best, self.least = mixture.copy(), math.inf
        begin = max(0, len(self.history) - 1)
        try:
            for step in range(steps + 1):
                optimiser.zero_grad()
                try:
                    loss, residual, u = self._loss(mixture)
                except (ArithmeticError, InvalidProblem):  # hyperparameters out of range
                    return Status.NON_FINITE
                if not math.isfinite(float(loss.detach())):
                    return Status.NON_FINITE
                if step or not self.history:  # a second mixture starts where the first ended
                    self.history.append(residual)
                if float(loss.detach()) < self.least:
                    self.best, self.least = mixture.copy(), float(loss.detach())
                if self.callback is not None and self.callback(begin + step, u, residual):
                    return Status.INTERRUPTED
                if residual <= self.rtol:
                    return Status.CONVERGED
                progress.update(begin + step, residual)
                if step < steps:
                    loss.backward()
                    optimiser.step()
        except KeyboardInterrupt:
            self.history = self.history or [1.0]
            return Status.INTERRUPTED
        return Status.MAX_ITERATIONS

    def freeze(self) -> None:
        """Freeze the best state; the next mixture is fitted to the remainder."""
        import torch

        part = self.best.part()
        self.frozen.append(part)
        self.values_before = torch.as_tensor(part.values)
        self.terms_before = sum(
            coefficient * torch.as_tensor(part.derivative_on_grid(index))
            for index, coefficient in self.equation.coefficients.items()
        )

    def _loss(self, mixture: _Mixture) -> tuple[Any, float, np.ndarray]:
        """Return the objective to minimise, the relative residual, and u on the grid."""
        equation = self.equation
        log_prior, terms = mixture.log_prior_and_terms()
        u = mixture.values + self.values_before
        misfit = terms + self.terms_before + equation.reaction(u) - equation.source
        difference = u.reshape(-1)[equation.on_boundary] - equation.boundary
        squares, boundary_squares = (misfit**2).sum(), (difference**2).sum()
        likelihood = 0.5 * (misfit.numel() * mixture.log_v - mixture.log_v.exp() * squares)
        boundary = 0.5 * (difference.numel() * mixture.log_tau - mixture.log_tau.exp() * boundary_squares)
        residual = math.sqrt(float((squares + boundary_squares).detach())) / equation.size
        return -(log_prior + self.options.boundary_weight * boundary + likelihood), residual, to_numpy(u).ravel()


def _along(tensor: Any, axis: int, function: Callable[[Any], Any]) -> Any:
    """Apply a function of columns along one axis of a tensor."""
    moved = tensor.movedim(axis, 0)
    return function(moved.reshape(moved.shape[0], -1)).reshape(moved.shape).movedim(0, axis)


def _copied(tensor: Any) -> np.ndarray:
    return to_numpy(tensor).copy()
