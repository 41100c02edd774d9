"""Cases, solvers and error measures shared by the figures on Gaussian processes."""

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

__all__ = ["CASES", "SOLVERS", "FrequencyCase", "SolverSetup", "measure", "unknowns", "unseen_error", "values_on_grid"]

DENSE_DATA = 4000  # largest number of data points with a dense covariance matrix
UNSEEN = {1: 300, 2: 300, 3: 40}  # uniform test points along each axis


@dataclass(frozen=True)
class FrequencyCase:
    """A problem with a high-frequency solution.

    Parameters
    ----------
    build : callable
        Returns the problem.
    label : str
        Short description of the solution.
    frequency : float
        Highest angular frequency of the solution, which random Fourier features get as a scale.
    """

    build: Callable[[], PDE]
    label: str
    frequency: float


CASES: tuple[FrequencyCase, ...] = (
    FrequencyCase(lambda: gp_hm.poisson_1d("single_sin"), "Poisson 1-D: sin 100x", 100),
    FrequencyCase(lambda: gp_hm.poisson_1d("mix_sin"), "Poisson 1-D: sin x + sin 20x / 10 + sin 100x / 20", 100),
    FrequencyCase(lambda: gp_hm.poisson_1d("sin_cos"), "Poisson 1-D: sin 6x cos 100x", 100),
    FrequencyCase(lambda: gp_hm.poisson_1d("x_time_sinx"), "Poisson 1-D: x sin 200x", 200),
    FrequencyCase(lambda: gp_hm.poisson_1d("x2_add_sinx"), "Poisson 1-D: sin 500x - 2 (x - 1/2)$^2$", 500),
    FrequencyCase(lambda: gp_hm.allen_cahn_1d("single_sin"), "Allen-Cahn 1-D: sin 100x", 100),
    FrequencyCase(lambda: gp_hm.allen_cahn_1d("sin_cos"), "Allen-Cahn 1-D: sin 6x cos 100x", 100),
    FrequencyCase(lambda: gp_hm.poisson_2d("sin_sin"), "Poisson 2-D: sin 100x sin 100y", 100),
    FrequencyCase(lambda: gp_hm.poisson_2d("sin_add_cos"), "Poisson 2-D: sin 6x cos 20x + sin 6y cos 20y", 26),
    FrequencyCase(lambda: gp_hm.allen_cahn_2d("mixed"), "Allen-Cahn 2-D: three tones per axis, up to 100", 100),
    FrequencyCase(gp_hm.advection, "Advection: sin (x - 200t)", 200),
    FrequencyCase(lambda: gp_hm.poisson_1d("chirp"), "Poisson 1-D: chirp", 160),
    FrequencyCase(lambda: gp_hm.poisson_1d("bump"), "Poisson 1-D: narrow bump", 100),
    FrequencyCase(lambda: gp_hm.poisson_1d("layer"), "Poisson 1-D: tanh layer", 60),
    FrequencyCase(lambda: gp_hm.poisson_1d("tones"), "Poisson 1-D: twelve random tones", 400),
    FrequencyCase(lambda: gp_hm.poisson_2d("multiscale"), "Poisson 2-D: sin 100x sin 100y + cos 3x sin 2y", 100),
    FrequencyCase(lambda: gp_hm.poisson_2d("bump"), "Poisson 2-D: bump and tone", 100),
    FrequencyCase(lambda: gp_hm.allen_cahn_2d("cosines"), "Allen-Cahn 2-D: sin 40$\\pi$x cos 40$\\pi$y + ...", 126),
    FrequencyCase(gp_hm.heat, "Heat: two decaying tones, up to 50", 50),
    FrequencyCase(lambda: gp_hm.helmholtz("standing"), "Helmholtz: k = 24$\\pi$", 75),
    FrequencyCase(gp_hm.poisson_3d, "Poisson 3-D: sin 16x sin 16y sin 16z + ...", 16),
)
PUBLISHED = 11
"""Number of cases from the paper, which come first."""


@dataclass(frozen=True)
class SolverSetup:
    """A solver with its options and the meaning of its grid.

    Parameters
    ----------
    label : str
        Name in legends and tables.
    solver : str
        Registered name.
    options : mapping
    grid : {"nodes", "unknowns", "points"}
        What the option `shape` counts: all nodes, or the unknowns among them; solvers with random points have none.
    dense : bool
        Whether the solver stores a dense matrix over all nodes.
    """

    label: str
    solver: str
    options: dict[str, Any] = field(default_factory=dict)
    grid: str = "nodes"
    dense: bool = False


SOLVERS: tuple[SolverSetup, ...] = (
    SolverSetup("gp", "gp"),
    SolverSetup("gp, dense", "gp", {"method": "dense"}, dense=True),
    SolverSetup("gp-se", "gp-se", dense=True),
    SolverSetup("gp-matern", "gp-matern", dense=True),
    SolverSetup("chebyshev", "chebyshev", grid="unknowns"),
    SolverSetup("finite-difference", "finite-difference", grid="unknowns"),
    SolverSetup("pinn", "pinn", grid="points"),
    SolverSetup("rff-pinn", "rff-pinn", grid="points"),
)


def unknowns(problem: PDE, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the number of unknowns along each axis of a grid whose nodes include both ends."""
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
    """Return the relative error in the Euclidean norm over uniform test points, unseen by the solver."""
    axes = [np.linspace(low, high, count or UNSEEN[problem.dimension]) for low, high in problem.domain]
    assert problem.exact is not None
    exact = problem.exact(*np.meshgrid(*axes, indexing="ij"))
    return float(np.linalg.norm(values_on_grid(solution, axes) - exact) / np.linalg.norm(exact))


def measure(
    setup: SolverSetup,
    problem: PDE,
    shape: Sequence[int],
    *,
    seconds: float,
    frequency: float = 1.0,
    count: int | None = None,
) -> tuple[float, float]:
    """Return the error and the seconds of one solver; NaN if it does not take the problem.

    Parameters
    ----------
    setup : SolverSetup
    problem : PDE
    shape : sequence of int
        Nodes along each axis, including both ends.
    seconds : float
        Training time of networks.
    frequency : float
        Scale of random Fourier features in addition to 1.
    count : int, optional
        Test points along each axis.
    """
    if setup.dense and np.prod(shape) + 2 * sum(shape) * (problem.dimension > 1) > DENSE_DATA:
        return np.nan, np.nan
    options: dict[str, Any] = dict(setup.options)
    if setup.grid == "points":
        options |= {"seconds": seconds, "maxiter": 10**6}
        if setup.solver == "rff-pinn":
            options["scales"] = (1.0, frequency)
    else:
        options["shape"] = tuple(shape) if setup.grid == "nodes" else unknowns(problem, shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        try:
            solution = ritz.solve(problem, setup.solver, throw=False, **options)
        except RitzError:
            return np.nan, np.nan
        spent = time.perf_counter() - start
        return unseen_error(solution, problem, count), spent
