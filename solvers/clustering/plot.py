"""Pictures of clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.problem_types.attributed_graph import AttributedGraph, edge_ends

from .scores import edge_counts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_clustering", "plot_vertices"]

EDGES = 20_000  # most edges to draw
POINTS = 50_000  # most vertices to draw
NAMED = 60  # most vertices to call by their names


def plot_clustering(graph: AttributedGraph, labels: np.ndarray, embedding: np.ndarray | None) -> Figure:
    """Draw the vertices coloured by cluster, beside the edges between clusters.

    Vertices are at their positions if the graph has them, otherwise in the plane of the two main directions of the
    embedding, or on a circle. The other panel shows how many times as many edges join two clusters as chance would.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    plot_vertices(left, graph, labels, embedding)
    counts = edge_counts(graph, labels)
    volumes = counts.sum(axis=1)
    chance = np.outer(volumes, volumes) / max(float(volumes.sum()), 1e-300)
    ratio = np.divide(counts, chance, out=np.zeros_like(counts), where=chance > 0)
    image = right.imshow(np.log2(np.maximum(ratio, 2.0**-6)), cmap="RdBu_r", vmin=-6, vmax=6)
    figure.colorbar(image, ax=right, label="edges relative to chance, log2", shrink=0.85)
    right.xaxis.get_major_locator().set_params(integer=True)
    right.yaxis.get_major_locator().set_params(integer=True)
    right.set(title="edges between clusters", xlabel="cluster", ylabel="cluster")
    return figure


def plot_vertices(axes: Axes, graph: AttributedGraph, labels: np.ndarray, embedding: np.ndarray | None) -> None:
    """Draw the vertices of a graph, coloured by cluster, into one panel."""
    from matplotlib.collections import LineCollection

    clusters = int(labels.max()) + 1
    positions, where = _positions(graph, labels, embedding)
    shown = np.arange(graph.size)
    if graph.size > POINTS:
        shown = np.sort(np.random.default_rng(0).choice(graph.size, POINTS, replace=False))
    if graph.edges <= EDGES and graph.positions is not None:
        rows, columns, _ = edge_ends(graph.adjacency)
        lines: Any = np.stack([positions[rows], positions[columns]], axis=1)
        axes.add_collection(LineCollection(lines, colors="0.8", linewidths=0.5, zorder=1))
    size = float(np.clip(4000.0 / max(shown.size, 1), 1.0, 30.0))
    colours = labels[shown] % 20
    axes.scatter(*positions[shown].T, c=colours, cmap="tab20" if clusters > 10 else "tab10", s=size, zorder=2)
    axes.set(title=f"{clusters} clusters, {where}", xticks=[], yticks=[])
    if graph.names is not None and graph.size <= NAMED:
        for name, position in zip(graph.names, positions, strict=True):
            axes.annotate(str(name), position, textcoords="offset points", xytext=(3, 3), fontsize=6)
    if graph.positions is not None:
        axes.set_aspect("equal")


def _positions(graph: AttributedGraph, labels: np.ndarray, embedding: np.ndarray | None) -> tuple[np.ndarray, str]:
    """Return the positions of the vertices, shape (n, 2), and a description of them."""
    if graph.positions is not None:
        return graph.positions, graph.name
    if embedding is None:
        order = np.empty(graph.size)
        order[np.argsort(labels, kind="stable")] = np.arange(graph.size)
        angle = 2 * np.pi * order / graph.size
        return np.stack([np.cos(angle), np.sin(angle)], axis=1), "on a circle"
    centred = embedding - embedding.mean(axis=0)
    directions = np.linalg.svd(centred.T @ centred)[0][:, :2]
    plane = centred @ directions
    if plane.shape[1] == 1:
        plane = np.concatenate([plane, np.zeros_like(plane)], axis=1)
    return plane.astype(np.float64), "embedding"
