"""Recipes that train the weights of learned multigrid."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_seed
from ritz.problem_types.linear_system import LinearSystem
from ritz.recipe import Run
from ritz.registry import problems, recipes
from ritz.solvers.training.weights import Weights, settings_of

__all__ = ["MultigridTraining"]

HELD_OUT = 1000  # first seed of the validation problems
VALIDATED = 4  # validation problems of each size
RTOL = 1e-6


@dataclass(frozen=True)
class MultigridTraining(ABC):
    """Train a multigrid cycle to minimise the residual after a few steps of conjugate gradients preconditioned by it.

    Parameters
    ----------
    seed : int
        Seed of initial weights, problems and right-hand sides.
    optimizer, learning_rate
        See `ritz.solvers.training.optimizers.make_optimizer`.
    steps : int
        Steps of training.
    batch : int
        Problems per step.
    pool : int
        Number of training problems, whose seeds are not used for validation.
    unrolled : int
        Iterations of conjugate gradients to differentiate through.
    side : int
        Cells of training problems along each axis.
    width : int
        Channels of the network; 0 to train numbers only.
    visits : int
        Visits per cycle to the second and third grid, 1 or 2.
    """

    seed: int = 0
    optimizer: Any = "adam"
    learning_rate: float = 1e-2
    steps: int = 120
    batch: int = 8
    pool: int = 64
    unrolled: int = 4
    side: int = 64
    width: int = 0
    visits: int = 2
    dimension: ClassVar[int] = 2
    family: ClassVar[str] = "multigrid-masks"
    validation_sides: ClassVar[tuple[int, ...]] = (64, 128)

    @abstractmethod
    def problem(self, side: int, seed: int) -> LinearSystem:
        """Return a problem with `side` cells along each axis."""

    def train(self, run: Run) -> Weights:
        """Return trained weights."""
        import torch

        from ritz.solvers.training.descent import Schedule, check_device, descend

        from .cycle_network import CycleNetwork, FaceOperators, residual_reduction

        check_seed(self.seed)
        device = check_device(run.device)
        torch.manual_seed(int(self.seed))
        network = CycleNetwork(self.dimension, self.width, self.visits).to(device)
        entries = cache(self._entries)

        def batch(seeds: np.ndarray, generator: np.random.Generator) -> tuple[FaceOperators, torch.Tensor]:
            made = [entries(int(seed)) for seed in seeds]
            faces = [torch.tensor(np.stack([one.faces[a] for one in made])) for a in range(self.dimension)]
            walls = torch.tensor(np.stack([one.walls for one in made]))
            rhs = torch.tensor(np.stack([one.rhs(generator) for one in made]))
            return FaceOperators([f.to(device) for f in faces], walls.to(device)), rhs.to(device)

        def loss(step: int) -> torch.Tensor:
            generator = np.random.default_rng((self.seed, step))
            seeds = generator.integers(0, self.pool, self.batch)
            return residual_reduction(network, *batch(seeds, generator), self.unrolled)

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
        weights = self._weights(network)
        training = {**settings_of(self), **descent.summary()}
        return replace(weights, seed=self.seed, training=training, validation=self.iterations(weights))

    def untrained(self) -> Weights:
        """Return the initial weights of training, which follow theory for constant coefficients."""
        import torch

        from .cycle_network import CycleNetwork

        torch.manual_seed(int(self.seed))
        return self._weights(CycleNetwork(self.dimension, self.width, self.visits))

    def _weights(self, network: Any) -> Weights:
        arrays = {name: values.detach().cpu().numpy() for name, values in network.numbers().items()}
        for number, layer in enumerate(network.layers if self.width else []):
            arrays[f"weight{number}"] = layer.weight.detach().cpu().numpy()
            arrays[f"bias{number}"] = layer.bias.detach().cpu().numpy()
        return Weights(arrays, self.family, self.dimension, spec={"width": self.width, "visits": self.visits})

    def iterations(self, weights: Weights) -> dict[str, list[int]]:
        """Return the iterations with given weights on the validation problems, by cells along each axis."""
        from .solver import LearnedMultigrid

        solver = LearnedMultigrid(weights)
        seeds = range(HELD_OUT, HELD_OUT + VALIDATED)
        return {
            str(side): [
                solver.prepare(self.problem(side, seed)).solve(rtol=RTOL).uninterrupted().iterations for seed in seeds
            ]
            for side in self.validation_sides
        }

    def _entries(self, seed: int) -> _Entries:
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
        return _Entries(faces, walls, (system.rhs.reshape(shape) * fluid).astype(np.float32), fluid.astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Entries:
    """One training problem: couplings across faces and to walls, right-hand side, and mask of the fluid cells."""

    faces: list[np.ndarray]
    walls: np.ndarray
    smooth: np.ndarray
    fluid: np.ndarray

    def rhs(self, generator: np.random.Generator) -> np.ndarray:
        """Return a right-hand side of norm one, either that of the problem or noise."""
        rhs = self.smooth
        if generator.random() >= 0.5:
            rhs = self.fluid * generator.standard_normal(self.smooth.shape, np.float32)
        return rhs / np.linalg.norm(rhs)


@recipes.register("multigrid-masks-2d")
@dataclass(frozen=True)
class Masks2D(MultigridTraining):
    """A few numbers per group of levels, for unit coefficients with obstacles in the plane."""

    def problem(self, side: int, seed: int) -> LinearSystem:
        return problems["poisson"]((side,) * self.dimension, obstacles=6, seed=seed)


@recipes.register("multigrid-masks-3d")
@dataclass(frozen=True)
class Masks3D(Masks2D):
    """A few numbers per group of levels, for unit coefficients with obstacles in space."""

    side: int = 16
    visits: int = 1
    dimension: ClassVar[int] = 3
    validation_sides: ClassVar[tuple[int, ...]] = (16, 32)


@recipes.register("multigrid-jumps-2d")
@dataclass(frozen=True)
class Jumps2D(MultigridTraining):
    """A network for jumping coefficients in the plane."""

    width: int = 8
    steps: int = 160
    unrolled: int = 5
    family: ClassVar[str] = "multigrid-jumps"

    def problem(self, side: int, seed: int) -> LinearSystem:
        contrast = 2e5 if seed >= HELD_OUT else 10.0 ** np.random.default_rng(seed).uniform(2, 6)
        return problems["diffusion"]((side,) * self.dimension, contrast=contrast, seed=seed)


@recipes.register("multigrid-jumps-3d")
@dataclass(frozen=True)
class Jumps3D(Jumps2D):
    """A network for jumping coefficients in space."""

    steps: int = 140
    side: int = 32
    batch: int = 2
    dimension: ClassVar[int] = 3
    validation_sides: ClassVar[tuple[int, ...]] = (32,)
