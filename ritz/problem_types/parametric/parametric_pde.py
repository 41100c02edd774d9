"""Equations with parameters, to be solved for many values of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer, check_seed, is_integer
from ritz.backend import to_numpy
from ritz.errors import ConvergenceError, ExtrapolationWarning, InvalidProblem, UnknownName
from ritz.grid import Grid
from ritz.pickling import Picklable
from ritz.problem_types.parametric.affine_form import AffineForm
from ritz.problem_types.parametric.full_order_model import FullOrderModel, FullOrderResult
from ritz.problem_types.parametric.pointwise_term import PointwiseTerm
from ritz.problem_types.parametric.snapshot_cache import solve_all
from ritz.problem_types.parametric.snapshots import Snapshots, check_product

__all__ = ["ParametricPDE"]

DESIGNS = ("halton", "random", "grid")


@dataclass(frozen=True, eq=False)
class ParametricPDE(Picklable):
    r"""A family of equations with one member for each parameter vector, and the member to solve.

    .. math:: A(\mu)\,u+g(u;\mu)=f(\mu) \qquad\text{or}\qquad M\dot u+A(\mu)\,u+g(u;\mu,t)=f(\mu),\quad u(0)=u_0(\mu)

    A function from parameters to solutions is enough for methods that only need solutions. If the equations are given
    as well, reduced models can solve them in a small space and compute residuals. Time steps are implicit Euler steps.

    Parameters
    ----------
    solve : callable or None
        ``solve(mu (p,)) -> u (n,)``, or ``(steps + 1, n)`` for trajectories; states may be complex. If None, solutions
        are computed from the equations (`ritz.problem_types.parametric.full_order_model.FullOrderModel`).
    parameters : mapping from str to (float, float)
        Name and range of each parameter.
    product : Operator, shape (n, n), optional
        Symmetric positive definite M of the inner product in which errors are measured; Euclidean if None.
    affine : AffineForm, optional
        Matrices A and right-hand sides f.
    term : PointwiseTerm, optional
        The term g.
    mass : sparse array, shape (n, n), optional
        M of an evolution equation; requires `times` and `initial`.
    times : array, shape (steps + 1,), optional
        Times of the states of a trajectory, increasing.
    initial : callable, optional
        ``initial(mu) -> (n,)``.
    grid : Grid, optional
        Positions of the unknowns.
    name : str
        For tables, plots and caches.
    query : array, shape (p,), optional
        Parameters to solve for, the middle of the range if None; see `at`.

    Raises
    ------
    InvalidProblem
        If neither a function nor equations are given; for empty or infinite ranges, shapes that do not fit, or a
        product that is not symmetric positive definite.

    Examples
    --------
    >>> ranges = {"load": (0.0, 1.0), "stiffness": (1.0, 2.0)}
    >>> problem = ParametricPDE(lambda mu: np.array([1.0, mu[0]]) / mu[1], ranges)
    >>> problem.at(load=0.5, stiffness=2.0).query.tolist(), problem.query.tolist()
    ([0.5, 2.0], [0.5, 1.5])
    >>> problem.snapshots(problem.sample(4, design="grid")).states.tolist()
    [[1.0, 0.0], [0.5, 0.0], [1.0, 1.0], [0.5, 0.5]]
    """

    solve: Callable[[np.ndarray], Any] | None
    parameters: Mapping[str, tuple[float, float]]
    product: Any = None
    affine: AffineForm | None = None
    term: PointwiseTerm | None = None
    mass: Any = None
    times: Any = None
    initial: Callable[[np.ndarray], Any] | None = None
    grid: Grid | None = None
    name: str = ""
    query: Any = None

    def __post_init__(self):
        parameters = {str(name): _range(name, bounds) for name, bounds in dict(self.parameters).items()}
        if not parameters:
            raise InvalidProblem("parameters is empty; give at least one name with its range, {'k': (0.1, 1.0)}")
        object.__setattr__(self, "parameters", parameters)
        if self.solve is None and self.affine is None:
            raise InvalidProblem("neither solve nor affine is given: there is no way to compute solutions")
        if self.solve is not None and not callable(self.solve):
            raise InvalidProblem(f"solve is a {type(self.solve).__name__}; it must be a function mu -> u")
        if self.term is not None and self.affine is None:
            raise InvalidProblem("term is given without affine; the equation is A(mu) u + g(u; mu) = f(mu)")
        if self.times is not None:
            times = np.asarray(self.times, dtype=np.float64)
            if times.ndim != 1 or len(times) < 2 or not (np.diff(times) > 0).all() or not np.isfinite(times).all():
                raise InvalidProblem("times must hold at least two increasing finite numbers")
            object.__setattr__(self, "times", times)
        evolution = (self.mass is not None, self.times is not None, self.initial is not None)
        if self.affine is not None and any(evolution) and not all(evolution):
            raise InvalidProblem("an evolution equation needs mass, times and initial, all three")
        if self.size is not None:
            object.__setattr__(self, "product", check_product(self.product, self.size))
            if self.grid is not None and self.size % self.grid.size:
                raise InvalidProblem(f"grid has {self.grid.size} unknowns and the equations {self.size}")
        query = self.ranges.mean(axis=1) if self.query is None else self.checked_query(self.query)
        object.__setattr__(self, "query", query)
        _ = self.model

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.parameters)

    @property
    def ranges(self) -> np.ndarray:
        """Bounds of each parameter, shape (p, 2)."""
        return np.array(list(self.parameters.values()), dtype=np.float64)

    @property
    def size(self) -> int | None:
        """Number n of unknowns; None if only a function is given."""
        if self.affine is not None:
            return self.affine.size
        if self.product is not None:
            return int(self.product.shape[0])
        return None if self.grid is None else self.grid.size

    @cached_property
    def model(self) -> FullOrderModel | None:
        """The equations, or None if only a function is given."""
        if self.affine is None:
            return None
        return FullOrderModel(self.affine, self.term, self.mass, self.times, self.initial, self.grid)

    @property
    def identity(self) -> tuple[Any, ...]:
        """Everything that solutions depend on; the query and the product are not part of it."""
        equations = (self.affine, self.term, self.mass)
        return (self.name, self.parameters, self.times, self.solve, self.initial, *equations)

    def at(self, mu: Any = None, **named: float) -> ParametricPDE:
        """Return the problem with another query, given as a vector or by name; other parameters keep their values.

        Raises
        ------
        InvalidProblem, UnknownName
            For a wrong shape, NaN, or unknown names.

        Warns
        -----
        ExtrapolationWarning
            If a parameter lies outside its range.
        """
        query = np.array(self.query if mu is None else self._vector(mu))
        for name, value in named.items():
            if name not in self.names:
                raise UnknownName(f"parameter of {self.name or 'the problem'}", name, self.names)
            query[self.names.index(name)] = value
        return replace(self, query=query)

    def sample(self, count: int, *, design: str = "halton", seed: int = 0) -> np.ndarray:
        """Return parameter vectors that fill the range, shape (count, p).

        Parameters
        ----------
        count : int
        design : {"halton", "random", "grid"}
            A randomly shifted Halton sequence :cite:`CranleyPatterson1976`, whose leading points always fill the range
            evenly; independent uniform numbers; or the first points of the coarsest tensor grid that has at least
            `count` points.
        seed : int
        """
        count = check_integer("count", count)
        check_choice("design", design, DESIGNS)
        p = len(self.names)
        if design == "halton":
            from scipy.stats.qmc import Halton

            unit = (Halton(p, scramble=False).random(count) + np.random.default_rng(check_seed(seed)).random(p)) % 1.0
        elif design == "random":
            unit = np.random.default_rng(check_seed(seed)).random((count, p))
        else:
            side = int(np.ceil(count ** (1.0 / p) - 1e-12))
            axes = np.meshgrid(*[np.linspace(0.0, 1.0, side) if side > 1 else np.array([0.5])] * p, indexing="ij")
            unit = np.stack([axis.ravel() for axis in axes], axis=1)[:count]
        low, high = self.ranges.T
        return low + unit * (high - low)

    def solution(self, mu: Any = None) -> np.ndarray:
        """Return the full-order solution for `mu` or the query, shape (n,) or (steps + 1, n); see `full_order`."""
        return self.full_order(mu).u

    def full_order(self, mu: Any = None, start: np.ndarray | None = None) -> FullOrderResult:
        """Return the full-order solution for `mu` or the query, with its iteration counts if they are known.

        Errors raised by functions of the user pass through, with a note that names the parameters. `solve` gets a copy
        of the parameters, and what it returns is copied.

        Parameters
        ----------
        mu : array, shape (p,), optional
        start : ndarray, shape (n,) or (steps + 1, n), optional
            Start of Newton's method, if the equations are nonlinear and `solve` is None.

        Raises
        ------
        InvalidProblem
            If the solution contains NaN or has the wrong shape, naming the parameters.
        ConvergenceError
            If Newton's method or a linear solver fails; its ``.solution`` is the last one of the solver that failed.
        """
        mu = self.query if mu is None else self.checked_query(mu)
        try:
            if self.solve is None:
                result = self._equations().solve(mu, start)
            else:
                result = FullOrderResult(_copied(self.solve(np.array(mu))), ())
        except ConvergenceError as error:
            raise ConvergenceError(f"{error} (parameters {self.describe(mu)})", error.solution) from error
        except Exception as error:
            error.add_note(f"The full-order solve failed at {self.describe(mu)}.")
            raise
        u = result.u
        wanted = 1 if self.times is None else 2
        if u.ndim != wanted or u.dtype.kind not in "fciu" or (self.times is not None and len(u) != len(self.times)):
            expected = "(n,)" if self.times is None else f"({len(self.times)}, n)"
            said = f"{u.dtype} of shape {u.shape}" if u.dtype != object else "None or no regular array"
            raise InvalidProblem(
                f"the full-order solve returns {said} at {self.describe(mu)}; it must be {expected} numbers"
            )
        if self.size is not None and u.shape[-1] != self.size:
            raise InvalidProblem(f"the full-order solve returns states of {u.shape[-1]} entries, not {self.size}")
        if not np.isfinite(u).all():
            raise InvalidProblem(f"the full-order solve returns NaN or infinity at {self.describe(mu)}")
        return FullOrderResult(u.astype(_working_dtype(u.dtype), copy=False), result.iterations)

    def residual(self, u: np.ndarray, mu: Any = None) -> np.ndarray:
        """Return the residual of the equations at `u`, shape (n,), or (steps, n) for a trajectory."""
        return self._equations().residual(u, self.query if mu is None else self.checked_query(mu))

    def relative_residual(self, u: np.ndarray, mu: Any = None) -> float:
        """Return the Euclidean norm of the residual relative to that of the zero state; NaN without equations.

        Trajectories are compared with one that is zero after its initial state.
        """
        if self.model is None:
            return float("nan")
        zero = np.zeros_like(u)
        if self.times is not None:
            zero[0] = u[0]
        scale = float(np.linalg.norm(self.residual(zero, mu)))
        return float(np.linalg.norm(self.residual(u, mu))) / (scale or 1.0)

    def jacobian(self, u: np.ndarray, mu: Any = None, step: int | None = None) -> Any:
        """Return the derivative of the equations, or of those of one step, with respect to u as a CSR array."""
        return self._equations().jacobian(u, self.query if mu is None else self.checked_query(mu), step)

    def snapshots(
        self,
        parameters: Any,
        *,
        keep: int = 20,
        executor: Executor | None = None,
        cache: str | os.PathLike[str] | None = None,
        progress: bool = False,
    ) -> Snapshots:
        """Return full-order solutions for many parameters.

        Parameters
        ----------
        parameters : array, shape (N, p), or int
            Parameter vectors; a number means that many points of a Halton sequence.
        keep : int
            Largest number of states to keep of each trajectory, evenly spaced and without the initial state.
        executor : concurrent.futures.Executor, optional
            Runs the solves in parallel. Processes need a problem that can be pickled, as every registered one can.
        cache : path, optional
            Folder to which each solution is written atomically as soon as it is computed, so that a killed run can be
            resumed. Files are named after the problem and the parameters. A damaged file is computed again with a
            warning; a cache of a problem that has changed in the meantime is refused
            (`ritz.problem_types.parametric.snapshot_cache`).
        progress : bool
            Show a progress bar.

        Raises
        ------
        InvalidProblem
            For invalid parameters, before any solve.
        """
        if is_integer(parameters):
            parameters = self.sample(int(parameters))
        points = self.checked_parameters(parameters)
        keep = check_integer("keep", keep)
        solutions = solve_all(self, points, executor, cache, progress)
        if self.times is None:
            return Snapshots(points, np.stack(solutions), self.product, names=self.names)
        steps = len(self.times) - 1
        chosen = np.unique(np.linspace(steps, 0, min(keep, steps), endpoint=False).round().astype(int))
        states = np.concatenate([trajectory[chosen] for trajectory in solutions])
        groups = np.repeat(np.arange(len(points)), len(chosen))
        times = np.tile(self.times[chosen], len(points))
        return Snapshots(points[groups], states, self.product, groups, times, self.names)

    def describe(self, mu: np.ndarray) -> str:
        """Return a parameter vector as text, ``k = 2, load = 0.5``."""
        return ", ".join(f"{name} = {value:.6g}" for name, value in zip(self.names, mu, strict=True))

    def checked_query(self, mu: Any) -> np.ndarray:
        """Return a validated parameter vector, shape (p,); warn if it is outside the range."""
        return self.checked_parameters(self._vector(mu)[None])[0]

    def checked_parameters(self, parameters: Any) -> np.ndarray:
        """Return validated parameter vectors, shape (N, p); warn if one is outside the range."""
        points = _real_numbers("parameters", parameters)
        if points.ndim != 2 or points.shape[1] != len(self.names) or len(points) == 0:
            raise InvalidProblem(
                f"parameters has shape {points.shape}; it must be (N, {len(self.names)}): {', '.join(self.names)}"
            )
        if not np.isfinite(points).all():
            wrong = ~np.isfinite(points)
            raise InvalidProblem(f"{self.names[int(np.argmax(wrong.any(axis=0)))]} is NaN or infinite")
        low, high = self.ranges.T
        slack = 1e-12 * (high - low)
        for number, name in enumerate(self.names):
            outside = (points[:, number] < low[number] - slack[number]) | (
                points[:, number] > high[number] + slack[number]
            )
            if outside.any():
                warnings.warn(
                    f"{name} = {points[np.argmax(outside), number]:g} lies outside its range,"
                    f" {low[number]:g} to {high[number]:g}",
                    ExtrapolationWarning,
                    stacklevel=4,
                )
        return points

    def _equations(self) -> FullOrderModel:
        if self.model is None:
            raise InvalidProblem(
                "the problem is a function alone; give affine (and term) for residuals and derivatives"
            )
        return self.model

    def _vector(self, mu: Any) -> np.ndarray:
        mu = _real_numbers("mu", mu)
        if mu.shape != (len(self.names),):
            raise InvalidProblem(f"mu has shape {mu.shape}; the parameters are {', '.join(self.names)}")
        return mu


def _copied(values: Any) -> np.ndarray:
    """Return values as a new array, since functions may return the same one each time; NaN where they are masked."""
    try:
        return np.array(values.filled(np.nan) if np.ma.is_masked(values) else to_numpy(values))
    except ValueError:  # rows of different lengths
        return np.array(None)


def _real_numbers(name: str, values: Any) -> np.ndarray:
    found = _copied(values)
    if found.dtype.kind not in "iuf":
        raise InvalidProblem(f"{name} is {values!r}; it must be an array of real numbers")
    return found.astype(np.float64)


def _working_dtype(dtype: np.dtype[Any]) -> Any:
    """Return the dtype in which LAPACK works with numbers of a dtype: single or double precision, native byte order."""
    single = dtype.itemsize <= (8 if dtype.kind == "c" else 4) and dtype.kind in "fc"
    return {"c": (np.complex128, np.complex64)}.get(dtype.kind, (np.float64, np.float32))[single]


def _range(name: str, bounds: Any) -> tuple[float, float]:
    try:
        low, high = (float(bound) for bound in bounds)
    except (TypeError, ValueError):
        raise InvalidProblem(f"parameters[{name!r}] is {bounds!r}; it must be (lowest, highest)") from None
    if not (np.isfinite([low, high]).all() and low < high):
        raise InvalidProblem(f"parameters[{name!r}] is {bounds!r}; the lowest must be below the highest, both finite")
    return low, high
