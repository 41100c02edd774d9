"""Smooth vectors from bootstrap multigrid beside eigenvectors, for a grid, two moons and weblogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

import ritz
from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.clustering import bootstrap_embedding
from ritz.solvers.clustering.embedding import leading_eigenvectors, similarity_of

from ..registered_figure import figure
from .graph_data import real_graph

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

SHOWN = 3


def compute(quick: bool = False) -> Data:
    """Return the first smooth vectors of bootstrap multigrid and the first eigenvectors of three graphs.

    Parameters
    ----------
    quick : bool
        Use smaller graphs.

    Returns
    -------
    dict
        For each graph ``"positions"``, ``"labels"``, ``"bootstrap"`` and ``"eigenvectors"``, shape (n, 3). Without
        the data of the weblogs, a block model with power-law degrees replaces them.
    """
    side, n = (30, 300) if quick else (80, 1500)
    weblogs = real_graph("polblogs")
    graphs = {
        "grid": ritz.problems.grid_graph((side, side)),
        "moons": ritz.problems.neighbour_graph(n, noise=0.13, neighbours=12).largest_component(),
        "weblogs" if weblogs else "LFR": weblogs or ritz.problems.lfr(500).largest_component(),
    }
    data: Data = {}
    for name, graph in graphs.items():
        smooth = bootstrap_embedding(graph.without_attributes(), SHOWN, seed=1).coordinates
        found, _ = leading_eigenvectors(similarity_of(graph), SHOWN + 1, tolerance=1e-4)
        vectors = found.vectors / np.sqrt(graph.degrees[:, None]) if name != "weblogs" else found.vectors
        data[name] = {
            "positions": graph.positions,
            "labels": graph.labels,
            "bootstrap": smooth,
            "eigenvectors": vectors[:, 1:] if name in ("grid", "moons") else vectors[:, :SHOWN],
        }
    return data


def plot(data: Data) -> Figure:
    """Return the figure: for each graph, smooth vectors in the upper row and eigenvectors in the lower."""
    from matplotlib.figure import Figure

    with ritz_style():
        canvas = Figure(figsize=(12.0, 4.7), layout="constrained")
        groups: Any = canvas.subfigures(1, 3, width_ratios=(1.0, 1.5, 0.85))
        for group, (name, case) in zip(groups, data.items(), strict=True):
            group.suptitle(name, fontweight="bold")
            if case["positions"] is None:
                panels: Any = group.subplots(2, 1)
                for panel, kind in zip(panels, ("bootstrap", "eigenvectors"), strict=True):
                    _scatter(panel, case, kind)
                continue
            rows: Any = group.subplots(2, 2)
            for row, kind in zip(rows, ("bootstrap", "eigenvectors"), strict=True):
                for number, panel in enumerate(row):
                    _coloured(panel, case["positions"], case[kind][:, number])
                    panel.set_title(f"{'smooth vector' if kind == 'bootstrap' else 'eigenvector'} {number + 1}")
    return canvas


def _coloured(panel: Axes, positions: np.ndarray, values: np.ndarray) -> None:
    centred = values - values.mean()
    limit = float(np.quantile(np.abs(centred), 0.98)) or 1.0
    size = float(np.clip(15000.0 / values.size, 2.5, 14.0))
    panel.scatter(*positions.T, c=centred, cmap="RdBu_r", vmin=-limit, vmax=limit, s=size, marker="s", linewidths=0)
    panel.set(xticks=[], yticks=[], aspect="equal")
    panel.grid(visible=False)
    panel.spines[:].set_visible(False)


def _scatter(panel: Axes, case: Data, kind: str) -> None:
    plane = case[kind][:, :2]
    low, high = np.quantile(plane, [0.02, 0.98], axis=0)
    for number, label in enumerate(np.unique(case["labels"])):
        mine = plane[case["labels"] == label]
        panel.scatter(*mine.T, s=5, color=COLOURS[number % len(COLOURS)], alpha=0.6, linewidths=0)
    margin = 0.05 * np.maximum(high - low, 1e-12)
    panel.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    panel.set_title("smooth vectors 1, 2" if kind == "bootstrap" else "eigenvectors 1, 2 (regularised)")
    panel.set(xticks=[], yticks=[])


figure("graph-embeddings", compute, plot)
