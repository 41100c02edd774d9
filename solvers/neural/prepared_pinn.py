"""A network for a PDE, ready to be trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver
from ritz.stopping import Callback

from .neural_solution import NeuralSolution

__all__ = ["PreparedNetwork", "check_options", "output_grid"]

MAXITER = 2000
OUTPUT_COUNT = {1: 257, 2: 65, 3: 25}  # points along an axis of the grid that `x` is given on
SHARE = 0.5  # of the tolerance, that training aims at
BATCH = 20_000  # points evaluated at once


@dataclass(frozen=True, eq=False)
class PreparedNetwork(PreparedSolver[NeuralSolution]):
    """What is drawn before training: points, data and how to build the network.

    A solve trains until the residual at the training points is half of `rtol`, or the budget is spent. The residual is
    the root mean square of the equation's residual, relative to the source, and of the boundary conditions', relative
    to the size of u and times the root of `boundary_weight`. The solution's residual is measured at points that
    training has not seen, and decides whether it has converged; its history is that of the training points.
    `maxiter` is the number of optimiser steps, 2000 if None. There is neither a right-hand side nor a start.

    Parameters
    ----------
    pde : PDE
    loss, unseen : EquationLoss
        At the training points, and at as many others.
    build : callable
        ``build() -> JetNetwork`` with its first parameters.
    learning_rate : float
    budget : float
        Seconds that training may take.
    optimizer : str
    grid : Grid
        Where `x` is given.
    name : str
        Registered name of the solver.
    seconds : float
        Spent on preparing.
    stats : mapping
    """

    pde: PDE
    loss: Any
    unseen: Any
    build: Callable[[], Any]
    learning_rate: float
    budget: float
    optimizer: str
    grid: Grid
    name: str
    seconds: float
    stats: Mapping[str, Any]

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> NeuralSolution:
        from .training import Budget, Training

        for name, given in (("rhs", rhs), ("x0", x0)):
            if given is not None:
                raise InvalidProblem(f"{name} is given, and {self.name!r} takes none: put the data into the PDE")
        target = max(controls.rtol, controls.atol)
        budget = Budget(controls.limit(MAXITER), self.budget, SHARE * target)
        network = self.build()
        watch = None if controls.callback is None else self._watch(controls.callback, network)
        line = controls.progress
        training = Training(network, self.loss, budget, self.learning_rate, self.optimizer, watch, line)
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
            timings={},
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
