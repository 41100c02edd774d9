"""An error at each stage of a multigrid cycle, and iterations of multigrid by the number of thin walls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import ritz
from ritz.operators import Stencil
from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.multigrid.grid.coarse_grids import coarse_grids
from ritz.solvers.multigrid.grid.grid_stencil import from_stencil
from ritz.solvers.multigrid.grid.hierarchy import GridHierarchy
from ritz.solvers.multigrid.grid.preconditioner import MultigridInverse

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plates", "plot"]

MOST = 200  # iteration limit
STAGES = ("error", "after smoothing", "correction from the coarse grid", "after the cycle")


def plates(n: int, count: int, seed: int = 0) -> np.ndarray:
    """Return the mask of plates in an n by n box, each one cell thick and a quarter of a side long."""
    generator = np.random.default_rng(seed)
    solid = np.zeros((n, n), dtype=bool)
    for _ in range(count):
        row, column = generator.integers(0, n - n // 4, 2)
        if generator.integers(2):
            solid[row, column : column + n // 4] = True
        else:
            solid[row : row + n // 4, column] = True
    return solid


def compute(quick: bool = False) -> dict[str, Any]:
    """Return the error at each stage of a cycle, and iterations by the number of walls."""
    n, counts = (96, (0, 10, 20, 40)) if quick else (128, (0, 5, 10, 20, 40, 80, 160))
    solid = plates(n, 9, seed=4)
    operator = Stencil((n, n), solid=solid, solid_boundary="neumann")
    hierarchy = GridHierarchy(coarse_grids(from_stencil(operator)), np.float64, visits=1)
    level, transfer = hierarchy.levels[0], hierarchy.transfers[0]
    x, y = np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij")
    noise = np.random.default_rng(0).standard_normal((n, n))
    start = np.sin(np.pi * x) * np.sin(2 * np.pi * y) + 0.35 * noise
    zero = level.vector()
    error = level.start()
    error[:] = hierarchy.pad(start.ravel())
    stages = [hierarchy.unpad(error).copy()]
    error = level.smooth(error, zero)
    stages.append(hierarchy.unpad(error).copy())
    coarse = transfer.restrict(level.residual(error, zero))
    transfer.add_prolongation(error, hierarchy.cycle(coarse, None, 1))
    stages.append(stages[-1] - hierarchy.unpad(error))
    stages.append(hierarchy.unpad(level.smooth(error, zero)).copy())
    fields = [np.where(solid, np.nan, stage.reshape(n, n)) for stage in stages]
    sides, seeds = (128, 2) if quick else (256, 3)
    return {"stages": fields, "walls": np.array(counts), **_iterations(sides, counts, seeds)}


def _iterations(n: int, counts: tuple[int, ...], seeds: int) -> dict[str, np.ndarray]:
    """Return mean iterations over random sets of walls, for each kind of coarsening."""
    found: dict[str, list[float]] = {"with": [], "without": [], "ruge-stuben": []}
    for count in counts:
        taken: dict[str, list[int]] = {name: [] for name in found}
        for seed in range(seeds):
            solid = plates(n, count, seed)
            operator = Stencil((n, n), solid=solid, solid_boundary="neumann")
            exact = np.random.default_rng(seed).standard_normal(n * n) * ~solid.ravel()
            system = ritz.LinearSystem(operator, operator @ exact)
            for name, walls in (("with", True), ("without", False)):
                grids = coarse_grids(from_stencil(operator), walls=walls)
                inverse = MultigridInverse(operator, GridHierarchy(grids, np.float32))
                solution = ritz.solve(system, "cg", preconditioner=inverse, maxiter=MOST, throw=False)
                taken[name].append(solution.iterations)
            classical = ritz.solve(system, "pyamg-rs", throw=False)
            taken["ruge-stuben"] += [classical.iterations] if classical.converged else []
        for name, numbers in taken.items():
            found[name].append(float(np.mean(numbers or np.nan)))
    return {name: np.array(values) for name, values in found.items()}


def plot(data: dict[str, Any]) -> Figure:
    """Return the figure: four fields above, iterations below."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    with ritz_style():
        picture = Figure(figsize=(11.0, 6.6), layout="constrained")
        parts: Any = picture.subfigures(2, 1, height_ratios=(1.15, 1.0))
        upper, lower = parts
        shades = colormaps["RdBu_r"].with_extremes(bad="#3b3f46")
        largest = np.nanmax(np.abs(data["stages"][0]))
        for axes, title, field in zip(upper.subplots(1, 4), STAGES, data["stages"], strict=True):
            axes.imshow(field.T, origin="lower", cmap=shades, vmin=-largest, vmax=largest)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.set_title(title, fontsize=10)
            axes.set_xlabel(f"root mean square {np.sqrt(np.nanmean(field**2)):.2g}")
        axes = lower.subplots()
        labels = {
            "without": "plain interpolation along the axes",
            "with": "walls respected",
            "ruge-stuben": "classical algebraic multigrid (PyAMG)",
        }
        for (name, label), colour, marker in zip(labels.items(), COLOURS, "s^o", strict=False):
            axes.plot(data["walls"], data[name], marker=marker, color=colour, label=label)
        axes.set(xlabel="number of walls, one cell thick", ylabel="iterations to 1e-8")
        axes.set_ylim(0, 60)
        axes.legend()
    return picture


figure("multigrid-cycle", compute, plot)
