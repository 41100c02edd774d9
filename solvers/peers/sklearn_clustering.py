"""Scikit-learn's spectral clustering and K-means."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import without_warnings
from ritz.errors import InvalidProblem
from ritz.operators import Tag
from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.registry import register
from ritz.solver import check_pairing
from ritz.solvers.clustering.attributes import attribute_factor
from ritz.solvers.clustering.prepared_clustering import PreparedClustering, check_clusters

from .one_step_clustering import prepare_one_step

__all__ = ["AttributesKMeans", "SklearnSpectral"]


@register("sklearn-spectral")
@dataclass(frozen=True)
class SklearnSpectral:
    """``sklearn.cluster.SpectralClustering``, which uses the structure of the graph only.

    Parameters
    ----------
    clusters : int
    eigensolver : {"arpack", "lobpcg", "amg"}
    assign : {"kmeans", "discretize", "cluster_qr"}
        How clusters are derived from the eigenvectors.
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
        check_choice("eigensolver", self.eigensolver, ("arpack", "lobpcg", "amg"))
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
                random_state=int(self.seed) % 2**32,
            )
            # About several components, and about eigensolvers and K-means that do not converge.
            try:
                with without_warnings():
                    return np.asarray(model.fit(csr_matrix(problem.adjacency)).labels_)
            except (ValueError, TypeError, ArithmeticError) as error:  # too few vertices for it, or too many clusters
                counts = f"{self.clusters} clusters of {problem.size} vertices"
                raise InvalidProblem(f"solver 'sklearn-spectral' cannot form {counts}: {error}") from None

        return prepare_one_step(self, problem, answer, 0.0)


@register("attributes-kmeans")
@dataclass(frozen=True)
class AttributesKMeans:
    """Scikit-learn's K-means on the attributes only, weighted as in `attribute_factor`.

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

            with without_warnings():  # about fewer distinct rows than clusters
                make: Any = KMeans
                model = make(self.clusters, n_init=10, random_state=int(self.seed) % 2**32).fit(csr_matrix(factor))
            return np.asarray(model.labels_)

        return prepare_one_step(self, problem, answer, time.perf_counter() - began)
