"""Stochastic gradient descent that can be killed at any moment and resumed exactly."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ritz.backend import single_torch_thread
from ritz.errors import InvalidProblem, TrainingError
from ritz.files import check_folder, write_atomically
from ritz.progress import StepProgress
from ritz.recipe import Run

from .best_parameters import BestParameters
from .optimizers import OptimizerLike, learning_rate_of, make_optimizer, optimizer_step

__all__ = ["Descent", "Schedule", "check_device", "descend"]

FAILURES = 20  # consecutive steps without a finite gradient after which training gives up


@dataclass(frozen=True)
class Schedule:
    """Length of training, decay of the learning rate and clipping of gradients.

    Parameters
    ----------
    steps : int
        Maximum number of steps.
    validate_every : int
        Steps between validations.
    patience : int
        Consecutive validations without improvement after which training stops early.
    final_rate : float
        Fraction of the learning rate reached at the last step by cosine decay.
    largest_norm : float
        Norm to which longer gradients are clipped.
    """

    steps: int
    validate_every: int = 100
    patience: int = 10**9
    final_rate: float = 1.0
    largest_norm: float = 1.0

    def rate(self, step: int) -> float:
        """Return the factor applied to the learning rate at `step`."""
        return self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


@dataclass(frozen=True)
class Descent:
    """Record of a training run that left the network with the parameters that did best in validation.

    Parameters
    ----------
    ended : str
        What ended training: ``"steps"``, ``"patience"``, ``"seconds"`` or ``"interrupted"``.
    losses : list of float or None
        Loss of each step on its own batch; None for a step skipped because its loss or gradient was not finite.
    validations : list of (int, float)
        Step and validation loss.
    best_step : int
        Step with the smallest validation loss.
    """

    ended: str
    losses: list[float | None]
    validations: list[tuple[int, float]]
    best_step: int

    def summary(self) -> dict[str, Any]:
        """Return the summary stored in the metadata of the weights."""
        skipped = sum(loss is None for loss in self.losses)
        best = min((value for _, value in self.validations), default=math.nan)
        return {
            "ended": self.ended,
            "steps_taken": len(self.losses),
            "skipped": skipped,
            "best_step": self.best_step,
            "best_loss": best,
        }


def descend(
    network: torch.nn.Module,
    loss: Callable[[int], torch.Tensor],
    validate: Callable[[], float],
    *,
    schedule: Schedule,
    optimizer: OptimizerLike,
    learning_rate: float | str,
    run: Run,
    settings: Mapping[str, Any],
    label: str = "training",
) -> Descent:
    """Train `network` in place.

    Training can be killed at any moment. A checkpoint holds the network, the optimiser, the best parameters so far,
    the histories and the state of torch's random generators, and batches depend on the step number alone. On a CPU,
    a resumed run therefore takes exactly the steps of an uninterrupted one.

    Parameters
    ----------
    network : torch module
        Network to train, already on its device.
    loss : callable
        ``loss(step) -> scalar tensor``. Random choices must follow from `step` and the seed, as in
        ``np.random.default_rng((seed, step))``, or come from torch's global generators.
    validate : callable
        ``validate() -> float``, the loss on held-out data; called with gradients disabled.
    schedule : Schedule
    optimizer : str or callable
        See `make_optimizer`.
    learning_rate : float or "auto"
        ``"auto"`` derives it from the curvature of the first batches, for SGD and for Adam and its variants; see
        `ritz.solvers.training.learning_rate`.
    run : Run
        Device, time limit, checkpoint and progress line.
    settings : mapping
        Everything the weights depend on. A checkpoint with other settings is refused.
    label : str
        Label of the progress line.

    Returns
    -------
    Descent

    Raises
    ------
    TrainingError
        If the gradient stays non-finite, the device runs out of memory, or the checkpoint to resume from is missing,
        damaged or written with other settings.
    """
    return _Loop(network, loss, validate, schedule, optimizer, learning_rate, run, settings, label).run()


def check_device(name: str) -> torch.device:
    """Return the torch device called `name`, checking that it can be used.

    Raises
    ------
    InvalidProblem
        If it cannot; the message lists the available devices.

    Examples
    --------
    >>> check_device("cpu")
    device(type='cpu')
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):  # AssertionError if torch was built without support for the device
        known = ["'cpu'", *(f"'cuda:{index}'" for index in range(torch.cuda.device_count()))]
        raise InvalidProblem(f"device is {name!r}, which cannot be used here; use {' or '.join(known)}") from None
    return device


class _Loop:
    def __init__(
        self,
        network: torch.nn.Module,
        loss: Callable[[int], torch.Tensor],
        validate: Callable[[], float],
        schedule: Schedule,
        optimizer: OptimizerLike,
        learning_rate: float | str,
        run: Run,
        settings: Mapping[str, Any],
        label: str,
    ):
        self.network, self.loss, self.validate = network, loss, validate
        self.schedule, self.terms, self.label = schedule, run, label
        self.learning_rate = learning_rate_of(network, loss, optimizer, learning_rate)
        self.settings = json.dumps(dict(settings), sort_keys=True, default=str)
        self.optimizer = make_optimizer(optimizer, list(network.parameters()), self.learning_rate)
        self.step, self.seconds, self.failures = 0, 0.0, 0
        self.losses: list[float | None] = []
        self.validations: list[tuple[int, float]] = []
        self.best = BestParameters(network)
        if run.checkpoint is not None:
            check_folder(run.checkpoint)
            if run.resume:
                self._restore(run.checkpoint)

    def run(self) -> Descent:
        with single_torch_thread(), StepProgress(self.terms.progress, self.label, self.schedule.steps) as bar:
            try:
                ended = self._until_end(bar)
            except KeyboardInterrupt:
                ended = "interrupted"
            except torch.OutOfMemoryError as error:
                kept = "" if self.terms.checkpoint is None else f"; {str(self.terms.checkpoint)!r} keeps the progress"
                raise TrainingError(
                    f"the device ran out of memory at step {self.step}: use smaller batches or grids{kept} ({error})"
                ) from None
        self.best.restore()
        return Descent(ended, self.losses, self.validations, self.best.step)

    def _until_end(self, bar: StepProgress) -> str:
        start, saved = time.perf_counter() - self.seconds, -math.inf
        while True:
            self.seconds = time.perf_counter() - start
            done = self._ended()
            if self.terms.checkpoint is not None and (done or self.seconds - saved >= self.terms.checkpoint_seconds):
                self._save(self.terms.checkpoint)
                saved = self.seconds
            if done or self.step % self.schedule.validate_every == 0:
                self._look()
            done = done or self._ended()
            if done:
                return done
            self._advance()
            bar.update(self.step, f"validation loss {self.best.value:.2e}")

    def _ended(self) -> str:
        """Return why training is over, or the empty string if it is not."""
        if self.step >= self.schedule.steps:
            return "steps"
        if self.seconds >= self.terms.seconds:
            return "seconds"
        since_best = sum(step > self.best.step for step, _ in self.validations)
        return "patience" if since_best >= self.schedule.patience else ""

    def _look(self) -> None:
        if self.validations and self.validations[-1][0] == self.step:
            return
        with torch.no_grad():
            value = float(self.validate())
        self.validations.append((self.step, value))
        self.best.offer(self.step, value)

    def _advance(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * self.schedule.rate(self.step)
        value = optimizer_step(self.optimizer, lambda: self.loss(self.step), self.schedule.largest_norm)
        self.failures = self.failures + 1 if value is None else 0
        if self.failures >= FAILURES:
            raise TrainingError(
                f"{FAILURES} steps in a row, up to step {self.step}, had no finite gradient: lower learning_rate"
            )
        self.losses.append(value)
        self.step += 1

    def _save(self, path: Path) -> None:
        generators = [torch.get_rng_state()]
        if torch.cuda.is_available():
            generators += torch.cuda.get_rng_state_all()
        state = {
            "settings": self.settings,
            "step": self.step,
            "seconds": self.seconds,
            "failures": self.failures,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best.state,
            "best_value": self.best.value,
            "best_step": self.best.step,
            "losses": self.losses,
            "validations": self.validations,
            "generators": generators,
        }
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_atomically(path, buffer.getvalue())

    def _restore(self, path: Path) -> None:
        if not path.is_file():
            raise TrainingError(f"there is no checkpoint {str(path)!r} to resume from")
        device = next(self.network.parameters()).device
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            settings = state["settings"]
        except Exception as error:  # damaged bytes can make torch.load raise almost anything
            raise TrainingError(f"the checkpoint {str(path)!r} is damaged ({type(error).__name__})") from None
        if settings != self.settings:
            raise TrainingError(
                f"the checkpoint {str(path)!r} has other settings, {settings}, and cannot resume with {self.settings}"
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best.state = {name: values.to(device) for name, values in state["best"].items()}
        self.best.value, self.best.step = state["best_value"], state["best_step"]
        for name in ("step", "seconds", "failures", "losses"):
            setattr(self, name, state[name])
        self.validations = [(step, value) for step, value in state["validations"]]
        first, *others = state["generators"]
        torch.set_rng_state(first)
        for index, generator in enumerate(others[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(generator, index)
