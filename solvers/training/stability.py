"""Whether a minimum is stable for the learning rate it is trained with."""

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
    r"""Curvature at one point against what a learning rate η allows.

    Gradient descent stays at a minimum only if its largest eigenvalue is at most 2/η; stochastic gradient descent
    with single samples, where all of them are fitted, only if the trace is :cite:`WuSu2023`.

    Attributes
    ----------
    step : int
    largest : float
        Eigenvalue of the Hessian.
    trace : Estimate
    learning_rate : float
    """

    step: int
    largest: float
    trace: Estimate
    learning_rate: float

    @property
    def limit(self) -> float:
        """2/η."""
        return 2.0 / self.learning_rate

    @property
    def stable_for_all_samples(self) -> bool:
        """Whether gradient descent is stable here."""
        return self.largest <= self.limit

    @property
    def stable_for_single_samples(self) -> bool:
        """Whether the trace is within the limit, to twice its standard error."""
        return self.trace.value <= self.limit + 2.0 * self.trace.standard_error

    def __str__(self) -> str:
        return f"largest {self.largest:.4g}, trace {self.trace.value:.4g}, 2/η = {self.limit:.4g} (step {self.step})"


def sharpness(curvature: Any, learning_rate: float, *, budget: int = 24, step: int = 0, seed: int = 0) -> Sharpness:
    """Measure the largest eigenvalue and the trace of any symmetric operator against a learning rate.

    Parameters
    ----------
    curvature : Operator, or anything `ritz.operators.aslinearoperator` takes
        The Hessian of the loss whose gradient is followed.
    learning_rate : float
    budget : int
        Products for the trace.
    step : int
        Noted in the result.
    seed : int

    Raises
    ------
    InvalidProblem
        For a learning rate that is not positive.

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
    """Measure the sharpness of a loss every so many steps of training.

    Parameters
    ----------
    loss, model, data
        As for `ritz.operators.Hessian`.
    learning_rate : float
    every : int
        Steps from one measurement to the next.
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
        """Measure, if it is time to."""
        if step % self.every == 0:
            hessian = Hessian(self.loss, self.model, self.data, chunk=1)
            self.history.append(sharpness(hessian, self.learning_rate, budget=self.budget, step=step))

    def plot(self, axes: Axes) -> None:
        """Draw trace and largest eigenvalue against the step, and the limit 2/η."""
        steps = [each.step for each in self.history]
        axes.semilogy(steps, [each.trace.value for each in self.history], label="trace")
        axes.semilogy(steps, [each.largest for each in self.history], label="largest eigenvalue")
        axes.axhline(2.0 / self.learning_rate, color="black", linestyle="--", linewidth=1.0, label="2/η")
        axes.set(xlabel="step", ylabel="curvature")
