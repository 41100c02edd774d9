"""Edge lists: the order and the names of vertices, headers, comments, delimiters, weights, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import networkx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import ritz
from ritz.command_line.cli import app
from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import edge_ends


def read(folder: Path, text: str | bytes, ending: str = ".edges", **options) -> ritz.AttributedGraph:
    path = folder / f"list{ending}"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return ritz.problems.graph(path, **options)


def edges(graph: ritz.AttributedGraph) -> dict[frozenset, float]:
    ends = zip(*edge_ends(graph.adjacency), strict=True)
    names = graph.names.tolist()
    return {frozenset((names[i], names[j])): float(weight) for i, j, weight in ends}


def unit(*pairs) -> dict[frozenset, float]:
    return {frozenset(pair): 1.0 for pair in pairs}


PATH = unit((1, 2), (2, 3))
WEIGHTED = {frozenset((1, 2)): 0.5, frozenset((2, 3)): 4.0}
LISTS = {
    "snap": ("# Directed graph: x.txt\n# Nodes: 3 Edges: 3\n# FromNodeId\tToNodeId\n1\t2\n2\t1\n2\t3\n", PATH),
    "konect": ("% sym unweighted\n% 2 3 3\n1 2\n2 3\n", PATH),
    "konect with times": ("% asym positive\n1 2 1 1082008561\n2 3 1 1082008562\n", PATH),
    "konect with tabs": ("% sym weighted\n1 2\t0.5 1\n2 3\t4 2\n", WEIGHTED),
    "network repository": ("% from networkrepository.com\n3 3 2\n1 2\n2 3\n", PATH),
    "plain": ("1 2\n2 3\n", PATH),
    "weights": ("1 2 0.5\n2 3 4\n", WEIGHTED),
    "commas and spaces": ("1, 2, 0.5\n2, 3, 4e0\n", WEIGHTED),
    "aligned": ("  1   2\n  2   3\n", PATH),
    "semicolons": ("1;2;0.5\n2;3;4\n", WEIGHTED),
    "bars": ("source|target\n1|2\n2|3\n", PATH),
    "slashes": ("// made by hand\n1 2\n// more\n2 3\n", PATH),
    "blank lines": ("\n\n1 2\n\n \t\n2 3\n\n", PATH),
    "windows": ("source,target\r\n1,2\r\n2,3\r\n", PATH),
    "old mac": ("1 2\r2 3\r", PATH),
    "byte-order mark": ("\ufeff1 2\n2 3\n", PATH),
    "utf-16": ("from\tto\n1\t2\n2\t3\n".encode("utf-16"), PATH),
    "source,target": ("source,target\n1,2\n2,3\n", PATH),
    "from to weight": ("from\tto\tweight\n1\t2\t0.5\n2\t3\t4\n", WEIGHTED),
    "capitals": ("Source;Target;Weight\n1;2;0.5\n2;3;4\n", WEIGHTED),
    "underscores": ("from_node to_node\n1 2\n2 3\n", PATH),
    "u v": ("u v\n1 2\n2 3\n", PATH),
    "unusual header": ("paper,reference\n1,2\n2,3\n", PATH),
    "quoted header": ('"source","target"\n"1","2"\n"2","3"\n', PATH),
    "weight first": ("weight,source,target\n0.5,1,2\n4,2,3\n", WEIGHTED),
    "times are no weights": ("source,target,timestamp\n1,2,99\n2,3,98\n", PATH),
    "data frame": (",source,target,weight\n0,1,2,0.5\n1,2,3,4\n", WEIGHTED),
    "gephi": (
        "Source,Target,Type,Id,Label,timeset,Weight\n1,2,Undirected,0,,,0.5\n2,3,Undirected,1,,,4.0\n",
        WEIGHTED,
    ),
    "gephi without weights": ("Source,Target,Type,Id\n1,2,Undirected,0\n2,3,Undirected,1\n", PATH),
    "sizes": ("3 3\n1 2\n2 3\n3 1\n", unit((1, 2), (2, 3), (1, 3))),
    "sizes from zero": ("3 3\n0 1\n1 2\n2 0\n", unit((0, 1), (1, 2), (0, 2))),
    "sizes of weighted": ("3 2\n1 2 0.5\n2 3 4\n", WEIGHTED),
    "sizes of words": ("3 2\na b\nb c\n", unit("ab", "bc")),
    "words": ("b a\nc b\n", unit("ab", "bc")),
    "header of words": ("source,target\nann,bob\nbob,cy\n", unit(("ann", "bob"), ("bob", "cy"))),
    "unusual header of words": (
        "person,friend,strength\nann,bob,0.5\nbob,cy,4\n",
        {frozenset(("ann", "bob")): 0.5, frozenset(("bob", "cy")): 4.0},
    ),
    "quoted names": (
        '"Valjean, Jean","Javert"\n"Javert","Fantine"\n',
        unit(("Valjean, Jean", "Javert"), ("Javert", "Fantine")),
    ),
    "quoted names and spaces": (
        '"New York" Boston\nBoston "San Jose"\n',
        unit(("New York", "Boston"), ("Boston", "San Jose")),
    ),
    "names with spaces": ("New York\tBoston\nBoston\tSan Jose\n", unit(("New York", "Boston"), ("Boston", "San Jose"))),
    "names like columns": ("node1 node2\nnode2 node10\n", unit(("node1", "node2"), ("node2", "node10"))),
    "umlauts": ("Zürich,Genève\nGenève,Łódź\n", unit(("Zürich", "Genève"), ("Genève", "Łódź"))),
    "leading zeros": ("01 02\n02 10\n", unit(("01", "02"), ("02", "10"))),
    "negative": ("-1 2\n2 10\n", unit((-1, 2), (2, 10))),
    "huge": ("1 99999999999999999999999\n", unit(("1", "99999999999999999999999"))),
    "loops": ("1 1\n1 2\n2 3\n3 3\n", PATH),
    "repeated": ("1 2\n2 1\n1 2\n2 3\n", PATH),
    "repeated with weights": ("1 2 0.5\n2 1 0.5\n2 3 4\n", WEIGHTED),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("ending", [".edges", ".csv", ".tsv", ".txt"])
def test_lists_as_others_write_them(tmp_path, name, ending):
    text, expected = LISTS[name]
    assert edges(read(tmp_path, text, ending)) == expected


REFUSED = {
    "sizes or an edge": ("5 4\n5 3\n5 2\n5 1\n4 1\n", "5 4.*may be an edge or the numbers"),
    "sizes with isolated vertices": ("5 5\n1 2\n2 3\n3 4\n4 1\n1 3\n", "may be an edge or the numbers"),
    "sizes that do not fit": ("9 7\na b\nb c\n", "may be an edge or the numbers"),
    "columns or vertices": ("source target\nsource a\na target\n", "may be an edge or the names"),
    "unknown column": ("person,friend,years\nann,bob,3\nbob,cy,4\n", "'years'.*not known.*weight"),
    "four fields": ("1 2 3 4\n2 3 4 5\n", "4 fields.*source,target,weight"),
    "one field": ("1\n2\n", "line 1 .*1 fields"),
    "a field lacks": ("1,2\n2,\n", "line 2 .*names no edge"),
    "a later field lacks": ("# x\n1 2\n2 3\n\n3\n", "line 5 .*1 fields"),
    "a word as weight": ("1 2 1\n2 3 heavy\n", "line 2 .*'heavy'"),
    "nan": ("1 2 1\n2 3 nan\n", "line 2 .*'nan'"),
    "infinite": ("1 2 inf\n2 3 1\n", "line 1 .*'inf'"),
    "decimal comma": ("1;2;0,5\n2;3;4\n", "line 1 .*'0,5'"),
    "negative": ("1 2 -1\n2 3 1\n", "negative"),
    "two weights": ("1 2 1\n2 3 1\n2 1 3\n", r"line 1\) and 3 \(line 3\).*symmetrise"),
    "two weights in one direction": ("1 2 1\n1 2 3\n", r"line 1\) and 3 \(line 2\)"),
    "bipartite": ("% bip unweighted\n1 1\n1 2\n", "bipartite"),
    "directed": ("Source,Target,Type\n1,2,Directed\n2,3,Directed\n", "line 2 .*directed.*symmetrise"),
    "matrix market": ("%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 2\n", r"\.mtx"),
    "latin 1": ("a b\nb caf\xe9\n".encode("latin-1"), "utf-8"),
    "open quotes": ('"a b\nb c\n', "line 1 .*cannot be read"),
    "comment at the end": ("1 2 # heavy\n2 3\n", "4 fields"),
    "header alone": ("source,target\n", "no edges"),
    "comments alone": ("# nothing\n", "no edges"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_or_may_not_be_an_edge_is_refused_with_its_line(tmp_path, name):
    text, message = REFUSED[name]
    with pytest.raises(InvalidProblem, match=message) as caught:
        read(tmp_path, text)
    assert "list.edges" in str(caught.value) or name == "negative"


def test_both_directions_are_averaged_if_asked_for(tmp_path):
    graph = read(tmp_path, "1 2 1\n2 1 3\n2 3 5\n", symmetrise=True)
    assert edges(graph) == {frozenset((1, 2)): 2.0, frozenset((2, 3)): 5.0}
    with pytest.raises(InvalidProblem, match="state each edge once"):
        read(tmp_path, "1 2 1\n1 2 3\n", symmetrise=True)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=30),
    separator=st.sampled_from([" ", "\t", ",", ";", "  ", ", "]),
    header=st.sampled_from(["", "# list\n", "// list\n"]),
)
def test_integers_are_in_numeric_order(tmp_path_factory, pairs, separator, header):
    lines = [f"0{separator}3001", *(f"{a}{separator}{b}" for a, b in pairs)]
    graph = read(tmp_path_factory.mktemp("lists"), header + "\n".join(lines))
    expected = networkx.Graph([(0, 3001), *pairs])
    expected.remove_edges_from(list(networkx.selfloop_edges(expected)))
    assert graph.names.tolist() == sorted(expected)
    assert edges(graph) == unit(*expected.edges)


@pytest.mark.parametrize("separator", [" ", "\t", ","])
def test_names_stand_in_natural_order(tmp_path, separator):
    words = ["v10", "v2", "V3", "v1", "w1", "v2b"]
    graph = read(tmp_path, "\n".join(f"v0{separator}{word}" for word in words))
    assert graph.names.tolist() == ["V3", "v0", "v1", "v2", "v2b", "v10", "w1"]


def barbell(tmp_path: Path) -> ritz.AttributedGraph:
    """Return two cliques of vertices called 1 to 20 in an order of their own, joined by one edge."""
    generator = np.random.default_rng(0)
    sides = np.split(generator.permutation(np.arange(1, 21)), 2)
    pairs = [f"{i} {j}" for side in sides for i in side for j in side if i < j]
    graph = read(tmp_path, "\n".join([*pairs, f"{sides[0][0]} {sides[1][0]}"]))
    return graph, [set(side.tolist()) for side in sides]


def test_clusters_are_told_by_name(tmp_path):
    graph, sides = barbell(tmp_path)
    solution = ritz.solve(graph, "spectral-clustering", clusters=2)
    labels = solution.named_labels
    assert sorted(labels) == list(range(1, 21))
    found = [{name for name, label in labels.items() if label == cluster} for cluster in (0, 1)]
    assert found in (sides, sides[::-1])
    figure = solution.plot()
    written = {text.get_text() for text in figure.axes[0].texts}
    assert written == {str(name) for name in range(1, 21)}
    unnamed = ritz.AttributedGraph(graph.adjacency)
    assert list(ritz.solve(unnamed, "spectral-clustering", clusters=2).named_labels) == list(range(20))


def test_clusters_are_saved_by_name(tmp_path):
    graph, sides = barbell(tmp_path)
    saved = tmp_path / "out.json"
    words = ["solve", "graph", "--path", str(tmp_path / "list.edges"), "--solver", "spectral-clustering"]
    result = CliRunner().invoke(app, [*words, "--option", "clusters=2", "--json", str(saved)])
    assert result.exit_code == 0, result.output
    labels = json.loads(saved.read_text())["solution"]["labels"]
    assert set(labels) == {str(name) for name in graph.names}
    assert len({labels[str(name)] for name in sides[0]}) == 1


def test_parts_keep_their_names(tmp_path):
    graph = read(tmp_path, "1 2\n2 3\n10 11\n")
    assert graph.largest_component().names.tolist() == [1, 2, 3]
    assert graph.subgraph([0, 4]).names.tolist() == [1, 11]
    assert graph.without_attributes().names.tolist() == [1, 2, 3, 10, 11]
    for vertices in ([99], [-99], np.ones(3, dtype=bool)):
        with pytest.raises(InvalidProblem, match="vertices"):
            graph.subgraph(vertices)


@pytest.mark.parametrize(
    "names", [["a", "b", "c"], [10, 2, 3], ["a", 1, (2, 3)], [(0, 1), (1, 0), (1, 1)], [frozenset({1}), "z", 2.5]]
)
def test_networks_keep_their_names(names):
    network = networkx.relabel_nodes(networkx.path_graph(3), dict(enumerate(names)))
    graph = ritz.problems.from_networkx(network)
    assert graph.names.tolist() == names
    assert set(ritz.solve(graph, "spectral-clustering", clusters=2).named_labels) == set(names)


def test_gml_keeps_its_labels(tmp_path):
    network = networkx.relabel_nodes(networkx.path_graph(3), {0: "Rome", 1: "Bern", 2: "Oslo"})
    networkx.write_gml(network, tmp_path / "cities.gml")
    assert ritz.problems.graph(tmp_path / "cities.gml").names.tolist() == ["Rome", "Bern", "Oslo"]


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a", "b"], range(4), []])
def test_names_are_distinct_and_as_many_as_vertices(names):
    with pytest.raises(InvalidProblem, match="names hold"):
        ritz.AttributedGraph(np.ones((3, 3)), names=names)


@pytest.mark.parametrize("weight", ["heavy", "0.5", 1 + 2j, None, [1.0], np.complex128(1.0), {}])
@pytest.mark.parametrize("kind", [networkx.Graph, networkx.DiGraph, networkx.MultiGraph])
def test_weights_of_networks_are_real_numbers(weight, kind):
    network = kind()
    network.add_edge("a", "b", weight=1.0)
    network.add_edge("b", "c", weight=weight)
    with pytest.raises(InvalidProblem, match="edge 'b' 'c' has the weight"):
        ritz.problems.from_networkx(network)


def test_numbers_of_any_kind_are_weights():
    network = networkx.Graph()
    for end, weight in enumerate((1, 2.5, np.float32(0.5), np.int64(3), True)):
        network.add_edge("hub", end, weight=weight)
    assert ritz.problems.from_networkx(network).degrees[0] == pytest.approx(8.0)
    for bad in (float("nan"), float("inf"), -1.0):
        network.add_edge("hub", 0, weight=bad)
        with pytest.raises(InvalidProblem, match=r"NaN|negative"):
            ritz.problems.from_networkx(network)


def test_attributes_of_networks_that_differ_in_length_are_refused():
    network = networkx.path_graph(3)
    networkx.set_node_attributes(network, {0: [1.0], 1: [1.0, 2.0], 2: [3.0]}, "size")
    with pytest.raises(InvalidProblem, match="'size'"):
        ritz.problems.from_networkx(network, attributes="size")


def test_archives_keep_names(tmp_path):
    A = sp.csr_array(np.ones((3, 3)) - np.eye(3))
    np.savez(tmp_path / "a.npz", indptr=A.indptr, indices=A.indices, names=["x", "y", "z"])
    assert ritz.problems.graph(tmp_path / "a.npz").names.tolist() == ["x", "y", "z"]
