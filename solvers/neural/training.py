"""Training of a network within a budget, by Adam and L-BFGS or by the Levenberg-Marquardt method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ritz.backend import single_torch_thread
from ritz.errors import TrainingError
from ritz.progress import ResidualProgress
from ritz.solution import Status
from ritz.solvers.training.best_parameters import BestParameters

__all__ = ["Budget", "Training"]

MEMORY = 50  # correction pairs of L-BFGS
RESTARTS = 3  # restarts of L-BFGS after a failed line search
CHUNK = 1024  # points differentiated at a time by the Levenberg-Marquardt method


@dataclass(frozen=True)
class Budget:
    """When training ends.

    Parameters
    ----------
    steps : int
        Number of steps of Adam and L-BFGS together; Adam takes the first half.
    seconds : float
        Time limit; Adam takes at most the first half.
    target : float
        Residual at which training ends.
    """

    steps: int
    seconds: float
    target: float


class _Ended(Exception):
    def __init__(self, status: Status):
        super().__init__(status.name)
        self.status = status


@dataclass(eq=False)
class Training:
    """Train a network, and leave it with the best parameters met.

    Parameters
    ----------
    network : torch module
    loss : callable
        ``loss(network) -> tensor``, a sum of squares whose root is the residual.
    budget : Budget
    learning_rate : float
        Learning rate of Adam.
    optimizer : {"adam-lbfgs", "levenberg-marquardt"}
        ``"levenberg-marquardt"`` takes the residuals and their points from ``loss.parts()``.
    callback : callable, optional
        ``callback(iteration, residual) -> stop?``.
    progress : ResidualProgress
    """

    network: torch.nn.Module
    loss: Any
    budget: Budget
    learning_rate: float
    optimizer: str
    callback: Callable[[int, float], Any] | None
    progress: ResidualProgress
    history: list[float] = field(default_factory=list)

    def run(self) -> Status:
        """Train, and return why training ended; `history` holds the residual at the start and after each step."""
        self._start = time.perf_counter()
        self._parameters = list(self.network.parameters())
        self._best = BestParameters(self.network)
        try:
            with single_torch_thread():
                if self.optimizer == "levenberg-marquardt":
                    self._least_squares()
                else:
                    self._adam()
                    self._quasi_newton()
            status = Status.STAGNATED
        except _Ended as ended:
            status = ended.status
        except KeyboardInterrupt:
            status = Status.INTERRUPTED
        self._best.restore()
        self.history = self.history or [self._residual(self.loss(self.network))]
        return status

    def _adam(self) -> None:
        optimiser = torch.optim.Adam(self._parameters, lr=self.learning_rate)
        for _ in range(self.budget.steps // 2):
            if time.perf_counter() - self._start > 0.5 * self.budget.seconds:
                return
            optimiser.zero_grad()
            value = self.loss(self.network)
            self._record(self._residual(value))
            value.backward()
            optimiser.step()

    def _least_squares(self) -> None:
        from ritz.solvers.training import LevenbergMarquardt

        residuals, points = zip(*self.loss.parts(), strict=True)
        optimiser = LevenbergMarquardt(self.network, residuals, chunk=CHUNK)
        self._record(self._residual(self.loss(self.network)))
        while not optimiser.stalled:
            try:
                optimiser.step(points)
            except TrainingError:
                raise _Ended(Status.NON_FINITE) from None
            self._record(math.sqrt(optimiser.loss or 0.0))

    def _quasi_newton(self) -> None:
        from scipy.optimize import minimize

        self._record(self._residual(self.loss(self.network)))
        options = {"maxcor": MEMORY, "maxiter": 10**9, "maxfun": 10**9, "maxls": 50, "ftol": 0.0, "gtol": 0.0}
        for _ in range(RESTARTS + 1):
            before = self.history[-1]
            minimize(
                self._value_and_gradient,
                self._read(),
                jac=True,
                method="L-BFGS-B",
                callback=self._accept,
                options=options,
            )
            if not self.history[-1] < before:
                return

    def _value_and_gradient(self, vector: np.ndarray) -> tuple[float, np.ndarray]:
        if time.perf_counter() - self._start > self.budget.seconds:
            raise _Ended(Status.MAX_ITERATIONS)
        self._write(vector)
        for parameter in self._parameters:
            parameter.grad = None
        value = self.loss(self.network)
        value.backward()
        gradients = [parameter.grad for parameter in self._parameters]
        flat = np.concatenate([g.numpy().ravel() for g in gradients if g is not None]).astype(np.float64)
        return float(value.detach()), flat

    def _accept(self, intermediate_result: Any) -> None:
        self._write(intermediate_result.x)
        self._record(math.sqrt(float(intermediate_result.fun)))

    def _record(self, residual: float) -> None:
        iteration = len(self.history)
        self.history.append(residual)
        if not math.isfinite(residual):
            raise _Ended(Status.NON_FINITE)
        self._best.offer(iteration, residual)
        self.progress.update(iteration, residual)
        if residual <= self.budget.target:
            raise _Ended(Status.CONVERGED)
        if self.callback is not None and self.callback(iteration, residual):
            raise _Ended(Status.INTERRUPTED)
        if iteration >= self.budget.steps or time.perf_counter() - self._start > self.budget.seconds:
            raise _Ended(Status.MAX_ITERATIONS)

    def _residual(self, value: torch.Tensor) -> float:
        return math.sqrt(float(value.detach()))

    def _read(self) -> np.ndarray:
        return np.concatenate([p.detach().numpy().ravel() for p in self._parameters]).astype(np.float64)

    @torch.no_grad()
    def _write(self, vector: np.ndarray) -> None:
        start = 0
        for parameter in self._parameters:
            part = vector[start : start + parameter.numel()]
            parameter.copy_(torch.as_tensor(part).reshape(parameter.shape))
            start += parameter.numel()
