"""Time of exact least-squares solvers against the number of rows, for a well- and an ill-conditioned problem."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.comparing.environment import pinned_threads
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SOLVERS", "compute", "plot"]

Data: TypeAlias = dict[str, dict[str, np.ndarray]]

SOLVERS = ("lstsq", "gram-refine", "sketch-precondition", "numpy-lstsq", "scipy-lsmr")
CONDITIONS = {"condition 1e3": 1e3, "condition 1e10": 1e10}
HOPELESS = {("gram-refine", 1e10), ("scipy-lsmr", 1e10)}  # the first refuses, the second takes thousands of iterations
RTOL = 1e-12


def compute(quick: bool = False) -> Data:
    """Return the total seconds to prepare and solve, as medians of interleaved rounds on one thread.

    Parameters
    ----------
    quick : bool
        Use few rows, columns and rounds.

    Returns
    -------
    dict
        By condition number: ``"rows"``, and one array for each suitable solver.
    """
    columns, rounds = (10, 1) if quick else (100, 3)
    rows = (500, 1000) if quick else (2**11, 2**13, 2**15, 2**17)
    data: Data = {}
    for label, condition in CONDITIONS.items():
        solvers = [name for name in SOLVERS if (name, condition) not in HOPELESS]
        data[label] = {"rows": np.array(rows)} | {name: np.zeros(len(rows)) for name in solvers}
        for place, m in enumerate(rows):
            problem = ritz.problems.regression(m, columns, condition=condition)
            seconds: dict[str, list[float]] = {name: [] for name in solvers}
            for _ in range(rounds + 1):
                for name in solvers:
                    seconds[name].append(_seconds(problem.A, problem.b, name))
            for name in solvers:
                data[label][name][place] = median(seconds[name][1:])
    return data


def _seconds(A: np.ndarray, b: np.ndarray, name: str) -> float:
    with pinned_threads(1):
        start = time.perf_counter()
        solution = ritz.solve(ritz.LeastSquares(A, b), name, rtol=RTOL, throw=False)
        return time.perf_counter() - start - solution.timings.get("recording", 0.0)


def plot(data: Data) -> Figure:
    """Return the figure, with one panel per condition number."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.2, 4.0), layout="constrained")
        panels = canvas.subplots(1, len(data), sharey=True)
        for panel, (label, found) in zip(panels, data.items(), strict=True):
            for number, name in enumerate(SOLVERS):
                if name in found:
                    look: Any = {"color": COLOURS[number], "marker": "osD^v"[number]}
                    panel.loglog(found["rows"], found[name], label=name, **look)
            panel.set(xlabel="rows", title=label)
        panels[0].set(ylabel="seconds")
        panels[0].legend(loc="upper left")
    return canvas


figure("regression-times", compute, plot)
