"""A neural network for a PDE, ready to be trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import Callback, is_integer
from ritz.errors import InvalidProblem
from ritz.grid import Grid
from ritz.problem_types.pde.pde import PDE
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver

from .neural_solution import NeuralSolution

__all__ = ["PreparedNetwork", "output_grid"]

MAXITER = 2000  # default number of optimiser steps
OUTPUT_COUNT = {1: 257, 2: 65, 3: 25}  # points per axis of the grid of `x`, by dimension
SHARE = 0.5  # target of training, relative to the tolerance
BATCH = 20_000  # points evaluated at a time


@dataclass(frozen=True, eq=False)
class PreparedNetwork(PreparedSolver[NeuralSolution]):
    """Points and data of a PDE, and a network to train on them.

    `solve` trains until the residual at the training points is half of `rtol`, or the budget is spent. The residual is
    the root of the summed mean squares of the residual of the equation, relative to the source, and of those of the
    boundary conditions, relative to the size of u and multiplied by the root of `boundary_weight`. The residual of the
    solution is measured at points not used in training and decides about convergence; the history holds the residual
    at the training points. `maxiter` is the number of optimiser steps (default: 2000). A right-hand side or a start
    is refused: a network has no linear system, and starts from random parameters.

    Parameters
    ----------
    pde : PDE
    loss, unseen : EquationLoss
        Loss at the training points, and at as many other points.
    build : callable
        ``build()`` returns a `JetNetwork` with initial parameters.
    learning_rate : float
    budget : float
        Time limit of training, in seconds.
    optimizer : str
    grid : Grid
        Grid of `x`.
    name : str
        Registered name of the solver.
    seconds : float
        Time spent on preparing.
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
        elif status is Status.CONVERGED:  # only at the training points
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
    """Return the uniform grid of the answer, which includes both ends of each axis."""
    counts: Any = OUTPUT_COUNT[pde.dimension] if shape is None else shape
    counts = [counts] * pde.dimension if is_integer(counts) else counts
    whole = isinstance(counts, Sequence) and all(is_integer(n) and int(n) > 1 for n in counts)
    if not whole or len(counts) != pde.dimension:
        raise InvalidProblem(f"shape is {shape!r}; give the points along each of {pde.dimension} axes, at least two")
    return Grid(tuple(np.linspace(low, high, int(n)) for (low, high), n in zip(pde.domain, counts, strict=True)))
