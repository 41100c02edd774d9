"""Recipes that train weights, and the settings of a training run."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ritz.errors import InvalidProblem

__all__ = ["Recipe", "Run", "TrainedWeights"]


@dataclass(frozen=True)
class Run:
    """Device, time limit and checkpoints of a training run: settings that do not affect the trained weights.

    Parameters
    ----------
    device : str
        torch device: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    checkpoint : path, optional
        File with the state of training, replaced atomically every `checkpoint_seconds`.
    resume : bool
        Whether to continue from `checkpoint`. On a CPU the result equals that of an uninterrupted run bit for bit.
    checkpoint_seconds : float
        Time between checkpoints.
    seconds : float
        Time limit, after which training ends with the best weights so far. Time before an interruption counts.
    progress : bool
        Whether to show progress.

    Raises
    ------
    InvalidProblem
        For negative seconds, or `resume` without a `checkpoint`.
    """

    device: str = "cpu"
    checkpoint: Path | None = None
    resume: bool = False
    checkpoint_seconds: float = 30.0
    seconds: float = math.inf
    progress: bool = False

    def __post_init__(self):
        for name in ("checkpoint_seconds", "seconds"):
            if not getattr(self, name) >= 0:
                raise InvalidProblem(f"{name} is {getattr(self, name)!r}; it must not be negative")
        if self.resume and self.checkpoint is None:
            raise InvalidProblem("resume needs a checkpoint: name the file with the state of training")


class TrainedWeights(Protocol):
    """What a training run returns; `ritz.solvers.training.weights.Weights` is one."""

    family: str
    training: Mapping[str, Any]
    validation: Mapping[str, Any]

    @property
    def count(self) -> int:
        """Number of parameters."""
        ...

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the weights to a file."""
        ...


@runtime_checkable
class Recipe(Protocol):
    """A frozen dataclass whose fields are the settings of training; equal settings give equal weights.

    Recipes are registered with ``@recipes.register(name)`` and run by ``ritz train name``.
    """

    @property
    def seed(self) -> int:
        """Seed of all random choices."""
        ...

    @property
    def optimizer(self) -> Any:
        """Optimiser, in any form that `ritz.solvers.training.optimizers.make_optimizer` takes."""
        ...

    @property
    def learning_rate(self) -> float:
        """Initial learning rate of the optimiser."""
        ...

    def train(self, run: Run) -> TrainedWeights:
        """Train, and return the weights."""
        ...
