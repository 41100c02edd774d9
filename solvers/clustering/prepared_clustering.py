"""Prepared clustering solvers, shared by all methods."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.arguments import Callback, check_integer
from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.solution import Status
from ritz.solver import Controls, PreparedSolver

from .result import Clustering
from .scores import clustering_scores

__all__ = ["Partition", "PreparedClustering", "check_clusters"]

SWEEPS = 300  # default limit


@dataclass(frozen=True, eq=False)
class Partition:
    """Labels, shape (n,), with the history of the residual and the final status."""

    labels: np.ndarray
    history: np.ndarray
    status: Status


@dataclass(frozen=True, eq=False)
class PreparedClustering(PreparedSolver[Clustering]):
    """A graph and the method that divides it.

    A graph has no right-hand side; `x0` holds initial labels. `maxiter` defaults to 300 sweeps.

    Parameters
    ----------
    graph : AttributedGraph
    partition : callable
        ``partition(labels or None, tolerance, limit, callback) -> Partition``.
    name, seconds, stats
        Registered name of the solver, seconds spent on preparing, and further statistics.
    embedding : ndarray, shape (n, dimensions), optional
    """

    graph: AttributedGraph
    partition: Callable[[np.ndarray | None, float, int, Callback | None], Partition]
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)
    embedding: np.ndarray | None = None

    def _solve(self, rhs: Any, x0: Any, controls: Controls) -> Clustering:
        if rhs is not None:
            raise InvalidProblem("rhs is given, and a graph has none: prepare another graph instead")
        start = None if x0 is None else self._starting_labels(x0)
        found = self.partition(start, max(controls.rtol, controls.atol), controls.limit(SWEEPS), controls.callback)
        labels = _by_size(found.labels)
        began = time.perf_counter()
        scores = clustering_scores(self.graph, labels)
        return Clustering(
            x=labels,
            status=found.status,
            iterations=len(found.history) - 1,
            residual=float(found.history[-1]),
            history=found.history,
            timings={"recording": time.perf_counter() - began},
            stats=scores,
            graph=self.graph,
            embedding=self.embedding,
            scores=scores,
        )

    def _starting_labels(self, given: Any) -> np.ndarray:
        labels = np.asarray(to_numpy(given))
        if labels.shape != (self.graph.size,) or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise InvalidProblem(f"x0 must hold a label, 0 or more, for each of {self.graph.size} vertices")
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def check_clusters(clusters: Any, n: int) -> None:
    """Raise `InvalidProblem` unless `clusters` is None or a number of clusters that n vertices can form."""
    if check_integer("clusters", clusters, optional=True) is None:
        return
    if int(clusters) > n:
        raise InvalidProblem(f"clusters is {clusters} and the graph has {n} vertices; ask for {n} at most")


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Return labels 0, 1, ... in the order of the clusters' sizes, the largest first."""
    numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    rank = np.empty_like(counts)
    rank[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    return rank[numbers].astype(np.int64)
