"""Clusters of snapshots in parameter space, their representatives and the decay of singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ritz.plotting.style import COLOURS, ritz_style
from ritz.solvers.reduced_basis import ClusterAnalysis, local_bases, pod

from ..registered_figure import figure
from .reduced_snapshots import training_and_test

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["compute", "plot"]

Data: TypeAlias = dict[str, Any]

CLUSTERS, SHOWN, SIZE = 8, 4, 20
ANALYSES = {"k-means": ClusterAnalysis("k-means"), "sine": ClusterAnalysis("sine")}


def compute(quick: bool = False) -> Data:
    """Return clusters of the two-materials problem by k-means and by sine dissimilarities.

    Parameters
    ----------
    quick : bool
        Use a coarse grid and few snapshots.

    Returns
    -------
    dict
        ``"positions"`` of the source, ``"amplitudes"``, ``"labels"`` by kind of clustering, ``"shown"`` clusters by
        sines and the ``"fields"`` of their representatives, and singular values: ``"global"``, and ``"local"`` ones
        by kind of clustering and cluster.
    """
    problem, known, _ = training_and_test("two-materials", quick)
    size = 8 if quick else SIZE
    found = {name: local_bases(known, analysis, clusters=CLUSTERS, size=size) for name, analysis in ANALYSES.items()}
    shown = np.argsort(-np.bincount(found["sine"].labels))[:SHOWN]
    states = known.states[found["sine"].representatives[shown]]
    names = list(problem.names)
    return {
        "positions": known.parameters[:, [names.index("x"), names.index("y")]],
        "amplitudes": known.norms,
        "labels": {name: bases.labels for name, bases in found.items()},
        "shown": shown,
        "fields": (states / np.abs(states).max(axis=1, keepdims=True)).reshape(SHOWN, *problem.grid.shape),
        "global": pod(known.states, product=known.product).singular_values,
        "local": {name: [basis.singular_values for basis in bases.bases] for name, bases in found.items()},
    }


def plot(data: Data) -> Figure:
    """Return the figure: positions of the source by cluster, singular values and representatives."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    colours = colormaps["tab10"](np.arange(10))
    with ritz_style():
        canvas = Figure(figsize=(11.5, 6.6), layout="constrained")
        parts: Any = canvas.subfigures(2, 1, height_ratios=(1.25, 1.0))
        above, below = parts
        panels = above.subplots(1, 3)
        areas = 6.0 + 60.0 * (data["amplitudes"] / data["amplitudes"].max()) ** 0.5
        for panel, (name, labels) in zip(panels, data["labels"].items(), strict=False):
            panel.scatter(*data["positions"].T, s=areas, color=colours[labels % 10], linewidths=0)
            panel.set(title=f"clusters by {name}", xlabel="x of the source", ylabel="y of the source", aspect="equal")
            panel.grid(visible=False)
        decay = panels[2]
        whole = data["global"] / data["global"][0]
        decay.semilogy(np.arange(1, whole.size + 1), whole, color="black", label="global")
        for (name, values), colour in zip(data["local"].items(), (COLOURS[3], COLOURS[0]), strict=True):
            for number, singular in enumerate(values):
                label = f"clusters by {name}" if number == 0 else None
                modes = np.arange(1, singular.size + 1)
                decay.semilogy(modes, singular / singular[0], color=colour, linewidth=1.0, label=label)
        decay.set(title="singular values", xlabel="mode", ylabel="relative to the first")
        decay.set(xlim=(0, 40), ylim=(1e-4, 1.5))
        decay.legend()
        for panel, number, values in zip(below.subplots(1, SHOWN), data["shown"], data["fields"], strict=True):
            panel.imshow(values.T, origin="lower", cmap="viridis", extent=(0, 1, 0, 1))
            panel.set(xticks=[], yticks=[])
            panel.grid(visible=False)
            panel.set_title(f"represents {np.count_nonzero(data['labels']['sine'] == number)} snapshots")
            for side in panel.spines.values():
                side.set(visible=True, color=colours[number % 10], linewidth=4)
    return canvas


figure("snapshot-clusters", compute, plot)
