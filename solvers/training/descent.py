"""Stochastic gradient descent that can be interrupted at any moment and resumed exactly."""

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
from ritz.recipes.recipe import Run

from .optimizers import OptimizerLike, learning_rate_of, make_optimizer, optimizer_step

__all__ = ["Descent", "Schedule", "check_device", "descend"]

FAILURES = 20  # steps in a row without a finite gradient, after which there is no hope


@dataclass(frozen=True)
class Schedule:
    """How many steps, and how long they are.

    Parameters
    ----------
    steps : int
    validate_every : int
        Steps between two looks at the validation data.
    patience : int
        Looks in a row without a new best one, after which training ends early.
    final_rate : float
        Share of the learning rate that is left at the end, to which it falls like a cosine.
    largest_norm : float
        To which longer gradients are shortened.
    """

    steps: int
    validate_every: int = 100
    patience: int = 10**9
    final_rate: float = 1.0
    largest_norm: float = 1.0

    def rate(self, step: int) -> float:
        """Return the factor of the learning rate in a step."""
        return self.final_rate + (1.0 - self.final_rate) * 0.5 * (1.0 + math.cos(math.pi * step / self.steps))


@dataclass(frozen=True)
class Descent:
    """How training went; the network is left with the parameters that were best on the validation data.

    Parameters
    ----------
    ended : str
        ``"steps"``, ``"patience"``, ``"seconds"`` or ``"interrupted"``.
    losses : list of float
        Of each step on its own batch; None where it was not finite and the step was not taken.
    validations : list of (int, float)
        Step and loss on the validation data.
    best_step : int
    """

    ended: str
    losses: list[float | None]
    validations: list[tuple[int, float]]
    best_step: int

    def summary(self) -> dict[str, Any]:
        """Return what belongs in the metadata of weights."""
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

    Training can be killed at any moment: a checkpoint holds the network, the optimiser, the best parameters so far,
    the histories and the state of torch's random numbers, and batches depend on the number of the step alone, so
    that on a CPU the resumed run takes the very steps the uninterrupted one would have taken.

    Parameters
    ----------
    network : torch module
        On its device.
    loss : callable
        ``loss(step) -> scalar tensor``. Random choices must follow from `step` and the seed, as in
        ``np.random.default_rng((seed, step))``, or come from torch's global generators.
    validate : callable
        ``validate() -> float``, the loss on data kept apart; called without gradients.
    schedule : Schedule
    optimizer : str or callable
        See `make_optimizer`.
    learning_rate : float or "auto"
        ``"auto"`` takes it from the curvature of the first batches, for Adam and its kin and for SGD; see
        `ritz.solvers.training.learning_rate`.
    run : Run
    settings : mapping
        What the weights depend on: a checkpoint of other settings is refused.
    label : str
        For the progress line.

    Returns
    -------
    Descent

    Raises
    ------
    TrainingError
        If the loss stays without a finite gradient, the device runs out of memory, or the checkpoint to resume from
        is missing, damaged or of other settings.
    """
    return _Loop(network, loss, validate, schedule, optimizer, learning_rate, run, settings, label).run()


def check_device(name: str) -> torch.device:
    """Return a device of torch that can be used.

    Raises
    ------
    InvalidProblem
        Naming the devices there are.

    Examples
    --------
    >>> check_device("cpu")
    device(type='cpu')
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):  # the latter where torch was built without the device
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
        self.best_value, self.best_step, self.best = math.inf, 0, _copied(network.state_dict())
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
                kept = "" if self.terms.checkpoint is None else f"; {str(self.terms.checkpoint)!r} keeps what was done"
                raise TrainingError(
                    f"the device ran out of memory in step {self.step}: use smaller batches or grids{kept} ({error})"
                ) from None
        self.network.load_state_dict(self.best)
        return Descent(ended, self.losses, self.validations, self.best_step)

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
            bar.update(self.step, f"validation loss {self.best_value:.2e}")

    def _ended(self) -> str:
        """Return why training is over, or nothing."""
        if self.step >= self.schedule.steps:
            return "steps"
        if self.seconds >= self.terms.seconds:
            return "seconds"
        since_best = sum(step > self.best_step for step, _ in self.validations)
        return "patience" if since_best >= self.schedule.patience else ""

    def _look(self) -> None:
        if self.validations and self.validations[-1][0] == self.step:
            return
        with torch.no_grad():
            value = float(self.validate())
        self.validations.append((self.step, value))
        if value < self.best_value:
            self.best_value, self.best_step, self.best = value, self.step, _copied(self.network.state_dict())

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
            "best": self.best,
            "best_value": self.best_value,
            "best_step": self.best_step,
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
        except Exception as error:  # torch raises whatever the bytes happen to lead to
            raise TrainingError(f"the checkpoint {str(path)!r} is damaged ({type(error).__name__})") from None
        if settings != self.settings:
            raise TrainingError(
                f"the checkpoint {str(path)!r} is of other settings, {settings}, and cannot go on with {self.settings}"
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = {name: values.to(device) for name, values in state["best"].items()}
        for name in ("step", "seconds", "failures", "best_value", "best_step", "losses"):
            setattr(self, name, state[name])
        self.validations = [(step, value) for step, value in state["validations"]]
        first, *others = state["generators"]
        torch.set_rng_state(first)
        for index, generator in enumerate(others[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(generator, index)


def _copied(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: values.detach().clone() for name, values in state.items()}
