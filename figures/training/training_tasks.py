"""Training tasks for figures and benchmarks of optimisers: a PINN, a Ritz energy and a preconditioner."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..multigrid.learned_preconditioner import preconditioner, residual_loss, residuals

__all__ = ["TASKS", "TrainingTask", "train"]

WIDTH, DEPTH = 32, 2
RECORDS = 60  # errors recorded during a run


@dataclass(frozen=True)
class TrainingTask:
    """A network with its loss and a measure of its quality.

    Attributes
    ----------
    model : torch.nn.Module
    loss : callable
        ``loss(step) -> tensor``, with its graph.
    error : callable
        ``error() -> float``, the measure of quality.
    residual, samples : callable and tensors
        For `ritz.solvers.training.LevenbergMarquardt`; None if the batches change from step to step.
    """

    model: Any
    loss: Callable[[int], Any]
    error: Callable[[], float]
    residual: Any = None
    samples: Any = None


def _square_network(seed: int) -> Any:
    import torch

    from ritz.solvers.neural.jets import JetNetwork, coordinate_embedding

    lines, waves = coordinate_embedding([(0.0, 1.0), (0.0, 1.0)], [False, False])
    generator = torch.Generator().manual_seed(seed)
    return JetNetwork(lines, waves, WIDTH, DEPTH, 1.0, torch.float64, generator)


def _trial(model: Any, points: Any) -> tuple[Any, Any, Any]:
    """Return u, its gradient and its Laplacian; u is the network times a function that vanishes on the boundary."""
    import torch

    jet = model(points.reshape(-1, 2), torch.eye(2, dtype=points.dtype))
    v, first, second = jet.value[:, 0], jet.first[..., 0], jet.second[..., 0]
    x, y = points.reshape(-1, 2).T
    b = 16.0 * x * (1 - x) * y * (1 - y)
    slopes = 16.0 * torch.stack([(1 - 2 * x) * y * (1 - y), x * (1 - x) * (1 - 2 * y)])
    bend = -32.0 * (y * (1 - y) + x * (1 - x))
    laplacian = b * second.sum(0) + 2.0 * (slopes * first).sum(0) + bend * v
    return b * v, b * first + slopes * v, laplacian


def _source(points: Any) -> Any:
    import torch

    x, y = points.reshape(-1, 2).T
    return 2.0 * math.pi**2 * torch.sin(math.pi * x) * torch.sin(math.pi * y)


def _error(model: Any) -> Callable[[], float]:
    import torch

    axis = torch.linspace(0.0, 1.0, 41, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    exact = _source(points) / (2.0 * math.pi**2)

    def error() -> float:
        with torch.no_grad():
            return float((_trial(model, points)[0] - exact).norm() / exact.norm())

    return error


def pinn(seed: int, count: int = 512) -> TrainingTask:
    """Return the task of Poisson's equation on the unit square as least squares at random points."""
    import torch

    model = _square_network(seed)
    points = torch.rand(count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))

    def residual(model: Any, point: Any) -> Any:
        return (_trial(model, point)[2] + _source(point)) / (math.pi**2 * count**0.5)

    return TrainingTask(model, lambda step: residual(model, points).square().sum(), _error(model), residual, points)


def deep_ritz(seed: int, count: int = 22) -> TrainingTask:
    """Return the task of the same equation as the minimum of an energy, with Gauss quadrature."""
    import torch

    model = _square_network(seed)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    axis, share = torch.from_numpy(0.5 + 0.5 * nodes), torch.from_numpy(0.5 * weights)
    points, weight = torch.cartesian_prod(axis, axis), torch.outer(share, share).reshape(-1)

    def energy(model: Any, sample: Any) -> Any:
        point, w = sample
        u, gradient, _ = _trial(model, point)
        return gradient * (0.5 * w).sqrt(), -(w * _source(point) * u).sum()

    def loss(step: int) -> Any:
        residual, linear = energy(model, (points, weight))
        return residual.square().sum() + linear

    return TrainingTask(model, loss, _error(model), energy, (points, weight))


def convolutional(seed: int, size: int = 24, batch: int = 8, count: int = 128) -> TrainingTask:
    """Return the task of the preconditioner in `learned_preconditioner`, measured on unseen residuals."""
    import torch

    model, data = preconditioner(seed), residuals(count, size, seed)
    unseen = residuals(32, size, seed + 1000)

    def error() -> float:
        with torch.no_grad():
            return float(residual_loss(model, unseen)) ** 0.5

    def loss(step: int) -> Any:
        rows = torch.arange(step * batch, (step + 1) * batch) * 37 % count  # 37 is coprime to the count
        return residual_loss(model, data[rows])

    return TrainingTask(model, loss, error)


TASKS = {"PINN": pinn, "Ritz energy": deep_ritz, "preconditioner": convolutional}


def train(task: TrainingTask, method: str, options: dict[str, float], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Train for a given time, and return the times and errors recorded on the way.

    Parameters
    ----------
    task : TrainingTask
    method : str
        ``"adam"``, ``"l-bfgs"``, ``"adahessian"``, ``"mfac"`` or ``"levenberg-marquardt"``.
    options : dict
        Options of the optimiser, such as ``lr``.
    seconds : float
        Training time, to which recording errors does not count.
    """
    import torch

    from ritz.backend import single_torch_thread
    from ritz.errors import TrainingError

    step = _stepper(task, method, options)
    at = np.concatenate([[0.0], np.geomspace(0.02, 1.0, RECORDS) * seconds])
    times, errors = [0.0], [task.error()]
    used, number = 0.0, 0
    with single_torch_thread(), torch.enable_grad():
        while used < seconds:
            start = time.perf_counter()
            try:
                step(number)
            except TrainingError:
                break
            used += time.perf_counter() - start
            number += 1
            if used >= at[min(len(times), RECORDS)]:
                times.append(used)
                errors.append(task.error())
    return np.array(times), np.array(errors)


def _stepper(task: TrainingTask, method: str, options: dict[str, float]) -> Callable[[int], Any]:
    import torch

    from ritz.solvers.training import MFAC, AdaHessian, LevenbergMarquardt

    parameters = list(task.model.parameters())
    if method == "levenberg-marquardt":
        least_squares = LevenbergMarquardt(task.model, task.residual)
        return lambda number: least_squares.step(task.samples)
    if method in ("adahessian", "mfac"):
        kind: Any = AdaHessian if method == "adahessian" else MFAC
        second = kind(parameters, **options)
        return lambda number: second.step(lambda: task.loss(number))
    if method == "adam":
        optimiser: Any = torch.optim.Adam(parameters, lr=options["lr"])
    else:
        optimiser = torch.optim.LBFGS(parameters, max_iter=20, history_size=50, line_search_fn="strong_wolfe")

    def step(number: int) -> None:
        def closure() -> Any:
            optimiser.zero_grad()
            value = task.loss(number)
            value.backward()
            return value

        optimiser.step(closure)

    return step
