"""The result of clustering a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.solution import Solution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Clustering"]


@dataclass(frozen=True, eq=False, repr=False)
class Clustering(Solution):
    """The clusters of a graph.

    ``x`` are the labels. ``residual`` is the share of the vertices that are closer to the centre of another cluster
    than to that of their own in the embedding, and 0 for methods without centres.

    Parameters
    ----------
    graph : AttributedGraph
    embedding : ndarray, shape (n, dimensions), or None
        Coordinates of the vertices, for methods that have them.
    scores : mapping
        See `ritz.solvers.clustering.clustering_scores`.
    """

    graph: AttributedGraph | None = field(default=None, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def labels(self) -> np.ndarray:
        """Number of the cluster of each vertex, shape (n,), int64, the largest cluster being 0."""
        return self.x

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.x.max()) + 1

    def plot(self) -> Figure:
        """Return a matplotlib figure: the vertices coloured by cluster, and the edges within and between clusters."""
        from .plot import plot_clustering

        assert self.graph is not None
        return plot_clustering(self.graph, self.labels, self.embedding)
