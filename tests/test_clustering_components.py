"""Clusters of graphs in several components: isolated vertices, fragments, no edges, and every number of clusters."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import ritz
from ritz.errors import InvalidProblem, RitzError
from ritz.registry import solvers


def clique(n: int) -> np.ndarray:
    return np.ones((n, n)) - np.eye(n)


def random_graph(n: int, share: float) -> np.ndarray:
    upper = np.triu(np.random.default_rng(n).random((n, n)) < share, 1)
    return (upper + upper.T).astype(np.float64)


def pieces(*blocks) -> sp.csr_array:
    return sp.csr_array(sp.block_diag(blocks))


def alone(n: int) -> sp.csr_array:
    return sp.csr_array((n, n))


def path(n: int) -> np.ndarray:
    return np.eye(n, k=1) + np.eye(n, k=-1)


GRAPHS = {
    "a clique and five": pieces(clique(20), alone(5)),
    "two cliques and five": pieces(clique(10), clique(10), alone(5)),
    "one large clique and many": pieces(clique(20), alone(700)),
    "a random graph and seven": pieces(random_graph(30, 0.2), alone(7)),
    "pairs and two random graphs": pieces(random_graph(40, 0.2), random_graph(30, 0.3), *[clique(2)] * 4, alone(3)),
    "no edges": alone(9),
    "no edges at all, and large": alone(700),
    "paths": pieces(path(7), path(5), path(3), alone(1)),
    "cliques": pieces(*[clique(size) for size in (9, 7, 5, 3, 2)]),
    "equal cliques": pieces(*[clique(5)] * 12),
    "many pairs": pieces(*[clique(2)] * 40),
    "a pair and three": pieces(clique(2), alone(3)),
    "bipartite": pieces(np.kron([[0, 1], [1, 0]], np.ones((6, 6))), alone(2)),
    "scales": pieces(clique(6) * 1e-9, clique(6) * 1e9, alone(2)),
    "one": alone(1),
    "two": alone(2),
    "a clique": pieces(clique(20)),
}
ATTRIBUTES = {
    "none": lambda n: None,
    "categories": lambda n: np.arange(n) % 3,
    "constant": lambda n: np.zeros(n, dtype=int),
    "words": lambda n: sp.csr_array((np.random.default_rng(n).random((n, 5)) < 0.3) * 1.0),
}


def numbers(n: int) -> list[int | None]:
    return [None, *sorted({k for k in (1, 2, 3, 6, 9, 20, n - 1, n) if 1 <= k <= min(n, 60)})]


@pytest.mark.parametrize("name", GRAPHS)
def test_as_many_clusters_as_asked_for(name):
    A = GRAPHS[name]
    for kind, make in ATTRIBUTES.items():
        if kind != "none" and A.shape[0] > 100:
            continue
        graph = ritz.AttributedGraph(A, make(A.shape[0]))
        for clusters in numbers(graph.size) if kind == "none" else [None, min(3, graph.size)]:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                solution = ritz.solve(graph, "spectral-clustering", clusters=clusters)
            assert solution.clusters == clusters or clusters is None, (kind, clusters)
            assert np.isfinite(solution.embedding).all()


@pytest.mark.parametrize("name", GRAPHS)
def test_no_component_is_cut_where_none_has_to_be(name):
    """Up to as many clusters as there are components, each component lies in one cluster, if none can be divided."""
    graph = ritz.AttributedGraph(GRAPHS[name])
    divisible = name in ("a random graph and seven", "pairs and two random graphs", "paths")
    for clusters in range(1, min(int(graph.components.max()) + 1, 12) + 1):
        labels = ritz.solve(graph, "spectral-clustering", clusters=clusters).labels
        whole = [np.unique(labels[graph.components == number]).size for number in range(graph.components.max() + 1)]
        assert max(whole) == 1 or divisible


def test_a_clique_and_isolated_vertices():
    graph = ritz.AttributedGraph(GRAPHS["a clique and five"])
    for clusters, sizes in ((None, [20, 5]), (2, [20, 5]), (3, [20, 3, 2]), (6, [20, 1, 1, 1, 1, 1])):
        solution = ritz.solve(graph, "spectral-clustering", clusters=clusters)
        assert np.bincount(solution.labels).tolist() == sizes
        assert solution.converged
    model = ritz.estimators.SpectralClustering(2, affinity="precomputed").fit(graph.adjacency)
    assert model.n_clusters_ == 2
    assert ritz.estimators.SpectralClustering(None, affinity="precomputed").fit(graph.adjacency).n_clusters_ == 2


def test_isolated_vertices_join_the_largest_cluster_where_the_others_suffice():
    ring = ritz.problems.ring_of_cliques(4, 20)
    graph = ritz.AttributedGraph(pieces(ring.adjacency, alone(5)))
    solution = ritz.solve(graph, "spectral-clustering", clusters=4)
    assert sorted(np.bincount(solution.labels).tolist()) == [20, 20, 20, 25]
    assert ritz.solve(graph, "spectral-clustering").clusters == 4


def test_more_components_than_clusters_make_balanced_ones():
    for clusters in (2, 3, 4, 5, 7):
        sizes = np.bincount(
            ritz.solve(ritz.AttributedGraph(GRAPHS["equal cliques"]), "spectral-clustering", clusters=clusters).labels
        )
        assert sizes.max() - sizes.min() <= 5


def test_many_components_take_little_memory():
    graph = ritz.AttributedGraph(pieces(sp.kron(sp.eye_array(20_000), clique(2))))
    solution = ritz.solve(graph, "spectral-clustering", clusters=3)
    assert solution.clusters == 3
    assert solution.embedding.shape == (40_000, 3)
    assert ritz.solve(graph, "spectral-clustering").clusters == 50


OTHERS = [
    name
    for name in solvers.names()
    if solvers[name].solves.__name__ == "AttributedGraph" and name != "spectral-clustering"
]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("graph", ["a clique and five", "no edges", "paths", "one", "two", "bipartite"])
def test_other_solvers_answer_or_refuse(name, graph):
    A = GRAPHS[graph]
    for attributes in ("none", "categories"):
        problem = ritz.AttributedGraph(A, ATTRIBUTES[attributes](A.shape[0]))
        for clusters in (2, problem.size):
            options = {} if name in ("louvain", "leiden") else {"clusters": min(clusters, problem.size)}
            try:
                solution = ritz.solve(problem, name, throw=False, **options)
            except RitzError as error:
                assert len(str(error)) > 20  # noqa: PT017
                continue
            assert solution.labels.shape == (problem.size,)
            assert solution.clusters <= problem.size


@pytest.mark.parametrize("clusters", [0, 26, 1.5, True, -1, "2"])
def test_numbers_of_clusters_that_cannot_be(clusters):
    graph = ritz.AttributedGraph(GRAPHS["a clique and five"])
    with pytest.raises(InvalidProblem, match="clusters is"):
        ritz.solve(graph, "spectral-clustering", clusters=clusters)
