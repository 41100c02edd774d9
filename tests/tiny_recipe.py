"""A recipe of training that takes a moment, for the tests of what all recipes share."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ritz.recipe import Run
from ritz.registry import recipes
from ritz.solvers.training.weights import Weights, settings_of


@recipes.register("tiny")
@dataclass(frozen=True)
class Tiny:
    """Fit a line to noise with a network of 25 parameters."""

    seed: int = 0
    optimizer: Any = "adam"
    learning_rate: float = 1e-2
    steps: int = 300
    patience: int = 10**9
    pause: float = 0.0
    spoil: int = 10**9

    def train(self, run: Run) -> Weights:
        import torch

        from ritz.solvers.training.descent import Schedule, check_device, descend

        device = check_device(run.device)
        torch.manual_seed(self.seed)
        layers = (torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 1))
        network = torch.nn.Sequential(*layers).to(device)

        def loss(step: int) -> Any:
            time.sleep(self.pause)
            x = torch.as_tensor(np.random.default_rng((self.seed, step)).uniform(-1, 1, (16, 1)), dtype=torch.float32)
            return ((network(x) - 0.5 * x) ** 2).mean() / (0.0 if self.spoil <= step < self.spoil + 30 else 1.0)

        x = torch.linspace(-1, 1, 21)[:, None]
        descent = descend(
            network,
            loss,
            lambda: float(((network(x) - 0.5 * x) ** 2).mean()),
            schedule=Schedule(self.steps, validate_every=20, patience=self.patience, final_rate=0.1),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            run=run,
            settings=settings_of(self),
        )
        arrays = {name: values.numpy() for name, values in network.state_dict().items()}
        return Weights(arrays, "tiny", 1, self.seed, {}, {**settings_of(self), **descent.summary()})


if __name__ == "__main__":
    pause, output, checkpoint = sys.argv[1:]
    terms = Run(checkpoint=Path(checkpoint), checkpoint_seconds=0.05)
    Tiny(pause=float(pause)).train(terms).save(output)
