"""Error against the number of nodes per wavelength, for Gaussian processes, collocation and finite differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, ritz_style
from ritz.problems import gp_hm

from ..registered_figure import figure
from .cases import SolverSetup, measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CASES", "compute", "plot"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

CASES = {"x2_add_sinx": (500.0, "sin 500x - 2 (x - 1/2)$^2$"), "single_sin": (100.0, "sin 100x on (0, 2$\\pi$)")}
SOLVERS = (
    SolverSetup("gp", "gp"),
    SolverSetup("chebyshev", "chebyshev", grid="unknowns"),
    SolverSetup("finite-difference, order 2", "finite-difference", {"order": 2}, "unknowns"),
    SolverSetup("finite-difference, order 4", "finite-difference", {"order": 4}, "unknowns"),
)
DENSITIES = (2.05, 2.2, 2.5, 2.8, 3.1, 3.4, 3.8, 4.5, 6.0, 8.0, 12.0, 20.0)
DENSEST = {"chebyshev": 6.0}  # nodes per wavelength; its dense matrix grows, and its error falls no further
QUICK_DENSITIES = (2.05, 3.0, 4.0, 6.0)


def compute(quick: bool = False) -> Data:
    """Return relative errors at 300 uniform points, by case.

    Parameters
    ----------
    quick : bool
        Use few densities.

    Returns
    -------
    dict
        For each case, ``"points"`` per wavelength, and the errors by label of the solver.
    """
    data: Data = {}
    for case, (frequency, _) in CASES.items():
        problem = gp_hm.poisson_1d(case)
        waves = frequency * (problem.domain[0][1] - problem.domain[0][0]) / (2 * np.pi)
        counts = [round(density * waves) + 1 for density in (QUICK_DENSITIES if quick else DENSITIES)]
        data[case] = {"points": (np.array(counts) - 1) / waves}
        for setup in SOLVERS:
            most = DENSEST.get(setup.label, np.inf) * waves
            errors = [
                measure(setup, problem, (count,), seconds=1.0)[0] if count - 1.5 <= most else np.nan for count in counts
            ]
            data[case][setup.label] = np.array(errors)
    return data


def plot(data: Data) -> Figure:
    """Return the figure, with one panel per case."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 4.0), layout="constrained")
        panels = canvas.subplots(1, len(data), sharey=True, squeeze=False)[0]
        for panel, (case, found) in zip(panels, data.items(), strict=True):
            for number, setup in enumerate(SOLVERS):
                panel.loglog(
                    found["points"],
                    found[setup.label],
                    color=COLOURS[number],
                    marker="os^D"[number],
                    label=setup.label,
                )
            panel.axvline(2.0, color="#888888", linestyle=":", linewidth=1)
            panel.axvline(np.pi, color="#888888", linestyle=":", linewidth=1)
            panel.annotate(
                "2",
                (2.0, 0),
                (3, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                color="#666666",
            )
            panel.annotate(
                "$\\pi$",
                (np.pi, 0),
                (3, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="bottom",
                color="#666666",
            )
            panel.set(xlabel="nodes per wavelength", title=CASES[case][1], xlim=(1.9, 1.1 * found["points"][-1]))
            panel.set_xticks([2, 3, 4, 6, 8, 12, 20], ["2", "3", "4", "6", "8", "12", "20"])
            panel.minorticks_off()
        panels[0].set(ylabel="relative error between the nodes")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=4)
    return canvas


figure("gp-points-per-wavelength", compute, plot)
