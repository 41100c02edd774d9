"""A smoke plume, with iterations and times of each solver on its pressure systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SOLVERS", "compute", "plot"]

Data: TypeAlias = dict[str, Any]
SOLVERS = ("conjugate-directions", "cg", "deflated-cg", "mic-cg", "pyamg-rs", "multigrid")


def compute(quick: bool = False) -> Data:
    """Return the smoke after the last step, and iterations and milliseconds of each step by solver.

    Parameters
    ----------
    quick : bool
        Take few steps on a small grid.

    Returns
    -------
    dict
        ``"smoke"``, NaN inside obstacles, ``"iterations"`` and ``"milliseconds"``.
    """
    cells, steps = (40, 12) if quick else (96, 24)
    sequence = ritz.problems.pressure_projection((cells, cells), steps=steps, dt=0.15, obstacles=2, seed=3)
    iterations: dict[str, list[int]] = {}
    milliseconds: dict[str, list[float]] = {}
    smoke = np.zeros((cells, cells))
    for name in SOLVERS:
        ritz.solve(sequence.first(), name, rtol=1e-6)  # compilation, which is not timed
        trajectory: Any = ritz.solve(sequence, name, rtol=1e-6)
        iterations[name] = [step.iterations for step in trajectory.steps]
        milliseconds[name] = [1e3 * step.timings["solve"] for step in trajectory.steps]
        smoke = trajectory.state.smoke
    assert sequence.grid is not None
    return {"smoke": sequence.grid.field(smoke.reshape(-1)), "iterations": iterations, "milliseconds": milliseconds}


def plot(data: Data) -> Figure:
    """Return the figure."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.0, 3.8), layout="constrained")
        picture, counts, times = canvas.subplots(1, 3)
        picture.imshow(data["smoke"].T, origin="lower", cmap="Greys", vmin=0.0)
        picture.set(title="smoke after the last step", xticks=[], yticks=[])
        picture.set_facecolor("#7f9db9")
        for panel, key in ((counts, "iterations"), (times, "milliseconds")):
            for number, (name, values) in enumerate(data[key].items()):
                panel.semilogy(range(1, len(values) + 1), values, color=COLOURS[number], label=name)
            panel.set(xlabel="time step", ylabel=key + " to 1e-6")
        canvas.legend(*counts.get_legend_handles_labels(), loc="outside lower center", ncols=len(SOLVERS))
    return canvas


figure("smoke-directions", compute, plot)
