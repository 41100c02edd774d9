"""Frequencies found by a Gaussian process in the source, beside the spectrum of the solution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.problems import gp_hm

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CASES", "compute", "plot"]

Data: TypeAlias = dict[str, dict[str, Any]]

CASES = {
    "mix_sin": "sin x + sin 20x / 10 + sin 100x / 20",
    "sin_cos": "sin 6x cos 100x",
    "x2_add_sinx": "sin 500x - 2 (x - 1/2)$^2$",
    "tones": "twelve random tones",
}


def compute(quick: bool = False) -> Data:
    """Return the spectrum of the exact solution, and the frequencies and weights of the prior, by case.

    Parameters
    ----------
    quick : bool
        No effect, as this takes seconds.
    """
    del quick
    data: Data = {}
    for case in CASES:
        problem = gp_hm.poisson_1d(case)
        solution: Any = ritz.solve(problem, "gp", shape=gp_hm.GRIDS[problem.name])
        lower, upper = problem.domain[0]
        x = np.linspace(lower, upper, 8192)
        window = np.hanning(len(x))
        assert problem.exact is not None
        amplitude = np.abs(np.fft.rfft(problem.exact(x) * window, 8 * len(x))) * 2 / window.sum()
        frequency = 2 * np.pi * np.fft.rfftfreq(8 * len(x), x[1] - x[0])
        kept = frequency <= 1.4 * max(100.0, float(solution.frequencies[0].max()))
        data[case] = {
            "frequency": frequency[kept],
            "amplitude": amplitude[kept],
            "found": solution.frequencies[0],
            "weights": solution.weights[0],
        }
    return data


def plot(data: Data) -> Figure:
    """Return the figure, with one panel per case: the windowed spectrum, and the components of the prior as stems."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 5.4), layout="constrained")
        panels = canvas.subplots(2, 2).ravel()
        for panel, (case, found) in zip(panels, data.items(), strict=True):
            panel.fill_between(found["frequency"], 1e-6, found["amplitude"], color="#c4c8cf", label="exact solution")
            weights = found["weights"] / found["weights"].max() * found["amplitude"].max()
            panel.vlines(found["found"], 1e-6, weights, color=COLOURS[0], linewidth=1.2)
            panel.plot(found["found"], weights, "o", color=COLOURS[0], label="components of the prior")
            panel.set(yscale="log", ylim=(1e-5, 5 * found["amplitude"].max()), title=CASES[case], xlim=(-8, None))
            panel.set(xlabel="angular frequency", ylabel="amplitude")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=2)
    return canvas


figure("gp-spectrum", compute, plot)
