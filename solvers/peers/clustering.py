"""Other packages' ways to divide a graph under the same contract, to compare with."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ritz.errors import InvalidProblem, UnknownName
from ritz.extras import require
from ritz.operators import Tag
from ritz.problem_types.attributed_graph import AttributedGraph, edge_ends
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.clustering.attributes import attribute_factor
from ritz.solvers.clustering.prepared_clustering import Partition, PreparedClustering, check_clusters

__all__ = ["AttributesKMeans", "Leiden", "Louvain", "SklearnSpectral"]


@register("sklearn-spectral")
@dataclass(frozen=True)
class SklearnSpectral:
    """``sklearn.cluster.SpectralClustering`` of the structure alone.

    Parameters
    ----------
    clusters : int
    eigensolver : {"arpack", "lobpcg", "amg"}
    assign : {"kmeans", "discretize", "cluster_qr"}
        How clusters are read off the eigenvectors.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> graph = ritz.problems.ring_of_cliques(5, 6)
    >>> ritz.solve(graph, "sklearn-spectral", clusters=5).scores["ari"]
    1.0
    """

    clusters: int = 8
    eigensolver: Literal["arpack", "lobpcg", "amg"] = "arpack"
    assign: Literal["kmeans", "discretize", "cluster_qr"] = "kmeans"
    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Import scikit-learn."""
        if self.eigensolver not in ("arpack", "lobpcg", "amg"):
            raise UnknownName("eigensolver", self.eigensolver, ("arpack", "lobpcg", "amg"))
        check_pairing(self, problem)
        check_clusters(self.clusters, problem.size)

        def answer() -> np.ndarray:
            from scipy.sparse import csr_matrix
            from sklearn.cluster import SpectralClustering

            model = SpectralClustering(
                self.clusters,
                eigen_solver=self.eigensolver,
                assign_labels=self.assign,
                affinity="precomputed",
                random_state=self.seed,
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of components, and of steps that do not converge
                return np.asarray(model.fit(csr_matrix(problem.adjacency)).labels_)

        return _prepared(self, problem, answer, 0.0)


@register("attributes-kmeans")
@dataclass(frozen=True)
class AttributesKMeans:
    """Scikit-learn's K-means on the attributes alone, weighted as in `attribute_factor`.

    Parameters
    ----------
    clusters : int
    seed : int

    Examples
    --------
    >>> import ritz
    >>> graph = ritz.problems.stochastic_block_model(metadata=1.0)
    >>> ritz.solve(graph, "attributes-kmeans", clusters=3).scores["ari"]
    1.0
    """

    clusters: int = 8
    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Weight the attributes."""
        began = time.perf_counter()
        check_pairing(self, problem)
        check_clusters(self.clusters, problem.size)
        factor = attribute_factor(problem)
        if factor is None:
            raise InvalidProblem(
                "solver 'attributes-kmeans' needs attributes that tell vertices apart, and this graph has none: use"
                " 'spectral-clustering' or 'louvain'"
            )

        def answer() -> np.ndarray:
            from scipy.sparse import csr_matrix
            from sklearn.cluster import KMeans
            from sklearn.exceptions import ConvergenceWarning

            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters
                make: Any = KMeans
                model = make(self.clusters, n_init=10, random_state=self.seed).fit(csr_matrix(factor))
            return np.asarray(model.labels_)

        return _prepared(self, problem, answer, time.perf_counter() - began)


@register("louvain")
@dataclass(frozen=True)
class Louvain:
    """NetworkX's Louvain method, which raises the modularity move by move.

    It finds the number of clusters itself, and knows of no attributes :cite:`BlondelGuillaumeLambiotteLefebvre2008`.

    Parameters
    ----------
    resolution : float
        More than 1 makes more clusters, less fewer.
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

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Make a NetworkX graph."""
        began = time.perf_counter()
        check_pairing(self, problem)
        networkx = require("networkx", "graphs")
        graph = networkx.from_scipy_sparse_array(problem.adjacency)

        def answer() -> np.ndarray:
            found = networkx.community.louvain_communities(graph, resolution=self.resolution, seed=self.seed)
            labels = np.empty(problem.size, dtype=np.int64)
            for number, members in enumerate(found):
                labels[list(members)] = number
            return labels

        return _prepared(self, problem, answer, time.perf_counter() - began)


@register("leiden")
@dataclass(frozen=True)
class Leiden:
    """The Leiden method of the package leidenalg, for modularity :cite:`TraagWaltmanVanEck2019`; an extra of Ritz.

    Parameters
    ----------
    seed : int
    """

    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Make an igraph graph."""
        began = time.perf_counter()
        check_pairing(self, problem)
        leidenalg, igraph = require("leidenalg", "leiden"), require("igraph", "leiden")
        rows, columns, weights = edge_ends(problem.adjacency)
        graph = igraph.Graph(n=problem.size, edges=np.stack([rows, columns], axis=1).tolist())

        def answer() -> np.ndarray:
            kind = leidenalg.ModularityVertexPartition
            return np.array(leidenalg.find_partition(graph, kind, weights=weights.tolist(), seed=self.seed).membership)

        return _prepared(self, problem, answer, time.perf_counter() - began)


def _prepared(
    solver: Any, problem: AttributedGraph, answer: Callable[[], np.ndarray], seconds: float
) -> PreparedClustering:
    """Return a method that gives its answer in one step."""

    def partition(labels: np.ndarray | None, tolerance: float, limit: int, callback: Any) -> Partition:
        start = np.zeros(problem.size, dtype=np.int64) if labels is None else labels
        if callback is not None and callback(0, start, 1.0):
            return Partition(start, np.ones(1), Status.INTERRUPTED)
        if limit == 0:
            return Partition(start, np.ones(1), Status.MAX_ITERATIONS)
        return Partition(answer(), np.array([1.0, 0.0]), Status.CONVERGED)

    return PreparedClustering(problem, partition, registered_name(solver), seconds)
