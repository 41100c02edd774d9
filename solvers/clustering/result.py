"""The result of clustering a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Clustering"]


@dataclass(frozen=True, eq=False, repr=False)
class Clustering(Solution):
    """The clusters of a graph.

    ``x`` holds the labels. ``residual`` is the share of vertices that, in the embedding, are closer to the centre of
    another cluster than to that of their own; it is 0 for methods without centres.

    Parameters
    ----------
    graph : AttributedGraph
    embedding : ndarray, shape (n, dimensions), or None
        Coordinates of the vertices, if the method computes any.
    scores : mapping
        See `ritz.solvers.clustering.clustering_scores`.
    """

    graph: AttributedGraph | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> np.ndarray:
        """Index of the cluster of each vertex, shape (n,), int64; the largest cluster has index 0."""
        return self.x

    @property
    def named_labels(self) -> dict[Any, int]:
        """Cluster of each vertex by its name, or by its number in graphs without names."""
        assert self.graph is not None
        names = range(self.graph.size) if self.graph.names is None else self.graph.names.tolist()
        return dict(zip(names, self.x.tolist(), strict=True))

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.x.max()) + 1

    def plot(self) -> Figure:
        """Return a figure of the vertices coloured by cluster, and of the edges within and between clusters."""
        from .plot import plot_clustering

        assert self.graph is not None
        return plot_clustering(self.graph, self.labels, self.embedding)
