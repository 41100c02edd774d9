"""Iterations of learned multigrid for jumping coefficients and for obstacles, on grids larger than in training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.registry import recipes

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

HELD_OUT = 2000  # first seed used neither for training nor for choosing its length
MOST = 100  # iteration limit
ENTRIES = {
    "learned": "learned",
    "hand-set": "the same cycle with hand-set parameters",
    "multigrid": "multigrid with Galerkin products",
    "pyamg-rs": "classical algebraic multigrid (PyAMG)",
}


def _iterations(system: ritz.LinearSystem, recipe: Any, start: Any) -> list[float]:
    from ritz.solvers.multigrid import LearnedMultigrid

    solvers = (LearnedMultigrid(), LearnedMultigrid(start), "multigrid", "pyamg-rs")
    solutions = [ritz.solve(system, solver, rtol=1e-6, maxiter=MOST, throw=False) for solver in solvers]
    return [solution.iterations if solution.converged else np.nan for solution in solutions]


def compute(quick: bool = False) -> dict[str, Any]:
    """Return mean iterations by contrast and by the number of cells."""
    side, seeds = (64, 2) if quick else (256, 5)
    contrasts = 10.0 ** np.array([0, 2, 4, 6] if quick else range(7))
    sides = (32, 64, 128) if quick else (32, 64, 128, 256, 512)
    held_out = range(HELD_OUT, HELD_OUT + seeds)
    jumps, masks = (recipes.make(f"multigrid-{kind}-2d", {}) for kind in ("jumps", "masks"))

    def means(recipe: Any, systems: Any) -> np.ndarray:
        start = recipe.untrained()
        return np.mean([_iterations(system, recipe, start) for system in systems], axis=0)

    by_contrast = [
        means(jumps, (ritz.problems.diffusion((side, side), contrast=c, seed=s) for s in held_out)) for c in contrasts
    ]
    by_side = [means(masks, (ritz.problems.poisson((n, n), obstacles=6, seed=s) for s in held_out)) for n in sides]
    large = [means(jumps, (ritz.problems.diffusion((n, n), contrast=1e5, seed=s) for s in held_out)) for n in sides]
    return {
        "contrasts": contrasts,
        "jumps": np.array(by_contrast),
        "sides": np.array(sides),
        "obstacles": np.array(by_side),
        "growth": np.array(large),
        "side": side,
    }


def plot(data: dict[str, Any]) -> Figure:
    """Return the figure: iterations against the contrast and against the number of cells along each side."""
    from matplotlib.figure import Figure

    with ritz_style():
        picture = Figure(figsize=(12.0, 4.2), layout="constrained")
        panels = picture.subplots(1, 3, sharey=True)
        parts = ((data["contrasts"], "jumps"), (data["sides"], "growth"), (data["sides"], "obstacles"))
        for axes, (x, key) in zip(panels, parts, strict=True):
            for number, (label, colour, marker) in enumerate(zip(ENTRIES.values(), COLOURS, "o^sD", strict=False)):
                axes.plot(x, data[key][:, number], marker=marker, color=colour, label=label)
            axes.set_xscale("log")
        first, second, third = panels
        first.set(xlabel="contrast", ylabel="iterations to 1e-6", title=f"inclusions, {data['side']} x {data['side']}")
        second.set(xlabel="cells along each side", title="inclusions, contrast 1e5")
        third.set(xlabel="cells along each side", title="obstacles, unit coefficient")
        for axes in (second, third):
            axes.set_xscale("log", base=2)
            axes.axvline(64, color="#999999", linewidth=0.8, linestyle=":")
            axes.annotate("trained here", (64, 0.03), xycoords=("data", "axes fraction"), fontsize=8, rotation=90,
                          va="bottom", ha="right", color="#666666")  # fmt: skip
        first.set_ylim(0, None)
        first.legend(fontsize=8, loc="upper left")
    return picture


figure("learned-multigrid", compute, plot)
