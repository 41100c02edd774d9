"""Error of l_p regression on sampled rows against the sample size, by kind of score.

A tenth of the observations have ten times the weight of the others, as if they stood for more cases or came from a
more precise instrument. The error is the relative excess of the objective over its minimum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.problem_types.lp_regression import LpRegression
from ritz.solvers.regression.lp.sampling import SCORES, row_scores, sample_rows, sampling_probabilities

from ..registered_figure import figure
from ..slope_triangle import slope_triangle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPONENTS", "compute", "plot", "sampling_errors"]

Data: TypeAlias = dict[float, dict[str, Any]]

EXPONENTS = (1.0, 1.5, 4.0)
MULTIPLES, QUICK_MULTIPLES = (10, 20, 40, 80, 160), (10, 20, 40)
MARKERS = "vsodx^"


def sampling_errors(problem: LpRegression, scores: str, sizes: list[int], trials: int) -> np.ndarray:
    """Return the relative excess of the objective over its minimum, shape (sizes, trials)."""
    A, b, p = problem.matrix, problem.b, problem.p
    least = ritz.solve(problem, "lp", rtol=1e-12).stats["objective"]
    known = row_scores(np.column_stack([A, b]), p, scores)
    errors = np.empty((len(sizes), trials))
    for i, size in enumerate(sizes):
        probabilities = sampling_probabilities(known, size)
        for trial in range(trials):
            kept, weights = sample_rows(probabilities, p, seed=trial)
            sample = LpRegression(weights[:, None] * A[kept], weights * b[kept], p)
            errors[i, trial] = problem.objective(ritz.solve(sample, "lp").x) / least - 1.0
    return errors


def compute(quick: bool = False) -> Data:
    """Return errors by exponent and kind of score.

    Parameters
    ----------
    quick : bool
        Use few rows, sizes and trials.

    Returns
    -------
    dict
        For each p, ``"sizes"`` and, by kind of score, errors of shape (sizes, trials); ``"mark"`` is the sample
        size 80 (d + 1).
    """
    rows, columns, trials = (4000, 5, 3) if quick else (50_000, 20, 11)
    sizes = [multiple * (columns + 1) for multiple in (QUICK_MULTIPLES if quick else MULTIPLES)]
    data: Data = {}
    for p in EXPONENTS:
        problem = ritz.problems.lp_regression(rows, columns, p=p, weight=10.0)
        data[p] = {"sizes": np.array(sizes), "mark": 80 * (columns + 1)}
        data[p] |= {scores: sampling_errors(problem, scores, sizes, trials) for scores in SCORES}
    return data


def plot(data: Data) -> Figure:
    """Return the figure: one panel per p, with medians as lines and the range over the trials shaded."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(11.0, 4.4), layout="constrained")
        panels = canvas.subplots(1, len(data))
        for panel, (p, errors) in zip(panels, data.items(), strict=True):
            sizes = errors["sizes"]
            for colour, marker, scores in zip(COLOURS, MARKERS, SCORES, strict=True):
                found = np.maximum(errors[scores], 1e-16)
                style = {"linestyle": "--"} if scores == "sensitivity" else {}
                panel.loglog(sizes, np.median(found, axis=1), color=colour, marker=marker, label=scores, **style)
                panel.fill_between(sizes, found.min(axis=1), found.max(axis=1), color=colour, alpha=0.1, linewidth=0)
            panel.axhline(0.01, color="0.6", linewidth=0.8, linestyle=":")
            panel.axvline(errors["mark"], color="0.6", linewidth=0.8, linestyle=":")
            panel.set(title=f"p = {p:g}", xlabel="rows in the sample")
            panel.set_xticks(sizes, [f"{size}" for size in sizes])
            panel.minorticks_off()
        lowest = np.median(data[EXPONENTS[0]]["lewis"][-1])
        slope_triangle(panels[0], (data[EXPONENTS[0]]["sizes"][0] * 1.1, lowest), -1)
        panels[0].set_ylabel("relative excess of the objective")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return canvas


figure("lp-sampling", compute, plot)
