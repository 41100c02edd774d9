"""Recipes that train networks to propose conjugate directions."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Stencil
from ritz.problem_types.linear_system import LinearSystem
from ritz.recipes.recipe import Run, settings_of
from ritz.recipes.weights import Weights
from ritz.registry import recipes
from ritz.solvers.direct.transform import Transform

from .iteration import ConjugateDirections
from .mixtures import ritz_mixtures
from .network_direction import FAMILY, NetworkDirection, make_network

__all__ = ["DirectionTraining", "held_out"]

HELD_OUT = 0.1  # of the mixtures, that are kept apart to validate with
ONE_SCALE = 10**9


@recipes.register("dcdm-2d")
@dataclass(frozen=True)
class DirectionTraining:
    """Train the network of conjugate directions in the plane, in two minutes on one core :cite:`Kaneda2023`.

    Unsupervised: for mixtures r of Ritz vectors of the Laplacian of a box and the network's directions q, the mean
    of ``||r - a A q||^2 / ||r||^2`` is minimised, a being the step that is best in the norm of A, or the mean of
    ``||e - a q||^2 / ||e||^2`` for errors ``A e = r`` in that norm. Directions scale freely.

    Parameters
    ----------
    seed : int
        Of the weights, the mixtures and the batches.
    optimizer : str or callable
        See `ritz.solvers.training.optimizers.make_optimizer`.
    learning_rate : float
        At first; it falls to a fiftieth.
    grid : tuple of int
        Cells along two or three axes of the box.
    size : {64, 128}
        Which of the published networks.
    channels : int
    smallest : int
        Grids are halved while every axis has twice that many cells, and the network is asked on each; with 0 on the
        given grid alone, as published.
    normalized : bool
        Whether residuals are scaled before the network sees them, without which it has to be asked on one grid.
    energy : bool
        Whether it is errors rather than residuals that are measured.
    mixtures, lanczos_steps : int
        See `ritz_mixtures`; one in ten is kept apart to validate with.
    batch, steps, validate_every, patience : int
        Mixtures in a batch, batches, and when to look at those kept apart and to give up.
    """

    seed: int = 0
    optimizer: Any = "adam"
    learning_rate: float = 2e-3
    grid: tuple[int, ...] = (32, 32)
    size: int = 64
    channels: int = 16
    smallest: int = 8
    normalized: bool = True
    energy: bool = False
    mixtures: int = 2000
    lanczos_steps: int = 400
    batch: int = 8
    steps: int = 1200
    validate_every: int = 100
    patience: int = 10

    def __post_init__(self):
        if len(self.grid) not in (2, 3) or min(self.grid) < 2:
            raise InvalidProblem(f"grid is {self.grid!r}; it must have two or three axes of at least two cells")
        if self.size not in (64, 128):
            raise InvalidProblem(f"size is {self.size!r}; the networks are for 64 and 128 cells along an axis")
        if self.smallest and not self.normalized:
            raise InvalidProblem("normalized is False, which needs smallest=0: other scales have other residuals")
        for name in ("channels", "batch", "steps", "validate_every", "patience", "lanczos_steps"):
            if getattr(self, name) < 1:
                raise InvalidProblem(f"{name} is {getattr(self, name)!r}; it must be positive")
        if self.mixtures < 10:
            raise InvalidProblem(f"mixtures is {self.mixtures!r}; at least ten are needed, one to validate with")

    def train(self, run: Run) -> Weights:
        """Return trained weights, with the iterations that systems kept apart then take."""
        import torch

        from ritz.solvers.training.descent import Schedule, check_device, descend

        from .scales import scales_of

        device = check_device(run.device)
        operator = Stencil(self.grid, spacing=1.0)
        generator = torch.Generator().manual_seed(self.seed)
        spec = self._spec()
        network = make_network(len(self.grid), spec, generator).to(device)
        if self.smallest:
            network.begin_small()
        like = torch.empty(0, device=device)
        scales = [scale.to(like) for scale in scales_of(operator, spec["smallest"])]
        with tempfile.TemporaryDirectory() as folder:
            samples = ritz_mixtures(
                operator, self.mixtures, steps=self.lanczos_steps, seed=self.seed, folder=folder
            ).reshape(-1, 1, *self.grid)
            kept = max(1, int(HELD_OUT * self.mixtures))
            energies = energies_of(operator, samples) if self.energy else None

            def loss(chosen: np.ndarray, seed: int) -> Any:
                given = _scaled(samples[chosen], self.normalized, (self.seed, seed))
                residuals = torch.as_tensor(given, device=device)
                of_errors = None if energies is None else torch.as_tensor(energies[chosen], device=device)
                return _loss(network, scales, residuals, of_errors, self.normalized)

            def batch(step: int) -> np.ndarray:
                picked = np.random.default_rng((self.seed, step)).integers(self.mixtures - kept, size=self.batch)
                return kept + np.sort(picked)

            def validate() -> float:
                parts = np.split(np.arange(kept), range(self.batch, kept, self.batch))
                return sum(float(loss(part, 0)) * len(part) for part in parts) / kept

            descent = descend(
                network,
                lambda step: loss(batch(step), step),
                validate,
                schedule=Schedule(self.steps, self.validate_every, self.patience, final_rate=0.02),
                optimizer=self.optimizer,
                learning_rate=self.learning_rate,
                run=run,
                settings=settings_of(self),
                label=f"directions on {' x '.join(map(str, self.grid))}",
            )
        arrays = {name: values.cpu().numpy() for name, values in network.state_dict().items()}
        history = {"losses": descent.losses[:: max(1, self.steps // 300)], "validations": descent.validations}
        training = {**settings_of(self), **descent.summary(), "history": history}
        trained = Weights(arrays, FAMILY, len(self.grid), self.seed, spec, training)
        return Weights(arrays, FAMILY, len(self.grid), self.seed, spec, training, iterations_of(trained))

    def _spec(self) -> dict[str, Any]:
        """Return what the network is, and how it is to be asked."""
        return {
            "size": self.size,
            "channels": self.channels,
            "smallest": self.smallest or ONE_SCALE,
            "normalized": self.normalized,
            "grid": self.grid,
        }


@recipes.register("dcdm-3d")
@dataclass(frozen=True)
class DirectionTraining3D(DirectionTraining):
    """Train the network of conjugate directions in space, reduced to what one core does in five minutes."""

    grid: tuple[int, ...] = (16, 16, 16)
    smallest: int = 4
    mixtures: int = 1000
    steps: int = 200
    batch: int = 4


@recipes.register("dcdm-2d-64")
@dataclass(frozen=True)
class DirectionTrainingOneScale(DirectionTraining):
    """Train the network of 64^2 cells in its published form, asked on one grid; four minutes on one core."""

    learning_rate: float = 1e-3
    grid: tuple[int, ...] = (64, 64)
    smallest: int = 0
    lanczos_steps: int = 500
    batch: int = 4
    steps: int = 1800


@recipes.register("fluidnet-2d")
@dataclass(frozen=True)
class FluidNetTraining(DirectionTrainingOneScale):
    """Train a network that sees residuals of every size as they are, as FluidNet does :cite:`Tompson2017`."""

    normalized: bool = False
    steps: int = 600


@recipes.register("spectral-2d")
@dataclass(frozen=True)
class SpectralTraining(DirectionTrainingOneScale):
    """Train a spectral neural operator by errors in the norm of A, in four minutes on one core :cite:`RudikovEtAl2024`.

    Parameters
    ----------
    modes : int
        Along each axis, that the network weighs one by one.
    """

    learning_rate: float = 4e-3
    energy: bool = True
    modes: int = 24
    batch: int = 8
    steps: int = 4000

    def __post_init__(self):
        super().__post_init__()
        if self.modes < 1:
            raise InvalidProblem(f"modes is {self.modes!r}; it must be positive")
        if self.smallest:
            raise InvalidProblem(f"smallest is {self.smallest!r}; modes belong to one grid, so it must be 0")

    def _spec(self) -> dict[str, Any]:
        return {**super()._spec(), "network": "spectral", "modes": self.modes}


@recipes.register("dcdm-3d-64")
@dataclass(frozen=True)
class DirectionTraining64(DirectionTraining):
    """Train the network of 64^3 cells as published, which takes a GPU: 20 000 mixtures of 10 000 Ritz vectors."""

    learning_rate: float = 1e-4
    grid: tuple[int, ...] = (64, 64, 64)
    smallest: int = 0
    mixtures: int = 20_000
    lanczos_steps: int = 10_000
    batch: int = 10
    steps: int = 50_000
    validate_every: int = 500


@recipes.register("dcdm-3d-128")
@dataclass(frozen=True)
class DirectionTraining128(DirectionTraining64):
    """Train the network of 128^3 cells as published, which takes a GPU and 250 GB of disk."""

    grid: tuple[int, ...] = (128, 128, 128)
    size: int = 128


def held_out(dimension: int) -> dict[str, LinearSystem]:
    """Return systems to validate with, which no training sees: a box and obstacles, random right-hand sides."""
    cells = {2: 64, 3: 24}[dimension]
    shape, systems = (cells,) * dimension, dict[str, LinearSystem]()
    for name, solid in (("box", None), ("obstacles", _obstacles(shape))):
        operator = Stencil(shape, spacing=1.0 / cells, solid=solid, solid_boundary="neumann")
        rhs = np.random.default_rng(7).standard_normal(shape)
        if solid is not None:
            rhs[solid] = 0.0
        systems[f"{name} {' x '.join(map(str, shape))}"] = LinearSystem(operator, rhs.reshape(-1))
    return systems


def _obstacles(shape: tuple[int, ...]) -> np.ndarray:
    """Return a ball, a box and a plate of one cell."""
    points = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij"))
    ball = ((points - 0.3) ** 2).sum(axis=0) < 0.15**2
    box = (abs(points - 0.7) < 0.1).all(axis=0)
    plate = (abs(points[0] - 0.5) < 0.5 / shape[0]) & (abs(points[1] - 0.65) < 0.15)
    return ball | box | plate


def iterations_of(weights: Weights) -> dict[str, int]:
    """Return the iterations to a relative residual of 1e-6 that `held_out` systems take."""
    normalized = weights.spec["normalized"]
    solver = ConjugateDirections(NetworkDirection(weights), 2 if normalized else 0, normalized)
    return {
        name: solver.prepare(system).solve(rtol=1e-6, maxiter=300).iterations
        for name, system in held_out(weights.dimension).items()
    }


def energies_of(operator: Stencil, samples: np.ndarray) -> np.ndarray:
    """Return the squared norms of errors, ``r.e`` for ``A e = r``; samples of shape (count, ...), result (count,)."""
    residuals = np.asarray(samples.reshape(len(samples), -1), dtype=np.float64)
    errors = Transform().prepare(LinearSystem(operator, residuals[0])).solve(residuals.T).x
    return np.einsum("ij,ji->i", residuals, errors).astype(np.float32)


def _loss(network: Any, scales: Any, residuals: Any, energies: Any | None, normalized: bool) -> Any:
    """Return the mean share that the best step along the network's directions leaves of residuals, or of energies."""
    from .scales import direction

    q = direction(network, scales, residuals, normalized)
    product = scales[0].product(q)
    r, q, product = (values.flatten(1) for values in (residuals, q, product))
    along, curvature = (q * r).sum(1), (q * product).sum(1)
    if energies is not None:
        return (1.0 - along.square() / (curvature * energies)).mean()
    step = along / curvature
    return ((r - step[:, None] * product).square().sum(1) / r.square().sum(1)).mean()


def _scaled(samples: np.ndarray, normalized: bool, seed: tuple[int, int]) -> np.ndarray:
    """Return samples as they are, or where the network sees residuals of every size, scaled by up to 1e-6."""
    if normalized:
        return samples
    return samples * 10.0 ** np.random.default_rng(seed).uniform(
        -6, 0, (len(samples),) + (1,) * (samples.ndim - 1)
    ).astype(np.float32)
