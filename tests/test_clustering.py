"""Clusters of graphs: scores, eigenvectors, weights of attributes, the solver, its peers and the estimator."""

from __future__ import annotations

import json
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.estimator_checks import parametrize_with_checks
from typer.testing import CliRunner

import ritz
import ritz.estimators.clustering
from ritz import problems
from ritz.command_line.cli import app
from ritz.errors import InvalidProblem, MissingExtra, UnknownName
from ritz.estimators import SpectralClustering
from ritz.figures.graphs.graph_data import real_graph
from ritz.solvers.clustering import attribute_factor, choose_weight
from ritz.solvers.clustering.embedding import leading_eigenvectors, similarity_of
from ritz.solvers.clustering.filtered_subspace import filtered_subspace
from ritz.solvers.clustering.multigrid_eigenvectors import multigrid_eigenvectors
from ritz.solvers.clustering.scores import attribute_entropy, clustering_scores, conductance, modularity
from ritz.solvers.clustering.similarity import degree_dispersion
from ritz.solvers.clustering.spectral import eigengap
from ritz.solvers.clustering.walk import SLOW, walk_decay
from ritz.solvers.partitioning import block_kmeans

NAME = "spectral-clustering"


def solve(graph, **options):
    return ritz.solve(graph, NAME, throw=False, **options)


def dense(similarity):
    return similarity @ np.eye(similarity.size)


# Scores.


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), clusters=st.integers(1, 5))
def test_modularity_agrees_with_networkx(seed, clusters):
    import networkx

    graph = problems.stochastic_block_model((15, 10), seed=seed)
    labels = np.random.default_rng(seed).integers(0, clusters, graph.size)
    network = networkx.from_scipy_sparse_array(graph.adjacency)
    groups = [set(np.flatnonzero(labels == number).tolist()) for number in np.unique(labels)]
    assert modularity(graph, labels) == pytest.approx(networkx.community.modularity(network, groups))
    if len(groups) > 1:
        each = [networkx.conductance(network, group) for group in groups if sum(dict(network.degree(group)).values())]
        assert conductance(graph, labels) == pytest.approx(max(each))


def test_entropy_is_0_where_clusters_determine_attributes_and_1_where_they_tell_nothing():
    labels = np.repeat([0, 1], 8)
    tied, free = labels, np.tile([0, 1], 8)
    for kind in (lambda a: a, lambda a: a.astype(float), lambda a: sp.csr_array(np.eye(2)[a]), lambda a: a > 0):
        for attribute, expected in ((tied, 0.0), (free, 1.0)):
            graph = ritz.AttributedGraph(np.ones((16, 16)), kind(attribute))
            assert attribute_entropy(graph, labels) == pytest.approx(expected, abs=1e-12)
    with pytest.raises(InvalidProblem, match="labels have shape"):
        clustering_scores(graph, labels[1:])


# Eigenvectors.


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_filtered_subspace_agrees_with_lapack(weight, dtype):
    graph = problems.stochastic_block_model((150, 100, 90), degree=15.0)
    similarity = similarity_of(graph, weight)
    found = filtered_subspace(similarity, 5, tolerance=1e-4, dtype=dtype)
    exact = np.linalg.eigvalsh(dense(similarity))[::-1]
    np.testing.assert_allclose(found.values, exact[:5], atol=1e-5)
    residual = np.linalg.norm(similarity @ found.vectors - found.vectors * found.values, axis=0)
    assert residual.max() <= 1.5e-4 * exact[0]
    np.testing.assert_allclose(found.vectors.T @ found.vectors, np.eye(5), atol=1e-4)


def test_filtered_subspace_starts_from_what_is_known():
    similarity = similarity_of(problems.stochastic_block_model((400, 400)))
    first = filtered_subspace(similarity, 2, tolerance=1e-5)
    again = filtered_subspace(similarity, 2, tolerance=1e-4, start=first.vectors)
    assert again.products < first.products
    assert again.residuals.max() <= 1e-4
    stopped = filtered_subspace(similarity, 2, tolerance=1e-12, max_products=3)
    assert stopped.residuals.max() > 1e-12


@pytest.mark.parametrize("graph", [problems.grid_graph((45, 31)), problems.neighbour_graph(1500, layout="square")])
def test_multigrid_agrees_with_lapack_and_takes_few_iterations(graph):
    graph = graph.largest_component()
    found = multigrid_eigenvectors(graph.adjacency, graph.degrees, 6, tolerance=1e-4)
    similarity = similarity_of(graph)
    exact = np.linalg.eigvalsh(dense(similarity))[::-1]
    gaps = 1.0 - exact[:6]
    np.testing.assert_allclose(1.0 - found.values, gaps, rtol=1e-4, atol=1e-12)
    residual = np.linalg.norm(similarity @ found.vectors - found.vectors * found.values, axis=0)
    assert residual.max() <= 1.5e-4 * gaps[-1]
    assert found.products <= 20
    shuffled = np.random.default_rng(0).permutation(graph.size)
    other = graph.subgraph(shuffled)
    again = multigrid_eigenvectors(other.adjacency, other.degrees, 6, tolerance=1e-4)
    np.testing.assert_allclose(again.values, found.values, atol=1e-4 * gaps[-1])


def test_the_gap_decides_who_computes_eigenvectors():
    made = {
        "chebyshev": [problems.stochastic_block_model((400, 400)), problems.lfr(1000, mixing=0.5)],
        "multigrid": [problems.grid_graph((40, 30)), problems.neighbour_graph(1000, layout="square")],
        "dense": [problems.grid_graph((10, 10))],
    }
    for expected, graphs in made.items():
        for graph in graphs:
            stats = leading_eigenvectors(similarity_of(graph), 3, tolerance=1e-3)[1]
            assert stats["eigensolver"] == expected
    grid, network = made["multigrid"][0], made["chebyshev"][1]
    assert walk_decay(grid.adjacency, grid.degrees) > SLOW > walk_decay(network.adjacency, network.degrees)
    assert (
        degree_dispersion(grid.adjacency, grid.degrees)
        < 0.1
        < 1.0
        < degree_dispersion(network.adjacency, network.degrees)
    )
    with pytest.raises(InvalidProblem, match="use 'chebyshev'"):
        solve(network, clusters=2, eigensolver="multigrid")


def test_eigengap():
    assert eigengap(np.array([1.0, 0.5])) == 2
    assert eigengap(np.array([1.0, 0.9, 0.89, 0.88, 0.2, 0.1])) == 4


# Attributes and their weight.


@pytest.mark.parametrize(
    "attributes",
    [
        np.repeat(["a", "b"], 10),
        sp.csr_array(np.repeat(np.eye(2), 10, axis=0)),
        np.repeat([0.0, 1.0], 10),
        {"one": np.repeat([1, 2], 10), "two": np.linspace(0, 1, 20)},
    ],
    ids=["categorical", "binary", "continuous", "mixed"],
)
def test_similarity_of_attributes_is_that_of_who_shares_them(attributes):
    factor = attribute_factor(ritz.AttributedGraph(np.ones((20, 20)), attributes))
    similarity = (factor @ factor.T).toarray()
    assert similarity.min() >= 0.0
    assert similarity[:10, :10].mean() > 2 * similarity[:10, 10:].mean()
    assert np.linalg.eigvalsh(similarity).max() <= 1.0


@pytest.mark.parametrize(
    "attributes", [None, np.full(20, "a"), np.zeros(20), np.zeros((20, 3), bool), np.ones((20, 2), int)]
)
def test_attributes_that_tell_nothing_count_nothing(attributes):
    graph = ritz.AttributedGraph(problems.ring_of_cliques(4, 5).adjacency, attributes)
    assert attribute_factor(graph) is None
    assert solve(graph, clusters=4).stats["attribute_weight"] == 0.0
    with pytest.raises(InvalidProblem, match="no attributes that tell"):
        solve(graph, clusters=4, attribute_weight=0.5)
    with pytest.raises(InvalidProblem, match=r"attributes-kmeans.*use"):
        ritz.solve(graph, "attributes-kmeans", clusters=2)


def test_weight_follows_what_is_informative():
    clear = {"degree": 15.0, "ambiguity": 0.05}
    noise = problems.stochastic_block_model((300,) * 3, metadata=1 / 3, **clear)
    assert solve(noise, clusters=3).scores["ari"] > 0.9
    telling = problems.stochastic_block_model((300,) * 3, degree=10.0, ambiguity=0.6, metadata=0.95)
    weight, stats = choose_weight(telling, attribute_factor(telling), 3)
    assert weight > 0.2
    assert len(stats["held_out_modularity"]) >= 5
    assert solve(telling, clusters=3).scores["nmi"] > 0.7


def test_both_find_more_than_either_at_the_edge_of_detectability():
    blocks = (200,) * 10
    edge = (14.0**0.5 - 1.0) / (9.0 + 14.0**0.5)
    graph = problems.stochastic_block_model(blocks, degree=14.0, ambiguity=edge, metadata=0.6)
    both = solve(graph, clusters=10).scores["nmi"]
    structure = solve(graph, clusters=10, attribute_weight=0.0).scores["nmi"]
    attributes = ritz.solve(graph, "attributes-kmeans", clusters=10).scores["nmi"]
    assert both >= max(structure, attributes) + 0.15


# K-means.


def test_kmeans_ends_where_every_row_is_nearest_its_own_centre():
    points = np.random.default_rng(0).standard_normal((500, 3))
    found = block_kmeans(points, 6)
    assert found.status is ritz.Status.CONVERGED
    centres = np.stack([points[found.labels == number].mean(axis=0) for number in range(6)])
    nearest = np.linalg.norm(points[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, found.labels)
    assert found.history[-1] == 0.0
    stopped = block_kmeans(points, 6, labels=np.arange(500) % 6, maxiter=2)
    assert stopped.status is ritz.Status.MAX_ITERATIONS
    assert len(stopped.history) == 3
    assert np.unique(block_kmeans(np.ones((5, 2)), 3).labels).size <= 3
    assert np.bincount(block_kmeans(points, 5, labels=np.zeros(500, int)).labels).min() > 0  # empty ones are filled


# The solver.


@pytest.mark.parametrize(
    ("graph", "least"),
    [
        (problems.ring_of_cliques(20, 8), 1.0),
        (problems.lfr(600, mixing=0.2), 0.95),
        (problems.stochastic_block_model((250, 200, 170), degree=20.0, ambiguity=0.05, metadata=None), 0.95),
        (problems.neighbour_graph(900), 0.99),
        (problems.neighbour_graph(900, layout="circles"), 0.99),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_known_clusters_and_their_number_are_found(graph, least):
    solution = solve(graph)
    assert solution.converged
    assert solution.clusters == np.unique(graph.labels).size
    assert solution.scores["ari"] >= least
    np.testing.assert_array_equal(solve(graph).x, solution.x)


def test_labels_do_not_depend_on_the_order_or_the_scale_of_the_graph():
    graph = problems.lfr(700, mixing=0.2)
    order = np.random.default_rng(1).permutation(graph.size)
    k = int(graph.labels.max()) + 1
    labels = solve(graph, clusters=k).labels
    assert adjusted_rand_score(solve(graph.subgraph(order), clusters=k).labels, labels[order]) > 0.95
    heavier = ritz.AttributedGraph(1000.0 * graph.adjacency)
    assert adjusted_rand_score(solve(heavier, clusters=k).labels, labels) > 0.95


def test_solution_holds_what_it_promises():
    graph = problems.stochastic_block_model()
    solution = solve(graph, clusters=3)
    assert solution.labels.dtype == np.int64
    assert (np.diff(np.bincount(solution.labels)) <= 0).all()
    assert solution.embedding.shape == (graph.size, 3)
    assert set(solution.scores) == {"modularity", "conductance", "entropy", "nmi", "ari"}
    assert solution.scores == {key: solution.stats[key] for key in solution.scores}
    assert solution.residual == 0.0
    warm = ritz.solve(graph, NAME, clusters=3, x0=solution.x)
    assert warm.iterations == 0
    np.testing.assert_array_equal(warm.x, solution.x)
    seen = []
    stopped = ritz.solve(
        graph, NAME, clusters=3, throw=False, callback=lambda i, x, r: seen.append((i, x.size)) or True
    )
    assert stopped.status is ritz.Status.INTERRUPTED
    assert seen == [(0, graph.size)]


def test_not_reaching_a_tolerance_is_not_silent():
    graph = problems.neighbour_graph(900, layout="square")
    with pytest.raises(ritz.ConvergenceError, match="MAX_ITERATIONS"):
        ritz.solve(graph, NAME, clusters=7, x0=np.arange(900) % 7, maxiter=1)
    late = solve(problems.stochastic_block_model((500, 500)), clusters=12, tolerance=1e-16)
    assert late.stats["eigenvector_residual"] > 1e-16
    assert late.status is ritz.Status.MAX_ITERATIONS


def test_components_isolated_vertices_and_fragments():
    ring = problems.ring_of_cliques(3, 40)
    pieces = sp.block_diag([ring.adjacency, np.ones((2, 2)), np.zeros((1, 1))])
    graph = ritz.AttributedGraph(pieces, labels=np.concatenate([ring.labels, [0, 0, 0]]))
    solution = solve(graph, clusters=3)
    assert solution.stats["fragments"] == 3
    assert adjusted_rand_score(solution.labels[:120], ring.labels) == 1.0
    assert (solution.labels[120:] == 0).all()
    nothing = solve(ritz.AttributedGraph(sp.csr_array((6, 6))), clusters=2)
    assert nothing.labels.shape == (6,)
    apart = ritz.AttributedGraph(sp.csr_array((6, 6)), attributes=list("aaabbb"))
    assert adjusted_rand_score(solve(apart, clusters=2).labels, [0, 0, 0, 1, 1, 1]) == 1.0
    with pytest.raises(InvalidProblem, match=r"needs a connected graph.*refined"):
        solve(graph, clusters=3, embedding="bootstrap")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_tiny_graphs(size):
    solution = solve(ritz.AttributedGraph(np.ones((size, size))))
    assert solution.labels.shape == (size,)
    assert solve(ritz.AttributedGraph(np.ones((size, size))), clusters=size).clusters <= size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clusters": 0}, "clusters is 0"),
        ({"clusters": 2.5}, "clusters is 2.5"),
        ({"clusters": 49}, "49 and the graph has 48"),
        ({"embedding": "refine"}, "did you mean 'refined'"),
        ({"eigensolver": "arpack"}, "eigensolver"),
        ({"attribute_weight": 1.5}, "attribute_weight is 1.5"),
        ({"attribute_weight": "much"}, "attribute_weight 'much'"),
        ({"tolerance": 0.0}, "tolerance is 0"),
        ({"x0": np.zeros(3, int)}, "x0 must hold"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises((InvalidProblem, UnknownName), match=message):
        solve(problems.ring_of_cliques(), **options)


def test_bootstrap_as_published_on_attributed_and_plain_graphs():
    graph = problems.stochastic_block_model((60, 60), degree=12.0, ambiguity=0.02, metadata=0.9)
    solution = solve(graph, clusters=2, embedding="bootstrap")
    assert solution.stats["blocks"] == 2
    assert solution.embedding.shape == (120, 4)
    assert solution.scores["nmi"] > 0.3
    words = sp.csr_array(np.eye(120)[:, :5] + np.eye(120)[:, :5][::-1])
    mixed = ritz.AttributedGraph(graph.adjacency, {"words": words, "block": graph.attributes}).largest_component()
    assert solve(mixed, clusters=2, embedding="bootstrap").stats["blocks"] == 3


def test_leiden_names_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "leidenalg", None)
    with pytest.raises(MissingExtra, match=r"ritz\[leiden\]"):
        ritz.solve(problems.ring_of_cliques(), "leiden")


@pytest.mark.parametrize("eigensolver", ["arpack", "lobpcg", "amg"])
def test_scikit_learn_as_a_peer(eigensolver):
    graph = problems.lfr(300, mixing=0.1)
    k = int(graph.labels.max()) + 1
    assert ritz.solve(graph, "sklearn-spectral", clusters=k, eigensolver=eigensolver).scores["nmi"] > 0.7


@pytest.mark.parametrize(("name", "clusters", "nmi", "ari"), [("polblogs", 2, 0.71, 0.80), ("cora", 7, 0.55, 0.50)])
def test_real_graphs(name, clusters, nmi, ari):
    graph = real_graph(name)
    if graph is None:
        pytest.skip(f"{name}.npz is not in the folder RITZ_DATA")
    found = [solve(graph, clusters=clusters, seed=seed).scores for seed in range(2)]
    assert np.mean([scores["nmi"] for scores in found]) >= nmi
    assert np.mean([scores["ari"] for scores in found]) >= ari


# On the command line, and in scikit-learn.


def test_command_line(tmp_path: Path):
    words = ["solve", "stochastic-block-model", "--solver", NAME, "--option", "clusters=3"]
    paths = [str(tmp_path / name) for name in ("c.json", "c.png", "c.npy")]
    done = CliRunner().invoke(app, [*words, "--json", paths[0], "--plot", paths[1], "--save", paths[2]])
    assert done.exit_code == 0, done.output
    for word in ("clusters", "modularity", "nmi"):
        assert word in done.stdout
    saved = json.loads(Path(paths[0]).read_text())
    assert saved["solution"]["stats"]["nmi"] > 0.9
    assert Path(paths[1]).read_bytes().startswith(b"\x89PNG")
    assert np.load(paths[2]).shape == (240,)
    both = [
        "compare",
        "ring-of-cliques",
        "--solvers",
        f"{NAME},louvain",
        "--repeat",
        "1",
        "--html",
        str(tmp_path / "c.html"),
    ]
    done = CliRunner().invoke(app, both)
    assert done.exit_code == 0, done.output
    assert "louvain" in done.stdout
    chosen = ritz.solve(problems.ring_of_cliques())
    assert chosen.stats["chosen"].startswith(NAME)


def test_pictures_of_clusters_without_positions_or_coordinates():
    for graph, solver in ((problems.lfr(), "louvain"), (problems.lfr(), NAME), (problems.grid_graph(), NAME)):
        figure = ritz.solve(graph, solver).plot()
        assert all(axes.has_data() for axes in figure.axes)


PRECOMPUTED = {"check_clustering": "hands over points although edge weights are asked for"}


@parametrize_with_checks(
    [SpectralClustering(), SpectralClustering(affinity="precomputed")],
    expected_failed_checks=lambda estimator: PRECOMPUTED if estimator.affinity == "precomputed" else {},
)
def test_scikit_learn_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


def test_estimator(monkeypatch):
    graph = problems.stochastic_block_model()
    model = SpectralClustering(3, affinity="precomputed").fit(graph.adjacency, attributes=graph.attributes)
    assert adjusted_rand_score(model.labels_, graph.labels) > 0.9
    np.testing.assert_array_equal(SpectralClustering(3).fit(graph).labels_, model.labels_)
    moons = problems.neighbour_graph(400)
    found = SpectralClustering(None, n_neighbors=8).fit(moons.positions)
    assert found.n_clusters_ == 2
    assert adjusted_rand_score(found.labels_, moons.labels) > 0.99
    with pytest.raises(InvalidProblem, match="affinity is 'rbf'"):
        SpectralClustering(affinity="rbf").fit(moons.positions)
    with pytest.raises(InvalidProblem, match="give affinity='precomputed'"):
        SpectralClustering(3).fit(graph.adjacency)
    late = replace(found.solution_, status=ritz.Status.MAX_ITERATIONS)
    monkeypatch.setattr(ritz.estimators.clustering, "solve", lambda *arguments, **options: late)
    with pytest.warns(ConvergenceWarning, match="MAX_ITERATIONS"):
        SpectralClustering(2).fit(moons.positions)
