"""What solvers of graphs share once they are prepared."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.solution import Status
from ritz.stopping import Callback, check_tolerances, iteration_limit

from .result import Clustering, clustering_scores

__all__ = ["Partition", "PreparedClustering", "check_clusters"]

SWEEPS = 300


@dataclass(frozen=True, eq=False)
class Partition:
    """Labels, shape (n,), the history of what is left to do, and how it ended."""

    labels: np.ndarray
    history: np.ndarray
    status: Status


@dataclass(frozen=True, eq=False)
class PreparedClustering:
    """A graph and a function that divides it.

    Parameters
    ----------
    graph : AttributedGraph
    partition : callable
        ``partition(labels or None, tolerance, limit, callback) -> Partition``.
    name, seconds, stats
        Registered name of the solver, seconds spent on preparing, and what else to report.
    embedding : ndarray, shape (n, dimensions), optional
    """

    graph: AttributedGraph
    partition: Callable[[np.ndarray | None, float, int, Callback | None], Partition]
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)
    embedding: np.ndarray | None = None

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Clustering:
        """Divide the graph; see `ritz.solver.Prepared.solve` and the solver. There are no right-hand sides."""
        began = time.perf_counter()
        if rhs is not None:
            raise InvalidProblem("rhs is given, and a graph has none: prepare another graph instead")
        check_tolerances(rtol, atol, np.dtype(np.float64))
        limit = iteration_limit(maxiter, SWEEPS)
        start = None if x0 is None else self._starting_labels(x0)
        found = self.partition(start, max(rtol, atol), limit, callback)
        labels = _by_size(found.labels)
        seconds = time.perf_counter() - began
        scores = clustering_scores(self.graph, labels)
        return Clustering(
            x=labels,
            status=found.status,
            iterations=len(found.history) - 1,
            residual=float(found.history[-1]),
            history=found.history,
            timings={"prepare": self.seconds, "solve": seconds},
            stats={**self.stats, **scores},
            solver=self.name,
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
    if clusters is None:
        return
    if not isinstance(clusters, Integral) or isinstance(clusters, (bool, np.bool_)) or int(clusters) < 1:
        raise InvalidProblem(f"clusters is {clusters!r}; it must be a positive integer, or None")
    if int(clusters) > n:
        raise InvalidProblem(f"clusters is {clusters} and the graph has {n} vertices; ask for {n} at most")


def _by_size(labels: np.ndarray) -> np.ndarray:
    """Return labels 0, 1, ... in the order of the clusters' sizes, the largest first."""
    numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    rank = np.empty_like(counts)
    rank[np.argsort(-counts, kind="stable")] = np.arange(counts.size)
    return rank[numbers].astype(np.int64)
