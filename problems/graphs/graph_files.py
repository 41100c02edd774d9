"""Graphs from files and from NetworkX."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Complex, Real
from os import PathLike
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import InvalidProblem
from ritz.extras import require
from ritz.operators.foreign_arrays import as_csr, as_plain
from ritz.problem_types.attributed_graph import AttributedGraph, symmetrised
from ritz.registry import problems

from ..stored_matrices import read_archive, read_matrix_market
from .edge_lists import read_edge_list

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
        array of binary attributes; optionally ``names``. ``.edges``, ``.txt``, ``.csv``, ``.tsv``: one edge per line,
        as two names and optionally a weight, separated by tabs, commas, semicolons, bars or spaces, as SNAP, KONECT,
        Network Repository, Gephi and spreadsheets write them; names may be quoted. Lines that begin with #, % or // are
        skipped, and a first line with the names of the columns is recognised.
    label : str, optional
        Vertex attribute of a .gml file that holds the true clusters.
    attributes : sequence of str
        Vertex attributes of a .gml file to take as attributes.
    symmetrise : bool
        Average both directions of a directed graph, which is refused otherwise. An edge list is directed if both
        directions of an edge have different weights; whatever is named in one direction counts in both, and once.
    largest_component : bool
        Keep only the largest connected component.

    Raises
    ------
    InvalidProblem
        For a file that is missing, malformed or of unknown type, claims more than it could hold, or has a first line
        that may or may not be an edge, and for graphs that `AttributedGraph` refuses.

    Notes
    -----
    The vertices of edge lists and of .gml files keep their names as `AttributedGraph.names`. Those of edge lists are
    sorted: integers in numeric order, words in natural order, where ``v2`` comes before ``v10``.

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
            found = AttributedGraph(_undirected(read_matrix_market(file, "path")[0], symmetrise), name=name)
        else:
            adjacency, names = read_edge_list(file, symmetrise)
            found = AttributedGraph(adjacency, name=name, names=names)
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
    """Return a NetworkX graph as an `AttributedGraph` with the vertices in the same order, under their names.

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

    Raises
    ------
    InvalidProblem
        For weights that are no real numbers, missing attributes, and graphs that `AttributedGraph` refuses.

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
    for *ends, value in given.edges(data=weight, default=1.0):
        is_complex = isinstance(value, Complex) and not isinstance(value, Real)
        if is_complex or isinstance(value, str) or not isinstance(value, SupportsFloat):
            raise InvalidProblem(f"edge {ends[0]!r} {ends[1]!r} has the weight {value!r}; it must be a real number")
    adjacency = networkx.to_scipy_sparse_array(given, weight=weight, dtype=np.float64)
    wanted = [attributes] if isinstance(attributes, str) else list(attributes)
    columns = {key: _vertex_values(given, key) for key in wanted}
    return AttributedGraph(
        _undirected(adjacency, symmetrise),
        columns or None,
        None if label is None else _vertex_values(given, label),
        name or str(given.name) or "networkx",
        names=list(given),
    )


def _vertex_values(given: Any, key: str) -> np.ndarray:
    values = dict(given.nodes(data=key))
    missing = sum(value is None for value in values.values())
    if missing:
        raise InvalidProblem(f"vertex attribute {key!r} is missing on {missing} of {len(values)} vertices")
    return as_plain(list(values.values()), f"vertex attribute {key!r}")


def _undirected(matrix: Any, symmetrise: bool) -> Any:
    return symmetrised(matrix) if symmetrise else matrix


def _from_archive(file: Path, name: str, symmetrise: bool) -> AttributedGraph:
    arrays = read_archive(file, "path")
    adjacency = _stored_rows(file, arrays, "")
    attributes = _stored_rows(file, arrays, "attr_") if "attr_indptr" in arrays else None
    names = arrays.get("names")
    return AttributedGraph(_undirected(adjacency, symmetrise), attributes, arrays.get("labels"), name, names=names)


def _stored_rows(file: Path, arrays: dict[str, np.ndarray], prefix: str) -> csr_array:
    """Return the CSR matrix whose parts are stored under names that begin with `prefix`."""
    needed = ["indptr", "indices", *(["data", "shape"] if prefix else [])]
    lacking = [prefix + part for part in needed if prefix + part not in arrays]
    if lacking:
        raise InvalidProblem(f"path {file} holds no array {lacking[0]!r}, but {', '.join(sorted(arrays)) or 'nothing'}")
    starts, indices = arrays[prefix + "indptr"], arrays[prefix + "indices"]
    for part, values in (("indptr", starts), ("indices", indices)):
        if values.dtype.kind not in "iu" or values.ndim != 1:
            raise InvalidProblem(f"path {file}: {prefix}{part} has dtype {values.dtype} and shape {values.shape}")
    n = max(starts.size - 1, 0)
    data = arrays.get(prefix + "data", np.ones(indices.size))
    shape = tuple(arrays[prefix + "shape"].tolist()) if prefix else (n, n)
    return as_csr(csr_array((data, indices, starts), shape=shape), f"path {file}: {prefix or 'the '}matrix")
