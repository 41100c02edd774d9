"""Spectral clustering with the interface of scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import kneighbors_graph
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_non_negative, validate_data

from ritz.arguments import check_seed
from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_csr
from ritz.problem_types.attributed_graph import AttributedGraph, symmetrised
from ritz.solution import Status
from ritz.solving import solve

__all__ = ["SpectralClustering"]

EXACT = 1e-12  # less than one vertex of any graph


class SpectralClustering(ClusterMixin, BaseEstimator):
    """Spectral clustering of a graph, with or without attributes, or of points by their graph of nearest neighbours.

    Parameters
    ----------
    n_clusters : int or None
        Number of clusters; estimated from the eigenvalues if None.
    affinity : {"nearest_neighbors", "precomputed"}
        Whether X holds points, whose graph of nearest neighbours is clustered, or edge weights.
    n_neighbors : int
        Number of nearest neighbours of each point, at most the number of other points.
    embedding : {"refined", "bootstrap"}
        See `ritz.solvers.clustering.spectral.Spectral`.
    attribute_weight : float or "auto"
        See `ritz.solvers.clustering.spectral.Spectral`.
    tol : float
        Share of the vertices that may be closer to the centre of another cluster than to their own.
    max_iter : int
        Sweeps of K-means. A fit that needs more warns (ConvergenceWarning) and keeps its result.
    random_state : int or RandomState, optional
        Seed or generator; 0 if None, so fits are reproducible.

    Attributes
    ----------
    labels_ : ndarray, shape (n_samples,)
        Cluster of each sample; the largest is 0.
    embedding_ : ndarray, shape (n_samples, dimensions)
    n_clusters_ : int
    scores_ : dict
        Modularity, conductance and, with attributes, the entropy of these.
    solution_ : Clustering
    n_features_in_ : int

    Examples
    --------
    >>> import ritz
    >>> graph = ritz.problems.stochastic_block_model()
    >>> model = SpectralClustering(3, affinity="precomputed")
    >>> model.fit(graph.adjacency, attributes=graph.attributes).labels_.shape
    (240,)
    """

    def __init__(
        self,
        n_clusters: int | None = 8,
        *,
        affinity: str = "nearest_neighbors",
        n_neighbors: int = 10,
        embedding: str = "refined",
        attribute_weight: float | str = "auto",
        tol: float = 1e-4,
        max_iter: int = 300,
        random_state: Any = None,
    ):
        self.n_clusters = n_clusters
        self.affinity = affinity
        self.n_neighbors = n_neighbors
        self.embedding = embedding
        self.attribute_weight = attribute_weight
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, attributes: Any = None) -> SpectralClustering:
        """Find clusters.

        Parameters
        ----------
        X : array or sparse array, shape (n_samples, n_features) or (n_samples, n_samples), or AttributedGraph
            Points, or edge weights with ``affinity="precomputed"``; the weights of a directed graph are averaged over
            both directions. The attributes of an `AttributedGraph` are used, its labels are not.
        y : ignored
        attributes : array, sparse array or mapping, optional
            See `ritz.AttributedGraph`.
        """
        graph = X if isinstance(X, AttributedGraph) else self._graph(X, attributes)
        given = self.random_state
        if given is not None and not hasattr(given, "randint"):
            given = check_seed(given, name="random_state") % 2**32
        seed = 0 if given is None else int(check_random_state(given).randint(2**31 - 1))
        options: dict[str, Any] = {
            "clusters": self.n_clusters,
            "embedding": self.embedding,
            "attribute_weight": self.attribute_weight,
        }
        solution = solve(
            graph,
            "spectral-clustering",
            rtol=max(self.tol, EXACT),
            maxiter=self.max_iter,
            seed=seed,
            throw=False,
            **options,
        )
        if solution.status is not Status.CONVERGED:
            warnings.warn(
                f"SpectralClustering ended {solution.status.name} with a share of {solution.residual:.1e} of the"
                f" vertices to move, and eigenvectors to {solution.stats['eigenvector_residual']:.1e}:"
                " raise max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        self.labels_ = solution.x
        self.embedding_ = solution.embedding  # pyright: ignore[reportAttributeAccessIssue]
        self.scores_ = dict(solution.scores)  # pyright: ignore[reportAttributeAccessIssue]
        self.n_clusters_ = int(solution.x.max()) + 1
        self.n_iter_ = solution.iterations + 1  # including the last sweep, which moved nothing
        self.solution_ = solution
        return self

    def _graph(self, X: Any, attributes: Any) -> AttributedGraph:
        if self.affinity not in ("nearest_neighbors", "precomputed"):
            raise InvalidProblem(f"affinity is {self.affinity!r}; it must be 'nearest_neighbors' or 'precomputed'")
        sparse = self.affinity == "precomputed"
        if issparse(X) and not sparse:
            raise InvalidProblem(
                f"X is a sparse matrix of shape {X.shape}: give affinity='precomputed' if it holds the edge weights of "
                "a graph, and a dense array if it holds points"
            )
        points: Any = as_csr(X, "X") if issparse(X) else X
        points = validate_data(
            self, points, accept_sparse="csr" if sparse else False, dtype=np.float64, ensure_min_samples=2
        )
        if self.affinity == "precomputed":
            check_non_negative(points, "SpectralClustering (affinity='precomputed')")
            adjacency = symmetrised(points if issparse(points) else np.asarray(points))
        else:
            directed = kneighbors_graph(points, min(self.n_neighbors, points.shape[0] - 1))
            adjacency = directed.maximum(directed.T)
        return AttributedGraph(adjacency, attributes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.affinity == "precomputed"
        tags.input_tags.positive_only = self.affinity == "precomputed"
        tags.input_tags.sparse = self.affinity == "precomputed"
        return tags
