"""Graphs with vertex attributes, to be divided into clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse, triu

from ritz.backend import is_torch_array, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.foreign_arrays import as_csr, as_plain
from ritz.operators.operator import real_entries
from ritz.pickling import Picklable

__all__ = ["AttributeBlock", "AttributedGraph", "edge_ends", "short_indices", "symmetrised", "undirected"]


@dataclass(frozen=True, eq=False)
class AttributeBlock:
    """Vertex attributes of one kind.

    Parameters
    ----------
    kind : str
        ``"binary"``, ``"categorical"`` or ``"continuous"``.
    values : csr_array or ndarray, shape (n, m)
        A CSR array for ``"binary"``, an ndarray otherwise.
    """

    kind: str
    values: Any


@dataclass(frozen=True, eq=False)
class AttributedGraph(Picklable):
    """An undirected graph with non-negative edge weights and optional vertex attributes.

    Parameters
    ----------
    adjacency : sparse array or array, shape (n, n)
        Symmetric edge weights; a zero means no edge. Self-loops are dropped, as they carry no information about
        clusters. Pass a directed graph through `symmetrised` first. The graph may be disconnected and may have isolated
        vertices.
    attributes : sparse array, array or mapping, optional
        n rows, or n entries for a single attribute. The type determines the kind: booleans and sparse arrays are
        *binary* attributes (which of m features a vertex has, or how often, such as the words of a paper); integers and
        strings are values of m *categorical* attributes; floating-point numbers are *continuous*. A mapping from names
        to such arrays combines several kinds.
    labels : array, shape (n,), optional
        Known clusters. They are only used for scores, never by solvers.
    name : str
        For tables and plots.
    positions : array, shape (n, 2), optional
        Coordinates for plots.
    names : sequence, length n, optional
        Distinct names of the vertices, by which solutions and plots call them.

    Raises
    ------
    InvalidProblem
        For an adjacency that is empty, not square or not symmetric, or has negative, NaN or infinite weights; for
        attributes, labels, positions or names of the wrong length; for missing attribute values.

    Examples
    --------
    >>> path = np.diag(np.ones(3), 1) + np.diag(np.ones(3), -1)
    >>> graph = AttributedGraph(path, attributes=["red", "red", "blue", "blue"])
    >>> graph.size, graph.edges, graph.attribute_blocks[0].kind
    (4, 3, 'categorical')
    """

    adjacency: Any
    attributes: Any = None
    labels: Any = None
    name: str = ""
    positions: Any = None
    names: Any = None

    def __post_init__(self):
        adjacency = _weights(self.adjacency)
        object.__setattr__(self, "adjacency", adjacency)
        n = self.size
        for block in self.attribute_blocks:
            if block.values.shape[0] != n:
                raise InvalidProblem(
                    f"attributes have {block.values.shape[0]} rows and the graph {n} vertices; each must have a row"
                )
        if self.labels is not None:
            labels = np.asarray(to_numpy(self.labels))
            if labels.shape != (n,):
                raise InvalidProblem(f"labels have shape {labels.shape}; there must be one for each of {n} vertices")
            object.__setattr__(self, "labels", labels)
        if self.positions is not None:
            positions = np.asarray(to_numpy(self.positions), dtype=np.float64)
            if positions.shape != (n, 2) or not np.isfinite(positions).all():
                raise InvalidProblem(f"positions have shape {positions.shape}; they must be ({n}, 2) finite numbers")
            object.__setattr__(self, "positions", positions)
        if self.names is not None:
            object.__setattr__(self, "names", _names(self.names, n))

    @property
    def size(self) -> int:
        """Number of vertices."""
        return int(self.adjacency.shape[0])

    @property
    def edges(self) -> int:
        """Number of undirected edges."""
        return int(self.adjacency.nnz) // 2

    @cached_property
    def degrees(self) -> np.ndarray:
        """Sum of the edge weights of each vertex, shape (n,)."""
        return np.asarray(self.adjacency.sum(axis=1))

    @cached_property
    def attribute_blocks(self) -> tuple[AttributeBlock, ...]:
        """The attributes by kind; empty without attributes."""
        if self.attributes is None:
            return ()
        if _has_names(self.attributes):
            return tuple(_attribute_block(f"attributes[{name!r}]", a) for name, a in self.attributes.items())
        return (_attribute_block("attributes", self.attributes),)

    @cached_property
    def components(self) -> np.ndarray:
        """Index of the connected component of each vertex, shape (n,); the largest component is 0."""
        from scipy.sparse.csgraph import connected_components

        # For a symmetric matrix strong components are the same, and SciPy finds them without copying the matrix.
        found = connected_components(self.adjacency, directed=True, connection="strong")[1]
        order = np.argsort(-np.bincount(found), kind="stable")
        rank = np.empty_like(order)
        rank[order] = np.arange(order.size)
        return rank[found]

    def subgraph(self, vertices: Any) -> AttributedGraph:
        """Return the subgraph of some vertices and the edges among them.

        Parameters
        ----------
        vertices : array
            Indices of the vertices, or a mask of shape (n,).
        """
        try:
            numbers: Any = np.arange(self.size)[np.asarray(vertices)]
        except IndexError as error:
            raise InvalidProblem(f"vertices do not fit a graph of {self.size}: {error}") from None
        adjacency: Any = self.adjacency
        labels: Any = self.labels
        positions: Any = self.positions
        attributes = self.attributes
        if _has_names(attributes):
            attributes = {name: _rows(values)[numbers] for name, values in attributes.items()}
        elif attributes is not None:
            attributes = _rows(attributes)[numbers]
        return replace(
            self,
            adjacency=adjacency[numbers][:, numbers],
            attributes=attributes,
            labels=None if labels is None else labels[numbers],
            positions=None if positions is None else positions[numbers],
            names=None if self.names is None else self.names[numbers],
        )

    def largest_component(self) -> AttributedGraph:
        """Return the subgraph of the largest connected component."""
        return self.subgraph(self.components == 0)

    def without_attributes(self) -> AttributedGraph:
        """Return the graph without its attributes."""
        return replace(self, attributes=None)


def symmetrised(adjacency: Any) -> csr_array:
    """Return ``(A + A^T) / 2``, which turns a directed graph into an undirected one.

    Examples
    --------
    >>> symmetrised(np.array([[0.0, 1.0], [0.0, 0.0]])).toarray().tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    directed = _square(adjacency)
    return csr_array((directed + directed.T) * 0.5)


def undirected(edges: np.ndarray, n: int) -> csr_array:
    """Return the adjacency matrix of `edges`, shape (2, m), with unit weights; loops and repeated edges are dropped."""
    edges = edges[:, edges[0] != edges[1]]
    kind = np.int32 if n < 2**31 else np.int64
    rows = np.concatenate((edges[0], edges[1])).astype(kind)
    columns = np.concatenate((edges[1], edges[0])).astype(kind)
    matrix: Any = coo_array((np.ones(rows.size), (rows, columns)), shape=(n, n)).tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def _square(given: Any) -> csr_array:
    if hasattr(given, "adj"):
        raise InvalidProblem(
            f"adjacency is a {type(given).__name__}: read NetworkX graphs by ritz.problems.from_networkx"
        )
    matrix: Any = csr_array(real_entries(as_csr(given, "adjacency"), name="adjacency"), dtype=np.float64)
    if matrix.shape[0] != matrix.shape[1]:
        raise InvalidProblem(f"adjacency has shape {matrix.shape}; it must be (n, n), a row for each vertex")
    matrix = short_indices(matrix)
    if matrix.shape[0] == 0:
        raise InvalidProblem("adjacency is empty (0 x 0): a graph needs at least one vertex")
    wrong = int(np.count_nonzero(~np.isfinite(matrix.data)))
    if wrong:
        raise InvalidProblem(f"adjacency has {wrong} weights that are NaN or infinite")
    return matrix


def _weights(given: Any) -> csr_array:
    """Return validated edge weights, without self-loops and explicit zeros."""
    matrix = _square(given)
    negative = int(np.count_nonzero(matrix.data < 0))
    if negative:
        raise InvalidProblem(
            f"adjacency has {negative} negative weights; a weight says how alike two vertices are: shift or drop them"
        )
    if not matrix.has_canonical_format or not matrix.data.all() or matrix.diagonal().any():
        matrix = csr_array(matrix, copy=True)  # copied only if needed, because copying ten million edges takes time
        matrix.sum_duplicates()
        if matrix.diagonal().any():
            matrix.setdiag(0.0)
        matrix.eliminate_zeros()
    transposed = csr_array(matrix.T)
    transposed.sort_indices()
    same = np.array_equal(matrix.indptr, transposed.indptr) and np.array_equal(matrix.indices, transposed.indices)
    if not (same and np.allclose(matrix.data, transposed.data, rtol=1e-10, atol=0.0)):
        raise InvalidProblem(
            "adjacency is not symmetric: the graph is directed; give"
            " ritz.problem_types.attributed_graph.symmetrised(adjacency) (readers: symmetrise=True)"
        )
    return matrix


def _names(given: Any, n: int) -> np.ndarray:
    """Return names as an array of integers or strings if all are, otherwise of objects."""
    listed = given.tolist() if isinstance(given, np.ndarray) else list(given)
    names = np.array(listed) if {type(name) for name in listed} in ({int}, {str}) else np.fromiter(listed, object)
    if names.size != n or len(set(listed)) != n:
        raise InvalidProblem(
            f"names hold {len(set(listed))} different names; each of {n} vertices needs one of its own"
        )
    return names


def _has_names(attributes: Any) -> bool:
    return isinstance(attributes, Mapping) and not issparse(attributes)  # SciPy's DOK arrays are both


def _rows(given: Any, name: str = "attributes") -> Any:
    """Return an attribute array in a form whose rows can be indexed."""
    if issparse(given) or (is_torch_array(given) and str(given.layout) != "torch.strided"):
        return as_csr(given, name)
    return to_numpy(given) if is_torch_array(given) else as_plain(given, name)


def _attribute_block(name: str, given: Any) -> AttributeBlock:
    values = _rows(given, name)
    if issparse(values):
        values = csr_array(real_entries(values, name=name), dtype=np.float64)
        if not np.isfinite(values.data).all() or (values.data < 0).any():
            raise InvalidProblem(f"{name} are sparse with negative, NaN or infinite entries; they must count something")
        return AttributeBlock("binary", values)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] == 0:
        raise InvalidProblem(f"{name} have shape {values.shape}; give (n,) or (n, m)")
    if values.dtype.kind == "b":
        return AttributeBlock("binary", csr_array(values.astype(np.float64)))
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise InvalidProblem(f"{name} have entries that are NaN or infinite")
        return AttributeBlock("continuous", values.astype(np.float64))
    if values.dtype.kind in "iuUSO":
        if values.dtype.kind == "O" and any(entry is None or entry != entry for entry in values.ravel()):
            raise InvalidProblem(f"{name} have missing values (None or NaN); give them a value of their own")
        return AttributeBlock("categorical", values)
    raise InvalidProblem(
        f"{name} have dtype {values.dtype}; give booleans or a sparse array (binary), integers or strings (categorical)"
        " or floating-point numbers (continuous)"
    )


def short_indices(matrix: Any) -> csr_array:
    """Return the array with 32-bit indices if they suffice: they are faster, and some packages take no others."""
    if matrix.indices.dtype == np.int32 or max(matrix.nnz, *matrix.shape) >= 2**31:
        return matrix
    parts = matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32)
    return csr_array(parts, shape=matrix.shape)


def edge_ends(adjacency: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the two ends and the weight of every edge, each edge once."""
    upper = triu(adjacency, k=1, format="coo")
    return upper.row, upper.col, upper.data
