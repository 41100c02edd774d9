"""Physics-informed neural networks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import check_pairing, registered_name

from .prepared_pinn import PreparedNetwork, output_grid

__all__ = ["PINN", "prepare_network"]

POINTS = {1: 1000, 2: 4000, 3: 8000}  # points inside, by dimension
SIDE_POINTS = 200
OPTIMIZERS = ("adam-lbfgs", "levenberg-marquardt")


@register("pinn")
@dataclass(frozen=True)
class PINN:
    """Physics-informed neural network :cite:`RaissiPerdikarisKarniadakis2019`, for comparison with other solvers.

    A small network of the coordinates is trained to satisfy the equation and its boundary conditions at random points
    in the least-squares sense, by Adam for the first half of the budget and by L-BFGS for the second. Derivatives are
    propagated through the layers together with the values, for all points at once. The best parameters met are kept.
    Networks reach relative residuals of 1e-2 to 1e-4 rather than 1e-8, so choose `rtol` accordingly, or
    ``throw=False``. They learn solutions of high frequency slowly, if at all.

    Takes linear and nonlinear equations up to second order in one to three dimensions, with any conditions including
    open sides. A step takes O(points width^2 depth) time per derivative.

    Parameters
    ----------
    width, depth : int
        Width and number of the hidden layers.
    points, side_points : int, optional
        Number of points inside (default: 1000, 4000 or 8000, by dimension) and on each side (one in one dimension).
    boundary_weight : float
        Factor of the squared residuals of the boundary conditions, with all data scaled to one.
    learning_rate : float
        Learning rate of Adam.
    seconds : float
        Time limit, in addition to `maxiter`.
    optimizer : {"adam-lbfgs", "levenberg-marquardt"}
        ``"adam-lbfgs"`` trains as described above, ``"levenberg-marquardt"`` by
        `ritz.solvers.training.LevenbergMarquardt`, which gains several digits in the same time with up to a few
        thousand parameters and points. Its steps take min(n, d)² max(n, d) operations for n points and d parameters:
        choose a smaller network, such as ``width=32, depth=2``, and 500 to 1000 points.
    dtype : {"float64", "float32"}
        Data type of training.
    shape : int or sequence of int, optional
        Number of points along each axis of the grid of `x`.
    seed : int
        Seed of the points and the initial parameters.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> wave = lambda x, y: np.sin(2 * x + y)
    >>> plate = ritz.PDE([(0, 1), (0, 1)], {(2, 0): -1.0, (0, 2): -1.0}, lambda x, y: 5 * wave(x, y), wave)
    >>> small = {"width": 20, "depth": 2, "points": 100, "side_points": 20, "learning_rate": 0.01}
    >>> ritz.solve(plate, "pinn", **small, maxiter=400, rtol=0.1, throw=False).error(wave) < 0.01
    True
    """

    width: int = 64
    depth: int = 3
    points: int | None = None
    side_points: int = SIDE_POINTS
    boundary_weight: float = 100.0
    learning_rate: float = 1e-3
    seconds: float = math.inf
    optimizer: Literal["adam-lbfgs", "levenberg-marquardt"] = "adam-lbfgs"
    dtype: Literal["float64", "float32"] = "float64"
    shape: int | Sequence[int] | None = None
    seed: int = 0
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedNetwork:
        """Draw points and evaluate the data at them."""

        def embed(generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
            from .jets import coordinate_embedding

            return coordinate_embedding(problem.domain, _periodic(problem))

        return prepare_network(self, problem, embed)


def prepare_network(
    solver: Any, problem: PDE, embed: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]
) -> PreparedNetwork:
    """Draw points, evaluate the data, and return a network with embedding `embed` to be trained on them.

    Parameters
    ----------
    solver : PINN or FourierFeaturePINN
    problem : PDE
    embed : callable
        ``embed(generator) -> (lines, waves)``; see `JetNetwork`.

    Raises
    ------
    InvalidProblem
        If options are not positive, derivatives exceed second order, or the PDE has initial values.
    """
    start = time.perf_counter()
    check_pairing(solver, problem)
    points = POINTS[problem.dimension] if solver.points is None else solver.points
    check_integer("points", points)
    check_seed(solver.seed)
    for name in ("width", "depth", "side_points"):
        check_integer(name, getattr(solver, name))
    for name in ("boundary_weight", "learning_rate"):
        check_number(name, getattr(solver, name), above=0.0)
    if not solver.seconds > 0:
        raise InvalidProblem(f"seconds is {solver.seconds!r}; it must be positive")
    if solver.dtype not in ("float64", "float32"):
        raise InvalidProblem(f"dtype is {solver.dtype!r}; it must be 'float64' or 'float32'")
    if solver.optimizer not in OPTIMIZERS:
        raise InvalidProblem(f"optimizer is {solver.optimizer!r}; it must be one of {', '.join(OPTIMIZERS)}")
    grid = output_grid(problem, solver.shape)
    import torch

    from .jets import JetNetwork
    from .loss import EquationLoss

    dtype = getattr(torch, solver.dtype)
    draws = np.random.default_rng(solver.seed)
    lines, waves = embed(draws)
    loss, unseen = (
        EquationLoss(problem, points, solver.side_points, solver.boundary_weight, dtype, draws) for _ in range(2)
    )

    def build() -> JetNetwork:
        generator = torch.Generator().manual_seed(int(solver.seed))
        return JetNetwork(lines, waves, solver.width, solver.depth, loss.size, dtype, generator)

    held = any(condition == "dirichlet" for pair in problem.sides for condition in pair)
    free = not held and problem.reaction is None and (0,) * problem.dimension not in problem.terms
    stats = {"points": points, "parameters": sum(p.numel() for p in build().parameters()), "up to a constant": free}
    return PreparedNetwork(
        problem,
        loss,
        unseen,
        build,
        solver.learning_rate,
        solver.seconds,
        solver.optimizer,
        grid,
        registered_name(solver),
        time.perf_counter() - start,
        stats,
    )


def _periodic(problem: PDE) -> list[bool]:
    return [pair[0] == "periodic" for pair in problem.sides]
