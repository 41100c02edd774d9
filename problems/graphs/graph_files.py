"""Graphs from files and from NetworkX."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.problem_types.attributed_graph import AttributedGraph, symmetrised
from ritz.registry import problems

__all__ = ["ENDINGS", "from_networkx", "graph"]

ENDINGS = (".mtx", ".mtx.gz", ".gml", ".npz", ".edges", ".csv", ".tsv", ".txt")


@problems.register("graph")
def graph(
    path: str | PathLike[str],
    *,
    label: str | None = None,
    attributes: Sequence[str] = (),
    symmetrise: bool = False,
    largest_component: bool = False,
) -> AttributedGraph:
    """Return a graph read from a file.

    Parameters
    ----------
    path : str or path
        ``.mtx`` or ``.mtx.gz``: a Matrix Market matrix of weights, or a pattern. ``.gml``: a graph with vertex
        attributes. ``.npz``: arrays ``indptr``, ``indices`` and optionally ``data`` of the CSR adjacency matrix;
        optionally ``labels``; optionally ``attr_indptr``, ``attr_indices``, ``attr_data``, ``attr_shape`` of a sparse
        array of binary attributes. ``.edges``, ``.txt``, ``.csv``, ``.tsv``: one edge per line, as two names and
        optionally a weight, separated by commas, tabs or spaces; lines that begin with # or % are skipped.
    label : str, optional
        Vertex attribute of a .gml file that holds the true clusters.
    attributes : sequence of str
        Vertex attributes of a .gml file to take as attributes.
    symmetrise : bool
        Average both directions of a directed graph, which is refused otherwise. Edge lists are always undirected and
        name each edge once.
    largest_component : bool
        Keep only the largest connected component.

    Raises
    ------
    InvalidProblem
        For a file that is missing, malformed or of unknown type, and for graphs that `AttributedGraph` refuses.

    Examples
    --------
    >>> import ritz, tempfile, pathlib
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = pathlib.Path(folder.name) / "triangle.edges"
    >>> size = path.write_text("# a triangle and a tail" + chr(10) + chr(10).join(["a b", "b c", "c a", "c d"]))
    >>> ritz.problems.graph(path).edges
    4
    """
    if not isinstance(path, (str, PathLike)):
        raise InvalidProblem(f"path is a {type(path).__name__}; give the path of a file ({', '.join(ENDINGS)})")
    file = Path(path)
    if not file.is_file():
        raise InvalidProblem(f"path names no file: {path}")
    ending = next((ending for ending in ENDINGS if file.name.endswith(ending)), None)
    if ending is None:
        raise InvalidProblem(f"path {path} ends in none of {', '.join(ENDINGS)}")
    name = file.name.removesuffix(ending)
    try:
        if ending == ".gml":
            networkx = require("networkx", "graphs")
            try:
                read = networkx.read_gml(file)
            except networkx.NetworkXError:
                read = networkx.read_gml(file, label="id")
            found = from_networkx(read, label=label, attributes=attributes, symmetrise=symmetrise, name=name)
        elif ending == ".npz":
            found = _from_archive(file, name, symmetrise)
        elif ending in (".mtx", ".mtx.gz"):
            from scipy.io import mmread

            found = AttributedGraph(_undirected(mmread(str(file)), symmetrise), name=name)
        else:
            found = AttributedGraph(_edge_list(file), name=name)
    except InvalidProblem:
        raise
    except (ValueError, OSError, KeyError, EOFError, IndexError, OverflowError) as error:
        raise InvalidProblem(f"path {path} is not a readable {ending} file: {error}") from None
    except Exception as error:  # errors of NetworkX have no common base among the classes above
        if type(error).__module__.startswith("networkx"):
            raise InvalidProblem(f"path {path} is not a readable {ending} file: {error}") from None
        raise
    return found.largest_component() if largest_component else found


def from_networkx(
    given: Any,
    *,
    weight: str = "weight",
    label: str | None = None,
    attributes: Sequence[str] = (),
    symmetrise: bool = False,
    name: str = "",
) -> AttributedGraph:
    """Return a NetworkX graph as an `AttributedGraph` with the vertices in the same order.

    Parameters
    ----------
    given : networkx.Graph, DiGraph, MultiGraph or MultiDiGraph
        Graph; weights of parallel edges are added.
    weight : str
        Edge attribute with the weights; 1 for edges without it.
    label : str, optional
        Vertex attribute that holds the true clusters.
    attributes : sequence of str
        Vertex attributes to take as attributes.
    symmetrise : bool
        Average both directions of a directed graph, which is refused otherwise.
    name : str
        Name of the graph; by default the one NetworkX holds.

    Examples
    --------
    >>> import networkx
    >>> from_networkx(networkx.karate_club_graph(), label="club").edges
    78
    """
    networkx = require("networkx", "graphs")
    if not isinstance(given, networkx.Graph):
        raise InvalidProblem(f"the graph is a {type(given).__name__}; give a networkx.Graph")
    if len(given) == 0:
        raise InvalidProblem("the graph has no vertices")
    adjacency = networkx.to_scipy_sparse_array(given, weight=weight, dtype=np.float64)
    wanted = [attributes] if isinstance(attributes, str) else list(attributes)
    columns = {key: _vertex_values(given, key) for key in wanted}
    return AttributedGraph(
        _undirected(adjacency, symmetrise),
        columns or None,
        None if label is None else _vertex_values(given, label),
        name or given.name or "networkx",
    )


def _vertex_values(given: Any, key: str) -> np.ndarray:
    values = dict(given.nodes(data=key))
    missing = sum(value is None for value in values.values())
    if missing:
        raise InvalidProblem(f"vertex attribute {key!r} is missing on {missing} of {len(values)} vertices")
    return np.array(list(values.values()))


def _undirected(matrix: Any, symmetrise: bool) -> Any:
    return symmetrised(matrix) if symmetrise else csr_array(matrix)


def _from_archive(file: Path, name: str, symmetrise: bool) -> AttributedGraph:
    with np.load(file, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    n = arrays["indptr"].size - 1
    data = arrays.get("data", np.ones(arrays["indices"].size))
    adjacency = csr_array((data, arrays["indices"], arrays["indptr"]), shape=(n, n))
    attributes = None
    if "attr_indptr" in arrays:
        parts = arrays["attr_data"].astype(np.float64), arrays["attr_indices"], arrays["attr_indptr"]
        attributes = csr_array(parts, shape=tuple(arrays["attr_shape"].tolist()))
    return AttributedGraph(_undirected(adjacency, symmetrise), attributes, arrays.get("labels"), name)


def _edge_list(file: Path) -> csr_array:
    ends: list[tuple[str, str]] = []
    weights: list[float] = []
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words or words[0][0] in "#%":
            continue
        if len(words) not in (2, 3):
            raise InvalidProblem(f"line {number} of {file} holds {len(words)} words; an edge is two names and a weight")
        ends.append((words[0], words[1]))
        weights.append(float(words[2]) if len(words) == 3 else 1.0)
    if not ends:
        raise InvalidProblem(f"path {file} holds no edges")
    names, codes = np.unique(np.array(ends), return_inverse=True)
    rows, columns = codes.reshape(-1, 2).T
    # An edge named in both directions is a single edge, and its first weight counts.
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)
    first = np.unique(low * names.size + high, return_index=True)[1]
    half = coo_array((np.array(weights)[first], (low[first], high[first])), shape=(names.size, names.size))
    return csr_array(half + half.T)
