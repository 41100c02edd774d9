"""Spectral clustering of graphs, with attributes or without."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ritz.arguments import check_choice, check_number
from ritz.operators import Tag
from ritz.problem_types.attributed_graph import AttributedGraph
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.partitioning.kmeans import block_kmeans

from .attribute_weight import balanced_weight, choose_weight
from .attributes import attribute_factor
from .bootstrap_vectors import bootstrap_embedding
from .embedding import Embedding, leading_eigenvectors, rows_of_unit_length, similarity_of
from .fragments import balanced_groups, large_components
from .prepared_clustering import Partition, PreparedClustering, check_clusters
from .similarity import regularisation

__all__ = ["Spectral", "eigengap"]

FINE, COARSE, LARGE = 1e-6, 1e-2, 100_000  # tolerances for fewer than, and from, `LARGE` vertices
ROUGH = 1e-3  # tolerance if only the eigenvalues matter
USUAL_CLUSTERS = 8  # number of clusters assumed when measuring the strength of attributes before it is known
MOST = 50  # largest number of clusters considered if it is not given
TELLING = 1e-6  # eigenvalue, relative to the largest, above which its eigenvector tells clusters apart


@register("spectral-clustering")
@dataclass(frozen=True)
class Spectral:
    r"""Spectral clustering by K-means in the smoothest vectors of a graph and its attributes.

    The refined embedding uses the leading eigenvectors of the sum of the normalised adjacency and the normalised
    similarity of the attributes (`ritz.solvers.clustering.similarity`). The adjacency is regularised if degrees vary
    widely, as in social and citation networks :cite:`QinRohe2013`, and rows are scaled to unit length
    :cite:`NgJordanWeiss2002`. The eigenvectors are computed by Chebyshev filters or, on mesh-like graphs, by multigrid;
    an inexpensive test of the spectral gap decides, and `stats` records the choice.

    Without attributes, components smaller than a tenth of the mean cluster, and isolated vertices, form no clusters as
    long as the others can be divided; their vertices join the largest cluster. If more clusters are asked for than the
    others have positive eigenvalues, the small components form them. If there are more components than clusters, these
    are put together, and none is cut. ``rtol`` is the accepted share of vertices that are closer to the centre of
    another cluster, ``maxiter`` limits the number of sweeps, and ``x0`` holds initial labels.

    Parameters
    ----------
    clusters : int, optional
        Number of clusters. If None, from 2 to 50, at the largest relative gap of the eigenvalues.
    embedding : {"refined", "bootstrap"}
        ``"bootstrap"`` is the published method, which uses the smooth vectors of bootstrap multigrid for the augmented
        graph only :cite:`DAmbraVassilevskiCutillo2023`.
    attribute_weight : float or "auto"
        Weight in [0, 1] of the attributes in the refined embedding: 0 for structure only, 1 for attributes only.
        ``"auto"`` selects the weight whose clusters best predict held-out edges (`choose_weight`).
    eigensolver : {"auto", "dense", "chebyshev", "multigrid"}
    tolerance : float, optional
        Accepted relative residual of the eigenvectors; for multigrid, relative to the largest wanted eigenvalue of the
        Laplacian. By default 1e-6, and 1e-2 from 100,000 vertices on, where single vertices no longer matter.
    seed : int

    Examples
    --------
    >>> import ritz
    >>> solution = ritz.solve(ritz.problems.ring_of_cliques(5, 6), "spectral-clustering")
    >>> solution.clusters, solution.scores["ari"]
    (5, 1.0)
    """

    clusters: int | None = None
    embedding: Literal["refined", "bootstrap"] = "refined"
    attribute_weight: float | Literal["auto"] = "auto"
    eigensolver: Literal["auto", "dense", "chebyshev", "multigrid"] = "auto"
    tolerance: float | None = None
    seed: int = 0

    solves: ClassVar[type] = AttributedGraph
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def __post_init__(self):
        check_choice("embedding", self.embedding, ("refined", "bootstrap"))
        check_choice("eigensolver", self.eigensolver, ("auto", "dense", "chebyshev", "multigrid"))
        if isinstance(self.attribute_weight, str):
            check_choice("attribute_weight", self.attribute_weight, ("auto",))
        else:
            check_number("attribute_weight", self.attribute_weight, least=0.0, most=1.0)
        if self.tolerance is not None:
            check_number("tolerance", self.tolerance, above=0.0)

    def prepare(self, problem: AttributedGraph) -> PreparedClustering:
        """Compute the embedding."""
        began = time.perf_counter()
        check_pairing(self, problem)
        check_clusters(self.clusters, problem.size)
        embedded, clusters, kept, groups = self._embed(problem)
        late = embedded.residual > self._tolerance(problem)

        def partition(labels: np.ndarray | None, tolerance: float, limit: int, callback: Any) -> Partition:
            start = None if labels is None else labels[kept]
            found = block_kmeans(
                embedded.coordinates,
                clusters,
                tolerance=tolerance,
                maxiter=limit,
                labels=start,
                callback=callback,
                seed=self.seed,
            )
            status = found.status
            if status is Status.CONVERGED and late:
                status = Status.MAX_ITERATIONS
            everywhere = np.full(problem.size, np.bincount(found.labels).argmax())
            everywhere[kept] = found.labels
            everywhere[groups >= 0] = clusters + groups[groups >= 0]
            return Partition(everywhere, found.history, status)

        coordinates = np.zeros((problem.size, embedded.coordinates.shape[1]), dtype=embedded.coordinates.dtype)
        coordinates[kept] = embedded.coordinates
        stats = {**embedded.stats, "eigenvalues": embedded.values, "eigenvector_residual": embedded.residual}
        seconds = time.perf_counter() - began
        return PreparedClustering(problem, partition, registered_name(self), seconds, stats, coordinates)

    def _embed(self, graph: AttributedGraph) -> tuple[Embedding, int, np.ndarray, np.ndarray]:
        """Return the embedding of the vertices to divide, their number of clusters, these vertices, and other clusters.

        The last is -1 for vertices that join the largest cluster.
        """
        everything, nowhere = np.arange(graph.size), np.full(graph.size, -1)
        if self.embedding == "bootstrap":
            clusters = self.clusters or self._count(graph, 0.0, None)
            embedded = bootstrap_embedding(graph, min(clusters, graph.size - 1), self.seed)
            return embedded, clusters, everything, nowhere
        factor = None if self.attribute_weight == 0.0 else attribute_factor(graph)
        weight, stats = self.attribute_weight, dict[str, Any]()
        clusters = self.clusters
        if weight == "auto":
            if clusters is None:
                usual = (
                    0.0
                    if factor is None
                    else balanced_weight(graph, factor, min(USUAL_CLUSTERS, graph.size), 0.5, self.seed)
                )
                clusters = self._count(graph, usual, factor)
            weight, stats = choose_weight(graph, factor, clusters, self.seed)
        elif clusters is None:
            clusters = self._count(graph, float(weight), factor)
        weight = float(weight)
        kept = everything if weight > 0 else large_components(graph.components, clusters)
        part, components = _part(graph, kept, weight)
        similarity = similarity_of(part, weight, factor)
        several = 1 if components is None else int(components.max()) + 1
        if components is not None and several > clusters:
            return _whole_components(components, clusters, stats), clusters, kept, nowhere
        count = min(clusters, kept.size)
        found, chosen = leading_eigenvectors(
            similarity,
            count,
            tolerance=self._tolerance(graph),
            method=self.eigensolver,
            components=components,
            seed=self.seed,
        )
        stats |= {**chosen, "attribute_weight": weight, "fragments": graph.size - kept.size}
        residual = float(found.residuals.max())
        # More clusters than eigenvectors that tell any apart: what was set aside makes better ones than cuts anywhere.
        telling = max(int((found.values > TELLING * found.values[0]).sum()), several)
        aside = np.setdiff1d(everything, kept, assume_unique=True)
        fragments = np.unique(graph.components[aside]).size
        inside = max(min(count, telling), clusters - fragments)
        groups = nowhere
        if inside < clusters:
            groups[aside] = balanced_groups(graph.components[aside], clusters - inside)
        if inside > telling and part.size > kept.size:  # the next vectors of the whole graph are those of its fragments
            part = graph.subgraph(kept)
            found, _ = leading_eigenvectors(
                similarity_of(part), inside, tolerance=self._tolerance(graph), method=self.eigensolver, seed=self.seed
            )
        vectors = found.vectors if part.size == kept.size else found.vectors[kept]
        points = rows_of_unit_length(vectors[:, :inside])
        return Embedding(points, found.values[:inside], residual, stats), inside, kept, groups

    def _count(self, graph: AttributedGraph, weight: float, factor: Any) -> int:
        kept = np.arange(graph.size) if weight > 0 else large_components(graph.components, MOST)
        if kept.size < 4:
            return min(2, graph.size)
        part, components = _part(graph, kept, weight)
        if components is not None and components.max() >= MOST:
            return MOST
        similarity = similarity_of(part, weight, factor)
        count = min(MOST + 1, kept.size - 1)
        found, _ = leading_eigenvectors(
            similarity,
            count,
            tolerance=max(self._tolerance(graph), ROUGH),
            method=self.eigensolver,
            components=components,
            seed=self.seed,
        )
        return eigengap(found.values)

    def _tolerance(self, graph: AttributedGraph) -> float:
        if self.tolerance is not None:
            return float(self.tolerance)
        return FINE if graph.size < LARGE else COARSE


def eigengap(values: np.ndarray) -> int:
    r"""Return the number of clusters, at least 2, after which decreasing eigenvalues have their largest relative gap.

    The relative gap after k eigenvalues is :math:`(\theta_k-\theta_{k+1})/(\theta_1-\theta_{k+1})`. Only eigenvalues
    that are positive beyond rounding count: the eigenvectors of the others separate neighbours, not clusters.

    Examples
    --------
    >>> eigengap(np.array([1.0, 0.95, 0.94, 0.4, 0.38, 0.35]))
    3
    """
    if values.size < 3:
        return 2
    below = np.maximum(values[0] - values[2:], 1e-12)
    gaps = np.where(values[1:-1] > TELLING * values[0], (values[1:-1] - values[2:]) / below, 0.0)
    return 2 + int(np.argmax(gaps))


def _whole_components(components: np.ndarray, clusters: int, stats: dict[str, Any]) -> Embedding:
    """Return coordinates in which each cluster is a point, for more components than clusters: none has to be cut."""
    groups = balanced_groups(components, clusters)
    stats = {**stats, "eigensolver": "components", "products": 0, "components": int(components.max()) + 1}
    stats |= {"attribute_weight": 0.0, "fragments": 0}
    return Embedding(np.eye(clusters)[groups], np.ones(clusters), 0.0, stats)


def _part(graph: AttributedGraph, kept: np.ndarray, weight: float) -> tuple[AttributedGraph, np.ndarray | None]:
    """Return the graph of the vertices to embed, and their components if there are several and they matter.

    Isolated vertices are zero in every eigenvector of a regularised graph, so they are not worth removing in a copy.
    """
    if weight > 0:
        return graph, None
    numbers = graph.components[kept]
    components = numbers if numbers.max() > 0 else None
    if kept.size == graph.size:
        return graph, components
    others = np.ones(graph.size, dtype=bool)
    others[kept] = False
    isolated = not graph.degrees[others].any()
    if isolated and components is None and regularisation(graph.adjacency, graph.degrees) > 0:
        return graph, None
    return graph.subgraph(kept), components
