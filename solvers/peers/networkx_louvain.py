"""NetworkX's Louvain method."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ritz.arguments import check_number, check_seed
from ritz.extras import require
from ritz.operators import Tag
from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.registry import register
from ritz.solver import check_pairing
from ritz.solvers.clustering.prepared_clustering import PreparedClustering

from .one_step_clustering import prepare_one_step

__all__ = ["Louvain"]


@register("louvain")
@dataclass(frozen=True)
class Louvain:
    """NetworkX's Louvain method, which increases the modularity move by move.

    Finds the number of clusters itself, and ignores attributes :cite:`BlondelGuillaumeLambiotteLefebvre2008`.

    Parameters
    ----------
    resolution : float
        Values above 1 give more clusters, values below 1 fewer.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> ritz.solve(ritz.problems.ring_of_cliques(5, 6), "louvain").clusters
    5
    """

    resolution: float = 1.0
    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_number("resolution", self.resolution, least=0.0)
        check_seed(self.seed)

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Convert the graph to NetworkX."""
        began = time.perf_counter()
        check_pairing(self, problem)
        networkx = require("networkx", "graphs")
        graph = networkx.from_scipy_sparse_array(problem.adjacency)

        def answer() -> np.ndarray:
            found = networkx.community.louvain_communities(graph, resolution=self.resolution, seed=self.seed % 2**32)
            labels = np.empty(problem.size, dtype=np.int64)
            for number, members in enumerate(found):
                labels[list(members)] = number
            return labels

        return prepare_one_step(self, problem, answer, time.perf_counter() - began)
