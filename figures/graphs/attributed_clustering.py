"""Clusterings by structure, by attributes and by both, as the structure grows more ambiguous."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, INK, ritz_style

from ..registered_figure import figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

BLOCKS, DEGREE, QUALITY = 10, 14.0, 0.6
METHODS = {
    "structure and attributes": ("spectral-clustering", {}),
    "structure alone": ("spectral-clustering", {"attribute_weight": 0.0}),
    "attributes alone": ("attributes-kmeans", {}),
    "louvain": ("louvain", {}),
}
SCORES = {"nmi": "NMI", "ari": "ARI"}


def compute(quick: bool = False) -> Data:
    """Return scores on block models whose metadata are right for 60 % of the vertices.

    Parameters
    ----------
    quick : bool
        Use fewer vertices, seeds and points.

    Returns
    -------
    dict
        ``"ambiguity"``, ``"edge"`` (the detectability limit) and ``"scores"``: arrays of shape (points, seeds) by
        method and score.
    """
    n, seeds, points = (1000, 2, 5) if quick else (4000, 5, 11)
    ambiguity = np.linspace(0.05, 0.45, points)
    edge = (math.sqrt(DEGREE) - 1.0) / (BLOCKS - 1.0 + math.sqrt(DEGREE))
    found = {name: {score: np.empty((points, seeds)) for score in SCORES} for name in METHODS}
    for place, value in enumerate(ambiguity):
        for seed in range(seeds):
            graph = ritz.problems.stochastic_block_model(
                (n // BLOCKS,) * BLOCKS, degree=DEGREE, ambiguity=float(value), metadata=QUALITY, seed=seed
            )
            for name, (solver, options) in METHODS.items():
                given: dict[str, Any] = {**options, "clusters": BLOCKS} if solver != "louvain" else options
                solution = ritz.solve(graph, solver, seed=seed, throw=False, **given)
                for score in SCORES:
                    found[name][score][place, seed] = solution.stats[score]
    return {"ambiguity": ambiguity, "edge": edge, "scores": found}


def plot(data: Data) -> Figure:
    """Return the figure: one panel per score, with means as lines and the range over the seeds shaded."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(9.6, 4.0), layout="constrained")
        panels = canvas.subplots(1, len(SCORES), sharey=True)
        for panel, (score, title) in zip(panels, SCORES.items(), strict=True):
            for colour, marker, (name, values) in zip(COLOURS, "osD^", data["scores"].items(), strict=False):
                found = values[score]
                panel.plot(data["ambiguity"], found.mean(axis=1), color=colour, marker=marker, label=name)
                panel.fill_between(
                    data["ambiguity"], found.min(axis=1), found.max(axis=1), color=colour, alpha=0.12, linewidth=0
                )
            panel.axvline(data["edge"], color="0.5", linewidth=0.9, linestyle=":")
            panel.annotate(
                "beyond: structure\nwithout information",
                (data["edge"], 1.0),
                (5, 0),
                textcoords="offset points",
                va="top",
                color=INK,
            )
            panel.set(title=title, xlabel="edge probability between / within blocks", ylim=(-0.02, 1.02))
        panels[0].set_ylabel("agreement with the true blocks")
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return canvas


figure("attributed-clustering", compute, plot)
