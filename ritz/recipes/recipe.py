"""How weights are made: recipes of training, and the terms on which one is followed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ritz.errors import InvalidProblem, UnknownOption
from ritz.recipes.weights import Weights
from ritz.registry import recipes

__all__ = ["Recipe", "Run", "make_recipe", "settings_of"]


@dataclass(frozen=True)
class Run:
    """On what, for how long and how safely training runs: what does not change the weights that come out.

    Parameters
    ----------
    device : str
        Of torch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    checkpoint : path, optional
        File that the state of training is kept in, replaced as a whole every `checkpoint_seconds`.
    resume : bool
        Whether to go on from `checkpoint`. On a CPU the weights become those of an uninterrupted run, bit for bit.
    checkpoint_seconds : float
    seconds : float
        After which training ends early, with the best weights met so far; time before an interruption counts.
    progress : bool
        Whether to show how far training is.

    Raises
    ------
    InvalidProblem
        For seconds that are not positive, or `resume` without a `checkpoint`.
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
            raise InvalidProblem("resume needs a checkpoint: name the file that training was kept in")


@runtime_checkable
class Recipe(Protocol):
    """A frozen dataclass whose fields are the settings of training: the same settings make the same weights.

    Registered with ``@recipes.register(name)``; ``ritz train name`` follows it.
    """

    @property
    def seed(self) -> int:
        """Of every random choice."""
        ...

    @property
    def optimizer(self) -> Any:
        """As `ritz.solvers.training.optimizers.make_optimizer` takes it."""
        ...

    @property
    def learning_rate(self) -> float:
        """Of the optimiser at the start."""
        ...

    def train(self, run: Run) -> Weights:
        """Return trained weights."""
        ...


def make_recipe(name: str, settings: Mapping[str, Any]) -> Recipe:
    """Return the registered recipe `name` with some settings of its own.

    Raises
    ------
    UnknownName, UnknownOption
        With close matches.
    """
    kind = recipes[name]
    known = {setting.name for setting in fields(kind) if setting.init}
    for setting in settings:
        if setting not in known:
            raise UnknownOption(f"recipe {name!r}", setting, known)
    return kind(**settings)


def settings_of(recipe: Any) -> dict[str, Any]:
    """Return the settings of a recipe as JSON takes them, for the metadata of weights.

    Examples
    --------
    >>> from dataclasses import make_dataclass
    >>> settings_of(make_dataclass("Example", [("rate", float)])(0.5))
    {'rate': 0.5}
    """
    values = {setting.name: getattr(recipe, setting.name) for setting in fields(recipe) if setting.init}
    return {
        name: getattr(value, "__name__", repr(value)) if callable(value) else value for name, value in values.items()
    }
