"""What the figures on Gaussian processes share: cases, entrants at equal numbers of points, and errors off the grid."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import ritz
from ritz.errors import RitzError
from ritz.problem_types.pde.pde import PDE
from ritz.problems import gp_hm

__all__ = ["CASES", "ENTRANTS", "Case", "Entrant", "measure", "unknowns", "unseen_error", "values_on_grid"]

DENSE_DATA = 4000  # that a covariance matrix is held for
UNSEEN = {1: 300, 2: 300, 3: 40}  # uniform test points along each axis


@dataclass(frozen=True)
class Case:
    """A problem with its grid.

    Parameters
    ----------
    build : callable
    label : str
        Its solution, short.
    frequency : float
        Its highest, in radians: the scale that random Fourier features are told.
    """

    build: Callable[[], PDE]
    label: str
    frequency: float


CASES: tuple[Case, ...] = (
    Case(lambda: gp_hm.poisson_1d("single_sin"), "Poisson 1-D: sin 100x", 100),
    Case(lambda: gp_hm.poisson_1d("mix_sin"), "Poisson 1-D: sin x + sin 20x / 10 + sin 100x / 20", 100),
    Case(lambda: gp_hm.poisson_1d("sin_cos"), "Poisson 1-D: sin 6x cos 100x", 100),
    Case(lambda: gp_hm.poisson_1d("x_time_sinx"), "Poisson 1-D: x sin 200x", 200),
    Case(lambda: gp_hm.poisson_1d("x2_add_sinx"), "Poisson 1-D: sin 500x - 2 (x - 1/2)$^2$", 500),
    Case(lambda: gp_hm.allen_cahn_1d("single_sin"), "Allen-Cahn 1-D: sin 100x", 100),
    Case(lambda: gp_hm.allen_cahn_1d("sin_cos"), "Allen-Cahn 1-D: sin 6x cos 100x", 100),
    Case(lambda: gp_hm.poisson_2d("sin_sin"), "Poisson 2-D: sin 100x sin 100y", 100),
    Case(lambda: gp_hm.poisson_2d("sin_add_cos"), "Poisson 2-D: sin 6x cos 20x + sin 6y cos 20y", 26),
    Case(lambda: gp_hm.allen_cahn_2d("mixed"), "Allen-Cahn 2-D: three tones an axis, up to 100", 100),
    Case(gp_hm.advection, "Advection: sin (x - 200t)", 200),
    Case(lambda: gp_hm.poisson_1d("chirp"), "Poisson 1-D: chirp", 160),
    Case(lambda: gp_hm.poisson_1d("bump"), "Poisson 1-D: narrow bump", 100),
    Case(lambda: gp_hm.poisson_1d("layer"), "Poisson 1-D: tanh layer", 60),
    Case(lambda: gp_hm.poisson_1d("tones"), "Poisson 1-D: twelve random tones", 400),
    Case(lambda: gp_hm.poisson_2d("multiscale"), "Poisson 2-D: sin 100x sin 100y + cos 3x sin 2y", 100),
    Case(lambda: gp_hm.poisson_2d("bump"), "Poisson 2-D: bump and tone", 100),
    Case(lambda: gp_hm.allen_cahn_2d("cosines"), "Allen-Cahn 2-D: sin 40$\\pi$x cos 40$\\pi$y + ...", 126),
    Case(gp_hm.heat, "Heat: two decaying tones, up to 50", 50),
    Case(lambda: gp_hm.helmholtz("standing"), "Helmholtz: k = 24$\\pi$", 75),
    Case(gp_hm.poisson_3d, "Poisson 3-D: sin 16x sin 16y sin 16z + ...", 16),
)
PUBLISHED = 11
"""The first cases are those of the paper."""


@dataclass(frozen=True)
class Entrant:
    """A solver with its options.

    Parameters
    ----------
    label : str
    solver : str
    options : mapping
    grid : {"nodes", "unknowns", "points"}
        What its `shape` counts: every node, the unknowns among them, or nothing, its points being random.
    dense : bool
        Whether it holds a matrix on all nodes.
    """

    label: str
    solver: str
    options: dict[str, Any] = field(default_factory=dict)
    grid: str = "nodes"
    dense: bool = False


ENTRANTS: tuple[Entrant, ...] = (
    Entrant("gp", "gp"),
    Entrant("gp, dense", "gp", {"method": "dense"}, dense=True),
    Entrant("gp-se", "gp-se", dense=True),
    Entrant("gp-matern", "gp-matern", dense=True),
    Entrant("chebyshev", "chebyshev", grid="unknowns"),
    Entrant("finite-difference", "finite-difference", grid="unknowns"),
    Entrant("pinn", "pinn", grid="points"),
    Entrant("rff-pinn", "rff-pinn", grid="points"),
)


def unknowns(problem: PDE, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the unknowns along each axis of a grid whose nodes are counted with both ends."""
    return tuple(
        count - sum(condition == "dirichlet" for condition in pair)
        for count, pair in zip(shape, problem.sides, strict=True)
    )


def values_on_grid(solution: Any, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values of a solution on a tensor grid."""
    if hasattr(solution, "on_grid"):
        return solution.on_grid(*axes)
    points = np.stack([part.ravel() for part in np.meshgrid(*axes, indexing="ij")], axis=1)
    values = np.asarray(solution.interpolate(points))
    return values.reshape([len(axis) for axis in axes])


def unseen_error(solution: Any, problem: PDE, count: int | None = None) -> float:
    """Return the relative error in the Euclidean norm over uniform test points, which are not those of the solver."""
    axes = [np.linspace(low, high, count or UNSEEN[problem.dimension]) for low, high in problem.domain]
    assert problem.exact is not None
    exact = problem.exact(*np.meshgrid(*axes, indexing="ij"))
    return float(np.linalg.norm(values_on_grid(solution, axes) - exact) / np.linalg.norm(exact))


def measure(
    entrant: Entrant,
    problem: PDE,
    shape: Sequence[int],
    *,
    seconds: float,
    frequency: float = 1.0,
    count: int | None = None,
) -> tuple[float, float]:
    """Return error and seconds of one entrant; NaN where it does not take the problem.

    Parameters
    ----------
    entrant : Entrant
    problem : PDE
    shape : sequence of int
        Nodes along each axis, the ends among them.
    seconds : float
        Budget of networks.
    frequency : float
        What random Fourier features are told besides 1.
    count : int, optional
        Test points along each axis.
    """
    if entrant.dense and np.prod(shape) + 2 * sum(shape) * (problem.dimension > 1) > DENSE_DATA:
        return np.nan, np.nan
    options: dict[str, Any] = dict(entrant.options)
    if entrant.grid == "points":
        options |= {"seconds": seconds, "maxiter": 10**6}
        if entrant.solver == "rff-pinn":
            options["scales"] = (1.0, frequency)
    else:
        options["shape"] = tuple(shape) if entrant.grid == "nodes" else unknowns(problem, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        try:
            solution = ritz.solve(problem, entrant.solver, throw=False, **options)
        except RitzError:
            return np.nan, np.nan
        spent = time.perf_counter() - start
        return unseen_error(solution, problem, count), spent
