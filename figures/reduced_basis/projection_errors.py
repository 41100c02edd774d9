"""Projection error of local reduced bases against their size, by problem and kind of clustering."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.reduced_basis import ClusterAnalysis, efficiency

from ..registered_figure import figure
from .reduced_snapshots import CASES, training_and_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

CLUSTERS = 8
ANALYSES = {
    "k-means": ClusterAnalysis("k-means"),
    "normalised k-means": ClusterAnalysis("normalised-k-means"),
    "Euclidean": ClusterAnalysis("euclidean"),
    "parameters": ClusterAnalysis("parameters"),
    "sine": ClusterAnalysis("sine"),
    "sine, deflated and refined": ClusterAnalysis("sine", deflation=2, refinement=5),
}
LOOKS = {
    "global": ("black", "-", ""),
    "k-means": (COLOURS[3], "--", "o"),
    "normalised k-means": (COLOURS[3], "-", "s"),
    "Euclidean": (COLOURS[4], "--", "^"),
    "parameters": (COLOURS[2], "-.", "v"),
    "sine": (COLOURS[0], "-", "D"),
    "sine, deflated and refined": (COLOURS[1], "-", "*"),
}


def compute(quick: bool = False) -> Data:
    """Return mean errors on test parameters, with the best of the three bases that the classifier proposes.

    Parameters
    ----------
    quick : bool
        Use two problems, coarse grids and few snapshots.

    Returns
    -------
    dict
        By problem: ``"sizes"``, and ``"errors"`` by kind of clustering, arrays of shape (sizes,).
    """
    found: Data = {}
    for name in ("two-materials", "thermal-block") if quick else CASES:
        _, known, unknown = training_and_test(name, quick)
        sizes = (2, 4, 8) if quick else (1, 2, 3, 5, 7, 10, 14, 20, 28)
        report = efficiency(known, unknown, clusters=(CLUSTERS,), sizes=sizes, analyses=ANALYSES.values())
        names = {None: "global", **{analysis: label for label, analysis in ANALYSES.items()}}
        errors: dict[str, list[float]] = {}
        for estimate in report.estimates:
            errors.setdefault(names[estimate.analysis], []).append(estimate.error)
        found[name] = {"sizes": np.array(sizes), "errors": {label: np.array(e) for label, e in errors.items()}}
    return found


def plot(data: Data) -> Figure:
    """Return the figure, with one panel per problem."""
    from matplotlib.figure import Figure

    columns = min(len(data), 5)
    rows = -(-len(data) // columns)
    with ritz_style():
        canvas = Figure(figsize=(max(3.0 * columns, 8.5), 2.9 * rows + 0.7), layout="constrained")
        panels = canvas.subplots(rows, columns, squeeze=False).ravel()
        for panel, (name, found) in zip(panels, data.items(), strict=False):
            for label, values in found["errors"].items():
                colour, dashes, marker = LOOKS[label]
                panel.semilogy(
                    found["sizes"], values, color=colour, linestyle=dashes, marker=marker, markersize=4, label=label
                )
            panel.set(title=name, xlabel="modes")
        for panel in panels[::columns]:
            panel.set_ylabel("relative projection error")
        for panel in panels[len(data) :]:
            panel.set_visible(False)
        handles, labels = panels[0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=4)
    return canvas


figure("projection-errors", compute, plot)
