"""How the weights of learned multigrid are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.problem import LinearSystem
from ritz.recipe import Run, settings_of
from ritz.registry import problems, recipes
from ritz.weights import Weights

__all__ = ["MultigridTraining"]

HELD_OUT = 1000  # first seed of validation problems
VALIDATED = 4  # of them, at each size


@dataclass(frozen=True)
class MultigridTraining:
    """Learn a cycle by conjugate gradients preconditioned with it: the residual after some steps is to be small.

    Parameters
    ----------
    seed : int
    optimizer, learning_rate
        See `ritz.networks.optimizers.make_optimizer`.
    steps : int
    batch : int
        Problems in a step.
    pool : int
        Problems in all, of seeds that validation does not use.
    unrolled : int
        Iterations that are differentiated through.
    side : int
        Cells along each axis.
    width : int
        Channels of the network; 0 for a few numbers without one.
    """

    seed: int = 0
    optimizer: Any = "adam"
    learning_rate: float = 1e-2
    steps: int = 300
    batch: int = 8
    pool: int = 64
    unrolled: int = 6
    side: int = 64
    width: int = 0
    dimension: ClassVar[int] = 2
    family: ClassVar[str] = "multigrid-masks"
    validation_sides: ClassVar[tuple[int, ...]] = (64, 128)

    def problem(self, side: int, seed: int) -> LinearSystem:
        """Return a problem of the family."""
        raise NotImplementedError

    def train(self, run: Run) -> Weights:
        """Return trained weights."""
        import torch

        from ritz.networks.descent import Schedule, check_device, descend
        from ritz.networks.face_multigrid import CycleNetwork, System, residual_reduction

        device = check_device(run.device)
        torch.manual_seed(self.seed)
        network = CycleNetwork(self.dimension, self.width).to(device)

        def batch(seeds: np.ndarray, generator: np.random.Generator) -> tuple[System, torch.Tensor]:
            made = [self._entries(int(seed), generator) for seed in seeds]
            faces = [torch.tensor(np.stack([one[0][a] for one in made])) for a in range(self.dimension)]
            walls, rhs = (torch.tensor(np.stack([one[part] for one in made])) for part in (1, 2))
            return System([f.to(device) for f in faces], walls.to(device)), rhs.to(device)

        def loss(step: int) -> torch.Tensor:
            generator = np.random.default_rng((self.seed, step))
            return residual_reduction(network, *batch(generator.integers(0, self.pool, self.batch), generator), self.unrolled)

        held_out = batch(np.arange(HELD_OUT, HELD_OUT + 2 * self.batch), np.random.default_rng(HELD_OUT))
        descent = descend(
            network,
            loss,
            lambda: float(residual_reduction(network, *held_out, self.unrolled + 2)),
            schedule=Schedule(self.steps, validate_every=20, final_rate=0.05),
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            run=run,
            settings=settings_of(self),
        )
        arrays = {name: values.detach().cpu().numpy() for name, values in network.numbers().items()}
        for number, layer in enumerate(network.layers if self.width else []):
            arrays[f"weight{number}"], arrays[f"bias{number}"] = (
                values.detach().cpu().numpy() for values in (layer.weight, layer.bias)
            )
        weights = Weights(
            arrays, self.family, self.dimension, self.seed, {"width": self.width},
            {**settings_of(self), **descent.summary()},
        )  # fmt: skip
        return weights

    def _entries(self, seed: int, generator: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Return couplings, walls and a right-hand side, half smooth and half noise, turned and mirrored at random."""
        key = type(self).__name__, self.side, seed
        if key not in _made:
            system = self.problem(self.side, seed)
            operator: Any = system.operator
            shape = operator.grid_shape
            fluid = np.ones(shape) if operator.solid is None else ~operator.solid
            scale = 1.0 / max(along.max() for along in operator.couplings)
            along = [(scale * values).astype(np.float32) for values in operator.couplings]
            walls = operator.diagonal().reshape(shape) * fluid
            for axis, values in enumerate(operator.couplings):
                walls = walls - values - np.roll(values, 1, axis)
            walls = np.where(walls > 1e-10 * operator.diagonal().reshape(shape), scale * walls, 0.0).astype(np.float32)
            faces = [values.take(range(values.shape[axis] - 1), axis) for axis, values in enumerate(along)]
            _made[key] = faces, walls, (system.rhs.reshape(shape) * fluid).astype(np.float32), fluid.astype(np.float32)
        faces, walls, smooth, fluid = _made[key]
        rhs = smooth if generator.random() < 0.5 else fluid * generator.standard_normal(smooth.shape, np.float32)
        return faces, walls, rhs / np.linalg.norm(rhs)


_made: dict[Any, Any] = {}


@recipes.register("multigrid-masks-2d")
@dataclass(frozen=True)
class Masks2D(MultigridTraining):
    """A few numbers a level, for unit coefficients between obstacles in the plane."""

    def problem(self, side: int, seed: int) -> LinearSystem:
        return problems["poisson"]((side,) * self.dimension, obstacles=6, seed=seed)


@recipes.register("multigrid-masks-3d")
@dataclass(frozen=True)
class Masks3D(Masks2D):
    """A few numbers a level, for unit coefficients between obstacles in space."""

    side: int = 16
    dimension: ClassVar[int] = 3


@recipes.register("multigrid-jumps-2d")
@dataclass(frozen=True)
class Jumps2D(MultigridTraining):
    """A network that reads coefficients that jump, in the plane."""

    width: int = 8
    steps: int = 500
    family: ClassVar[str] = "multigrid-jumps"

    def problem(self, side: int, seed: int) -> LinearSystem:
        contrast = 2e5 if seed >= HELD_OUT else 10.0 ** np.random.default_rng(seed).uniform(1, 6)
        return problems["diffusion"]((side,) * self.dimension, contrast=contrast, seed=seed)


@recipes.register("multigrid-jumps-3d")
@dataclass(frozen=True)
class Jumps3D(Jumps2D):
    """A network that reads coefficients that jump, in space."""

    side: int = 32
    batch: int = 2
    dimension: ClassVar[int] = 3
