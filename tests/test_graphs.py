"""Attributed graphs: what they refuse, the generators, and the readers."""

from __future__ import annotations

import math
from pathlib import Path

import networkx
import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ritz
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import edge_ends, symmetrised
from ritz.problems.graphs.graph_files import ENDINGS

PATH = np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)
GENERATORS = ["stochastic-block-model", "lfr", "neighbour-graph", "grid-graph", "ring-of-cliques"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((0, 0)),), "empty"),
        ((np.ones((2, 3)),), r"\(2, 3\)"),
        ((np.ones(4),), "cannot be read|must be"),
        ((-PATH,), "6 negative weights"),
        ((np.where(PATH > 0, np.nan, 0.0),), "NaN"),
        ((np.where(PATH > 0, np.inf, 0.0),), "NaN"),
        ((1j * PATH,), "complex"),
        ((np.triu(PATH),), r"directed.*symmetrised"),
        (("graph",), "cannot be read"),
        ((networkx.path_graph(3),), "from_networkx"),
        ((PATH, np.ones((3, 2))), "3 rows and the graph 4"),
        ((PATH, ["a", "b", None, "c"]), "missing"),
        ((PATH, [0.0, 1.0, np.nan, 2.0]), "NaN"),
        ((PATH, np.ones((4, 2, 2))), r"\(4, 2, 2\)"),
        ((PATH, np.ones((4, 0))), r"\(4, 0\)"),
        ((PATH, np.ones(4) * 1j), "complex128"),
        ((PATH, -sp.csr_array(np.ones((4, 2)))), "negative"),
        ((PATH, {"age": [1.0, 2.0]}), "2 rows"),
        ((PATH, None, [0, 1]), r"labels have shape \(2,\)"),
        ((PATH, None, None, "", np.ones((4, 3))), "positions"),
    ],
)
def test_bad_graphs_are_refused(arguments, message):
    with pytest.raises(InvalidProblem, match=message):
        ritz.AttributedGraph(*arguments)


def test_loops_and_doubles_are_put_right_without_touching_the_input():
    loops = sp.coo_array(([1.0, 1.0, 1.0, 5.0, 0.0], ([0, 0, 1, 2, 0], [1, 1, 0, 2, 2])), shape=(3, 3)).tocsr()
    loops = loops + sp.csr_array(([1.0], ([1], [0])), shape=(3, 3))
    loops.indices.flags.writeable = loops.data.flags.writeable = False
    before = loops.toarray()
    graph = ritz.AttributedGraph(loops)
    assert graph.edges == 1
    assert graph.adjacency.toarray().tolist() == [[0.0, 2.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    np.testing.assert_array_equal(loops.toarray(), before)


def test_what_matrices_are_taken():
    expected = ritz.AttributedGraph(PATH).adjacency.toarray()
    for matrix in (
        PATH.astype(bool),
        PATH.astype(np.int64),
        PATH.astype(np.float32),
        torch.tensor(PATH),
        sp.coo_array(PATH),
    ):
        np.testing.assert_array_equal(ritz.AttributedGraph(matrix).adjacency.toarray(), expected)
    np.testing.assert_array_equal(ritz.AttributedGraph(symmetrised(2 * np.triu(PATH))).adjacency.toarray(), expected)


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        (["a", "b", "a", "b"], ["categorical"]),
        (np.array([[0, 1], [1, 1], [0, 0], [2, 1]]), ["categorical"]),
        (np.eye(4, dtype=bool), ["binary"]),
        (sp.csr_array(np.eye(4)), ["binary"]),
        (np.linspace(0, 1, 4), ["continuous"]),
        (torch.linspace(0, 1, 4), ["continuous"]),
        ({"sex": ["f", "m", "f", "m"], "age": [20.0, 30.0, 40.0, 50.0]}, ["categorical", "continuous"]),
    ],
)
def test_kinds_of_attributes(attributes, kinds):
    graph = ritz.AttributedGraph(PATH, attributes)
    assert [block.kind for block in graph.attribute_blocks] == kinds
    part = graph.subgraph([1, 2, 3])
    assert part.size == 3
    assert [block.values.shape[0] for block in part.attribute_blocks] == [3] * len(kinds)
    assert graph.without_attributes().attribute_blocks == ()


def test_components_are_numbered_by_size():
    blocks = sp.block_diag([np.zeros((1, 1)), np.ones((2, 2)), np.ones((4, 4))])
    graph = ritz.AttributedGraph(blocks, labels=np.arange(7))
    assert graph.components.tolist() == [2, 1, 1, 0, 0, 0, 0]
    assert graph.largest_component().labels.tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(name):
    build = ritz.registry.problems[name]
    graph, again = build(), build()
    assert graph.name
    assert graph.size >= 48
    assert (graph.adjacency != again.adjacency).nnz == 0
    assert (graph.adjacency.data == 1.0).all()
    if name not in ("grid-graph", "ring-of-cliques"):
        assert (graph.adjacency != build(seed=1).adjacency).nnz > 0
        with pytest.raises(InvalidProblem, match="seed"):
            build(seed=-1)
    assert getattr(ritz.problems, name.replace("-", "_")) is build


@settings(max_examples=15, deadline=None)
@given(
    ambiguity=st.floats(0.0, 1.0), degree=st.floats(3.0, 20.0), quality=st.floats(0.0, 1.0), seed=st.integers(0, 100)
)
def test_block_models_have_the_degree_ambiguity_and_metadata_asked_for(ambiguity, degree, quality, seed):
    sizes = (400, 600)
    graph = ritz.problems.stochastic_block_model(sizes, degree=degree, ambiguity=ambiguity, metadata=quality, seed=seed)
    assert np.bincount(graph.labels).tolist() == list(sizes)
    # Doubles, of which there are about (degree / 2)^2 at most, are dropped.
    assert graph.degrees.mean() == pytest.approx(degree, rel=0.12)
    assert np.mean(graph.attributes == graph.labels) == pytest.approx(quality, abs=0.07)
    rows, columns, _ = edge_ends(graph.adjacency)
    between = np.count_nonzero(graph.labels[rows] != graph.labels[columns])
    pairs = sizes[0] * sizes[1], 0.5 * sum(size**2 for size in sizes)
    share = ambiguity * pairs[0] / (ambiguity * pairs[0] + pairs[1])
    assert between / rows.size == pytest.approx(share, abs=5 * math.sqrt(0.25 / rows.size) + 1e-9)


def test_lfr_keeps_its_mixing_and_degrees():
    for mixing in (0.1, 0.5):
        graph = ritz.problems.lfr(2000, mixing=mixing, degree=15.0, seed=2)
        rows, columns, _ = edge_ends(graph.adjacency)
        assert np.mean(graph.labels[rows] != graph.labels[columns]) == pytest.approx(mixing, abs=0.06)
        assert graph.degrees.mean() == pytest.approx(15.0, rel=0.15)
        assert graph.degrees.max() <= 40
        sizes = np.bincount(graph.labels)
        assert sizes.min() >= 20
        assert sizes.max() <= 70  # a remainder may be spread over communities


def test_grids_and_rings_have_the_edges_they_should():
    assert ritz.problems.grid_graph((5, 4, 3)).edges == 4 * 12 + 5 * 9 + 20 * 2
    ring = ritz.problems.ring_of_cliques(5, 4)
    assert ring.edges == 5 * 6 + 5
    assert ring.components.max() == 0


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("stochastic-block-model", {"sizes": (0, 3)}, "sizes is 0"),
        ("stochastic-block-model", {"degree": 0.0}, "degree is 0"),
        ("stochastic-block-model", {"metadata": 1.5}, "metadata is 1.5"),
        ("lfr", {"n": 10}, "n is 10"),
        ("lfr", {"max_degree": 100}, "max_degree is 100"),
        ("lfr", {"mixing": 1.0}, "mixing is 1"),
        ("neighbour-graph", {"layout": "moon"}, "did you mean 'moons'"),
        ("neighbour-graph", {"n": 5, "neighbours": 8}, "neighbours is 8"),
        ("grid-graph", {"shape": (0, 3)}, "shape is"),
        ("ring-of-cliques", {"cliques": 2}, "cliques is 2"),
    ],
)
def test_bad_arguments_of_generators_are_named(name, arguments, message):
    with pytest.raises((InvalidProblem, ritz.UnknownName), match=message):
        ritz.registry.problems[name](**arguments)


def test_files_of_every_kind_hold_the_same_graph(tmp_path: Path):
    graph = ritz.problems.stochastic_block_model((12, 8))
    A = graph.adjacency
    rows, columns, _ = edge_ends(A)
    scipy.io.mmwrite(tmp_path / "a.mtx", A, symmetry="symmetric")
    pairs = list(zip(rows.tolist(), columns.tolist(), strict=True))
    # Names of two digits keep their order as text; isolated vertices are not in edge lists.
    (tmp_path / "a.edges").write_text("% edges\n" + "\n".join(f"{10 + i} {10 + j}" for i, j in pairs))
    (tmp_path / "a.csv").write_text("\n".join(f"{10 + i},{10 + j},1.0\n{10 + j},{10 + i},1.0" for i, j in pairs))
    network = networkx.from_scipy_sparse_array(A)
    networkx.set_node_attributes(network, dict(enumerate(graph.labels.tolist())), "block")
    networkx.write_gml(network, tmp_path / "a.gml")
    words = sp.csr_array(np.eye(20))
    stored = {
        "attr_indptr": words.indptr,
        "attr_indices": words.indices,
        "attr_data": words.data,
        "attr_shape": [20, 20],
    }
    np.savez(tmp_path / "a.npz", indptr=A.indptr, indices=A.indices, labels=graph.labels, **stored)
    connected = np.unique(np.concatenate([rows, columns])).size == 20
    for ending in (".mtx", ".gml", ".npz", *([".edges", ".csv"] if connected else [])):
        read = ritz.problems.graph(tmp_path / f"a{ending}")
        np.testing.assert_array_equal(read.adjacency.toarray(), A.toarray(), err_msg=ending)
        assert read.name == "a"
    labelled = ritz.problems.graph(tmp_path / "a.gml", label="block", attributes=["block"])
    assert labelled.labels.tolist() == graph.labels.tolist()
    assert labelled.attribute_blocks[0].kind == "categorical"
    archive = ritz.problems.graph(tmp_path / "a.npz", largest_component=True)
    assert archive.size == graph.largest_component().size
    assert archive.attribute_blocks[0].kind == "binary"


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", ["", "not \x00 a graph [ of any kind\n"])
def test_broken_files_are_refused(tmp_path: Path, ending: str, text: str):
    path = tmp_path / f"broken{ending}"
    path.write_text(text)
    with pytest.raises(InvalidProblem, match="broken"):
        ritz.problems.graph(path)


def test_directed_and_absent_files_are_refused(tmp_path: Path):
    network = networkx.DiGraph([(0, 1), (1, 2)])
    with pytest.raises(InvalidProblem, match="symmetrise=True"):
        ritz.problems.from_networkx(network)
    assert ritz.problems.from_networkx(network, symmetrise=True).degrees.tolist() == [0.5, 1.0, 0.5]
    for source, message in ((tmp_path / "no.gml", "names no file"), (3, "int"), (tmp_path, "names no file")):
        with pytest.raises(InvalidProblem, match=message):
            ritz.problems.graph(source)
    (tmp_path / "a.doc").write_text("x")
    with pytest.raises(InvalidProblem, match="ends in none"):
        ritz.problems.graph(tmp_path / "a.doc")
    with pytest.raises(InvalidProblem, match="missing on 3 of 3"):
        ritz.problems.from_networkx(networkx.path_graph(3), attributes="colour")
    with pytest.raises(InvalidProblem, match="no vertices"):
        ritz.problems.from_networkx(networkx.Graph())
    with pytest.raises(InvalidProblem, match="list"):
        ritz.problems.from_networkx([1])
