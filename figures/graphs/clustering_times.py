"""Run time of spectral clustering against the number of vertices, for large and small spectral gaps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeAlias

import ritz
from ritz.plotting.style import COLOURS, ritz_style

from ..registered_figure import figure
from ..slope_triangle import slope_triangle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ritz.problem_types.attributed_graph import AttributedGraph

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, dict[str, list[float]]]

SIZES, QUICK = (3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000), (1_000, 3_000)
SMALL = 30_000  # vertices up to which scikit-learn and Louvain are timed


def compute(quick: bool = False) -> Data:
    """Return vertices and seconds by graph and solver, for ten clusters.

    Parameters
    ----------
    quick : bool
        Use small graphs only.
    """
    data: Data = {}
    for family in ("block model", "neighbour graph"):
        ritz.solve(_graph(family, 1000), "spectral-clustering", clusters=10, rtol=1e-3, throw=False)  # compilation
        for n in QUICK if quick else SIZES:
            graph = _graph(family, n)
            for solver in ("spectral-clustering", "sklearn-spectral", "louvain"):
                if n > SMALL and solver != "spectral-clustering":
                    continue
                options: dict[str, Any] = {} if solver == "louvain" else {"clusters": 10}
                began = time.perf_counter()
                ritz.solve(graph, solver, rtol=1e-3, throw=False, **options)
                row = data.setdefault(f"{family}, {solver}", {"vertices": [], "seconds": []})
                row["vertices"].append(graph.size)
                row["seconds"].append(time.perf_counter() - began)
    return data


def _graph(family: str, n: int) -> AttributedGraph:
    if family == "block model":
        return ritz.problems.stochastic_block_model((n // 10,) * 10, degree=14.0, ambiguity=0.03, metadata=None)
    return ritz.problems.neighbour_graph(n, layout="square").largest_component()


def plot(data: Data) -> Figure:
    """Return the figure: one line per graph and solver, and the slope of linear growth."""
    from matplotlib.figure import Figure

    markers = {"spectral-clustering": "o", "sklearn-spectral": "s", "louvain": "^"}
    with ritz_style():
        canvas = Figure(figsize=(6.6, 4.4), layout="constrained")
        panel = canvas.subplots()
        for name, row in data.items():
            family, solver = name.split(", ")
            colour = COLOURS[0] if family == "block model" else COLOURS[1]
            style = "-" if solver == "spectral-clustering" else ":"
            panel.loglog(row["vertices"], row["seconds"], style, marker=markers[solver], color=colour, label=name)
        ours = [row for name, row in data.items() if "spectral-clustering" in name]
        lowest = min(ours, key=lambda row: row["seconds"][-1])
        slope_triangle(panel, (lowest["vertices"][-2], 0.35 * lowest["seconds"][-2]), 1.0)
        panel.set(xlabel="vertices", ylabel="seconds")
        panel.legend()
    return canvas


figure("clustering-times", compute, plot)
