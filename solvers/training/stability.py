"""Stability of minima at a given learning rate, from the sharpness of the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from ritz.errors import InvalidProblem
from ritz.operators import Hessian
from ritz.solvers.spectrum import eigenvalues, trace
from ritz.solvers.spectrum.estimate import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Sharpness", "SharpnessMonitor", "sharpness"]


@dataclass(frozen=True)
class Sharpness:
    r"""Curvature at one point, compared with the stability limit 2/η of a learning rate η.

    Gradient descent stays at a minimum only if the largest eigenvalue of the Hessian is at most 2/η. Stochastic
    gradient descent with single samples stays at a minimum that fits all of them only if the trace is
    :cite:`WuSu2023`.

    Attributes
    ----------
    step : int
        Training step of the measurement.
    largest : float
        Largest eigenvalue of the Hessian.
    trace : Estimate
        Trace of the Hessian.
    learning_rate : float
    """

    step: int
    largest: float
    trace: Estimate
    learning_rate: float

    @property
    def limit(self) -> float:
        """Stability limit 2/η."""
        return 2.0 / self.learning_rate

    @property
    def stable_for_all_samples(self) -> bool:
        """Whether gradient descent on all samples is stable here."""
        return self.largest <= self.limit

    @property
    def stable_for_single_samples(self) -> bool:
        """Whether the trace exceeds the limit by at most twice its standard error."""
        return self.trace.value <= self.limit + 2.0 * self.trace.standard_error

    def __str__(self) -> str:
        return f"largest {self.largest:.4g}, trace {self.trace.value:.4g}, 2/η = {self.limit:.4g} (step {self.step})"


def sharpness(curvature: Any, learning_rate: float, *, budget: int = 24, step: int = 0, seed: int = 0) -> Sharpness:
    """Measure the largest eigenvalue and the trace of a symmetric operator.

    Parameters
    ----------
    curvature : Operator, or anything `ritz.operators.aslinearoperator` takes
        Hessian of the loss being minimised.
    learning_rate : float
        Learning rate to compare with.
    budget : int
        Products for the trace.
    step : int
        Training step, recorded in the result.
    seed : int
        Seed of both estimates.

    Raises
    ------
    InvalidProblem
        If the learning rate is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> found = sharpness(np.diag([3.0, 1.0, 1.0]), learning_rate=0.5)
    >>> found.stable_for_all_samples, found.stable_for_single_samples
    (True, False)
    """
    if not learning_rate > 0.0:
        raise InvalidProblem(f"learning_rate is {learning_rate!r}; it must be positive")
    top = eigenvalues(curvature, 1, rtol=1e-4, budget=200, seed=seed)
    return Sharpness(step, float(top.values[0]), trace(curvature, budget, seed=seed), learning_rate)


@dataclass(eq=False)
class SharpnessMonitor:
    """A callback that measures the sharpness of a loss during training.

    Parameters
    ----------
    loss, model, data
        As for `ritz.operators.Hessian`.
    learning_rate : float
        Learning rate of the training.
    every : int
        Training steps between measurements.
    budget : int
        Products for each trace.

    Attributes
    ----------
    history : list of Sharpness

    Examples
    --------
    >>> line = torch.nn.Linear(1, 1)
    >>> monitor = SharpnessMonitor(lambda model: model(torch.ones(4, 1)).square().mean(), line, None, 0.1, every=5)
    >>> for step in range(11):
    ...     monitor(step)
    >>> [each.step for each in monitor.history], round(monitor.history[0].largest, 4)
    ([0, 5, 10], 4.0)
    """

    loss: Callable[..., torch.Tensor]
    model: torch.nn.Module
    data: Iterable[Any] | None
    learning_rate: float
    every: int = 10
    budget: int = 24
    history: list[Sharpness] = field(default_factory=list[Sharpness], init=False)

    def __call__(self, step: int) -> None:
        """Measure the sharpness if `step` is a multiple of `every`."""
        if step % self.every == 0:
            hessian = Hessian(self.loss, self.model, self.data, chunk=1)
            self.history.append(sharpness(hessian, self.learning_rate, budget=self.budget, step=step))

    def plot(self, axes: Axes) -> None:
        """Plot the trace and the largest eigenvalue over the training steps, with the limit 2/η."""
        steps = [each.step for each in self.history]
        axes.semilogy(steps, [each.trace.value for each in self.history], label="trace")
        axes.semilogy(steps, [each.largest for each in self.history], label="largest eigenvalue")
        axes.axhline(2.0 / self.learning_rate, color="black", linestyle="--", linewidth=1.0, label="2/η")
        axes.set(xlabel="step", ylabel="curvature")
