"""The Leiden method of the package leidenalg."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ritz.extras import require
from ritz.operators import Tag
from ritz.problem_types.attributed_graph import AttributedGraph, edge_ends
from ritz.registry import register
from ritz.solver import check_pairing
from ritz.solvers.clustering.prepared_clustering import PreparedClustering

from .one_step_clustering import prepare_one_step

__all__ = ["Leiden"]


@register("leiden")
@dataclass(frozen=True)
class Leiden:
    """The Leiden method for modularity :cite:`TraagWaltmanVanEck2019`, from the extra ``leiden``.

    Parameters
    ----------
    seed : int
    """

    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Convert the graph to igraph."""
        began = time.perf_counter()
        check_pairing(self, problem)
        leidenalg, igraph = require("leidenalg", "leiden"), require("igraph", "leiden")
        rows, columns, weights = edge_ends(problem.adjacency)
        graph = igraph.Graph(n=problem.size, edges=np.stack([rows, columns], axis=1).tolist())

        def answer() -> np.ndarray:
            kind = leidenalg.ModularityVertexPartition
            return np.array(
                leidenalg.find_partition(graph, kind, weights=weights.tolist(), seed=int(self.seed) % 2**31).membership
            )

        return prepare_one_step(self, problem, answer, time.perf_counter() - began)
