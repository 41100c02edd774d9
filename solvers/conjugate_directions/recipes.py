"""Recipes for training networks that propose conjugate directions."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Stencil
from ritz.problem_types.linear_system import LinearSystem
from ritz.recipe import Run
from ritz.registry import recipes
from ritz.solvers.direct.transform import Transform
from ritz.solvers.training.weights import Weights, settings_of

from .iteration import ConjugateDirections
from .mixtures import ritz_mixtures
from .network_direction import FAMILY, NetworkDirection, make_network

__all__ = ["DirectionTraining", "held_out"]

HELD_OUT = 0.1  # fraction of the mixtures reserved for validation
ONE_SCALE = 10**9  # value of `smallest` in the weights that leaves a single scale on any grid


@recipes.register("dcdm-2d")
@dataclass(frozen=True)
class DirectionTraining:
    """Train the 2-D network of conjugate directions, in two minutes on one core :cite:`Kaneda2023`.

    Training is unsupervised. For mixtures r of Ritz vectors of the Laplacian of a box and directions q of the
    network, the mean of ``||r - a A q||^2 / ||r||^2`` is minimised, with the step length a that is best in the norm
    of A. Alternatively, it is the mean of ``||e - a q||^2 / ||e||^2`` in that norm, for errors ``A e = r``. Neither
    depends on the length of the directions.

    Parameters
    ----------
    seed : int
        Seed of the weights, the mixtures and the batches.
    optimizer : str or callable
        See `ritz.solvers.training.optimizers.make_optimizer`.
    learning_rate : float
        Initial learning rate; it decays to a fiftieth.
    grid : tuple of int
        Cells along each of the two or three axes of the box.
    size : {64, 128}
        Published network to train; see `DirectionNetwork`.
    channels : int
        Number of feature channels.
    smallest : int
        Grids are halved while every axis has at least ``2 smallest`` cells, and the network is applied on each. With
        0 it is applied on the given grid only, as published.
    normalized : bool
        Whether residuals are scaled before they enter the network. Without scaling, `smallest` must be 0.
    energy : bool
        Whether to minimise errors in the norm of A instead of residuals.
    mixtures, lanczos_steps : int
        Number of mixtures and of Lanczos steps, see `ritz_mixtures`. One mixture in ten is reserved for validation.
    batch, steps, validate_every, patience : int
        Mixtures per batch, training steps, steps between validations, and validations without improvement after
        which training stops.
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
            raise InvalidProblem(f"size is {self.size!r}; the published networks have 64 or 128 cells per axis")
        if self.smallest and not self.normalized:
            raise InvalidProblem("normalized is False, which needs smallest=0: residuals differ in size between scales")
        for name in ("channels", "batch", "steps", "validate_every", "patience", "lanczos_steps"):
            check_integer(name, getattr(self, name))
        check_seed(self.seed)
        check_integer("mixtures", self.mixtures, 10)  # one in ten is for validation

    def train(self, run: Run) -> Weights:
        """Return trained weights, with the iterations that held-out systems take with them."""
        import torch

        from ritz.solvers.training.descent import Schedule, check_device, descend

        from .scales import scales_of

        device = check_device(run.device)
        operator = Stencil(self.grid, spacing=1.0)
        generator = torch.Generator().manual_seed(int(self.seed))
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
        """Return the description of the network stored in the weights."""
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
    """Train the 3-D network of conjugate directions at a reduced size, in five minutes on one core."""

    grid: tuple[int, ...] = (16, 16, 16)
    smallest: int = 4
    mixtures: int = 1000
    steps: int = 200
    batch: int = 4


@recipes.register("dcdm-2d-64")
@dataclass(frozen=True)
class DirectionTrainingOneScale(DirectionTraining):
    """Train the network for 64^2 cells in its published form, on a single scale, in four minutes on one core."""

    learning_rate: float = 1e-3
    grid: tuple[int, ...] = (64, 64)
    smallest: int = 0
    lanczos_steps: int = 500
    batch: int = 4
    steps: int = 1800


@recipes.register("fluidnet-2d")
@dataclass(frozen=True)
class FluidNetTraining(DirectionTrainingOneScale):
    """Train a network on residuals that are not normalised, as in FluidNet :cite:`Tompson2017`."""

    normalized: bool = False
    steps: int = 600


@recipes.register("spectral-2d")
@dataclass(frozen=True)
class SpectralTraining(DirectionTrainingOneScale):
    """Train a spectral neural operator on errors in the norm of A, in four minutes on one core :cite:`RudikovEtAl2024`.

    Parameters
    ----------
    modes : int
        Number of modes along each axis with weights of their own.
    """

    learning_rate: float = 4e-3
    energy: bool = True
    modes: int = 24
    batch: int = 8
    steps: int = 4000

    def __post_init__(self):
        super().__post_init__()
        check_integer("modes", self.modes)
        if self.smallest:
            raise InvalidProblem(f"smallest is {self.smallest!r}; it must be 0, as modes belong to one grid")

    def _spec(self) -> dict[str, Any]:
        return {**super()._spec(), "network": "spectral", "modes": self.modes}


@recipes.register("dcdm-3d-64")
@dataclass(frozen=True)
class DirectionTraining64(DirectionTraining):
    """Train the network for 64^3 cells as published, with 20 000 mixtures of 10 000 Ritz vectors; needs a GPU."""

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
    """Train the network for 128^3 cells as published; needs a GPU and 250 GB of disk space."""

    grid: tuple[int, ...] = (128, 128, 128)
    size: int = 128


def held_out(dimension: int) -> dict[str, LinearSystem]:
    """Return systems unseen in training, a box with and without obstacles, with random right-hand sides."""
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
    """Return the mask of a ball, a box and a plate one cell thick."""
    points = np.stack(np.meshgrid(*((np.arange(n) + 0.5) / n for n in shape), indexing="ij"))
    ball = ((points - 0.3) ** 2).sum(axis=0) < 0.15**2
    box = (abs(points - 0.7) < 0.1).all(axis=0)
    plate = (abs(points[0] - 0.5) < 0.5 / shape[0]) & (abs(points[1] - 0.65) < 0.15)
    return ball | box | plate


def iterations_of(weights: Weights) -> dict[str, int]:
    """Return the number of iterations to a relative residual of 1e-6 for each of the `held_out` systems."""
    normalized = weights.spec["normalized"]
    solver = ConjugateDirections(NetworkDirection(weights), 2 if normalized else 0, normalized)
    return {
        name: solver.prepare(system).solve(rtol=1e-6, maxiter=300).uninterrupted().iterations
        for name, system in held_out(weights.dimension).items()
    }


def energies_of(operator: Stencil, samples: np.ndarray) -> np.ndarray:
    """Return squared energy norms ``r.e`` of errors ``A e = r``, shape (count,), for samples of shape (count, ...)."""
    residuals = np.asarray(samples.reshape(len(samples), -1), dtype=np.float64)
    errors = Transform().prepare(LinearSystem(operator, residuals[0])).solve(residuals.T).x
    return np.einsum("ij,ji->i", residuals, errors).astype(np.float32)


def _loss(network: Any, scales: Any, residuals: Any, energies: Any | None, normalized: bool) -> Any:
    """Return the mean fraction of the squared residuals, or energies, left after the best step along each direction."""
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
    """Return `samples`, scaled down by random factors to as little as 1e-6 if the network does not normalise them."""
    if normalized:
        return samples
    exponents = np.random.default_rng(seed).uniform(-6, 0, (len(samples),) + (1,) * (samples.ndim - 1))
    return samples * 10.0 ** exponents.astype(np.float32)
