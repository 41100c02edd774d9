"""A network for a PDE, ready to be trained."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.progress import ResidualProgress
from ritz.solution import Status
from ritz.stopping import Callback, check_tolerances, iteration_limit

from .neural_solution import NeuralSolution

__all__ = ["PreparedNetwork", "check_options", "output_grid"]

MAXITER = 2000
OUTPUT_COUNT = {1: 257, 2: 65, 3: 25}  # points along an axis of the grid that `x` is given on
SHARE = 0.5  # of the tolerance, that training aims at
BATCH = 20_000  # points evaluated at once


@dataclass(frozen=True, eq=False)
class PreparedNetwork:
    """What is drawn before training: points, data and the recipe of the network.

    Parameters
    ----------
    pde : PDE
    loss, unseen : EquationLoss
        At the training points, and at as many others.
    build : callable
        ``build() -> JetNetwork`` with its first parameters.
    learning_rate, seconds : float
    optimizer : str
    grid : Grid
        Where `x` is given.
    name : str
        Registered name of the solver.
    preparation : float
        Seconds spent so far.
    stats : mapping
    """

    pde: PDE
    loss: Any
    unseen: Any
    build: Callable[[], Any]
    learning_rate: float
    seconds: float
    optimizer: str
    grid: Grid
    name: str
    preparation: float
    stats: Mapping[str, Any]

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> NeuralSolution:
        """Train until the residual at the training points is half of `rtol`, or the budget is spent.

        The residual is the root of the mean squares of what is left of the equation, relative to the source, and of
        the boundary conditions, relative to the size of u and times the root of `boundary_weight`. That of the
        solution is measured at points which training has not seen, and decides whether it has converged; its history
        is that of the training points.
        `maxiter` is the number of optimiser steps, 2000 if None. See `ritz.solver.Prepared.solve`.

        Raises
        ------
        InvalidProblem
            If `rhs` or `x0` is given: a network has no linear system, and starts from random parameters.
        """
        from .training import Budget, Training

        begin = time.perf_counter()
        for name, given in (("rhs", rhs), ("x0", x0)):
            if given is not None:
                raise InvalidProblem(f"{name} is given, and {self.name!r} takes none: put the data into the PDE")
        check_tolerances(rtol, atol, np.dtype(np.float64))
        target = max(rtol, atol)
        budget = Budget(iteration_limit(maxiter, MAXITER), self.seconds, SHARE * target)
        network = self.build()
        watch = None if callback is None else self._watch(callback, network)
        with ResidualProgress(progress, self.name, rtol) as bar:
            training = Training(network, self.loss, budget, self.learning_rate, self.optimizer, watch, bar)
            status = training.run()
        residual = math.sqrt(float(self.unseen(network).detach()))
        if residual <= target:
            status = Status.CONVERGED
        elif status is Status.CONVERGED:  # at the training points alone
            status = Status.STAGNATED
        return NeuralSolution(
            x=self._on_grid(network),
            status=status,
            iterations=len(training.history) - 1,
            residual=residual,
            history=np.array(training.history),
            timings={"prepare": self.preparation, "solve": time.perf_counter() - begin},
            stats=self.stats,
            solver=self.name,
            grid=self.grid,
            pde=self.pde,
            network=lambda points: _evaluate(network, points),
        )

    def _watch(self, callback: Callback, network: Any) -> Callable[[int, float], Any]:
        return lambda iteration, residual: callback(iteration, self._on_grid(network), residual)

    def _on_grid(self, network: Any) -> np.ndarray:
        return _evaluate(network, np.stack(self.grid.coordinates(), axis=1))


def _evaluate(network: Any, points: np.ndarray) -> np.ndarray:
    import torch

    dtype = network.weights[0].dtype
    none = torch.zeros((0, points.shape[1]), dtype=dtype)
    parts = [np.empty(0)]
    with torch.no_grad():
        for start in range(0, len(points), BATCH):
            batch = torch.as_tensor(points[start : start + BATCH], dtype=dtype)
            parts.append(network(batch, none).value[:, 0].double().numpy())
    return np.concatenate(parts)


def output_grid(pde: PDE, shape: int | Sequence[int] | None) -> Grid:
    """Return the uniform grid, both ends of each axis included, that the answer is given on."""
    counts: Any = OUTPUT_COUNT[pde.dimension] if shape is None else shape
    counts = [counts] * pde.dimension if isinstance(counts, Integral) else counts
    whole = isinstance(counts, Sequence) and all(isinstance(n, Integral) and int(n) > 1 for n in counts)
    if not whole or len(counts) != pde.dimension:
        raise InvalidProblem(f"shape is {shape!r}; give the points along each of {pde.dimension} axes, at least two")
    return Grid(tuple(np.linspace(low, high, int(n)) for (low, high), n in zip(pde.domain, counts, strict=True)))


def check_options(**options: Any) -> None:
    """Raise `InvalidProblem` naming the first option that is not positive."""
    for name, value in options.items():
        if not value > 0:
            raise InvalidProblem(f"{name} is {value!r}; it must be positive")
