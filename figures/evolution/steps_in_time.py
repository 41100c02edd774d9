"""Errors of the time-stepping methods against their number of solves, and the step sizes they choose.

Burgers' equation with little viscosity: waves steepen into fronts, at which steps become short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

METHODS: dict[str, dict[str, Any]] = {
    "imex, order 2": {"method": "imex", "order": 2},
    "imex, order 3": {"method": "imex", "order": 3},
    "imex, order 4": {"method": "imex", "order": 4},
    "bdf2": {"method": "bdf2"},
}
TOLERANCES, QUICK_TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6), (1e-2, 1e-3)


def compute(quick: bool = False) -> Data:
    """Return errors and numbers of solves by method, and the steps of one run.

    Parameters
    ----------
    quick : bool
        Use a coarse grid and loose tolerances only.
    """
    problem = ritz.problems.viscous_burgers(128 if quick else 512, viscosity=4e-3, times=[0.0, 0.6])
    reference: Any = ritz.solve(problem, rtol=1e-7 if quick else 1e-9)
    errors: dict[str, np.ndarray] = {}
    for name, options in METHODS.items():
        runs = [ritz.solve(problem, rtol=rtol, **options) for rtol in (QUICK_TOLERANCES if quick else TOLERANCES)]
        errors[name] = np.array([(run.stats["linear iterations"], run.error(reference.x)) for run in runs])
    shown: Any = ritz.solve(problem, rtol=1e-4)
    return {"errors": errors, "times": shown.step_times}


def plot(data: Data) -> Figure:
    """Return the figure: errors on the left, step sizes on the right."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 3.8), layout="constrained")
        left, right = canvas.subplots(1, 2)
        for (name, pairs), colour, marker in zip(data["errors"].items(), COLOURS, "os^D", strict=False):
            left.loglog(*pairs.T, color=colour, marker=marker, label=name)
        left.set(xlabel="solves", ylabel="relative error at the end", title="each point is a tolerance")
        left.legend()
        times = data["times"]
        right.step(times[:-1], np.diff(times), where="post", color=COLOURS[0])
        right.set(xlabel="t", ylabel="step size", yscale="log", title="step sizes of one run")
    return canvas


figure("steps-in-time", compute, plot)
