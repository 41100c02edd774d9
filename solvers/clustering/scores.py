"""Scores of the division of a graph into clusters."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph

__all__ = [
    "BINS",
    "attribute_entropy",
    "clustering_scores",
    "conductance",
    "edge_counts",
    "modularity",
]

CHUNK = 1 << 13  # number of vertices whose edges are counted at a time
BINS = 8  # quantile bins of a continuous attribute


def clustering_scores(graph: AttributedGraph, labels: Any) -> dict[str, float]:
    """Return the scores of a division into clusters.

    Parameters
    ----------
    graph : AttributedGraph
    labels : array, shape (n,)

    Returns
    -------
    dict
        ``modularity`` and ``conductance``; with attributes, ``entropy`` (see `attribute_entropy`); with known labels,
        ``nmi`` (normalised mutual information, arithmetic mean) and ``ari`` (adjusted Rand index).

    Examples
    --------
    >>> import ritz
    >>> graph = ritz.problems.ring_of_cliques(4, 5)
    >>> {name: round(score, 3) for name, score in clustering_scores(graph, graph.labels).items()}
    {'modularity': 0.659, 'conductance': 0.091, 'nmi': 1.0, 'ari': 1.0}
    """
    labels = _numbered(graph, labels)
    counts = edge_counts(graph, labels)
    scores = {"modularity": _modularity(counts), "conductance": _conductance(counts)}
    if graph.attribute_blocks:
        scores["entropy"] = attribute_entropy(graph, labels)
    if graph.labels is not None:
        from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

        scores["nmi"] = float(normalized_mutual_info_score(graph.labels, labels))
        scores["ari"] = float(adjusted_rand_score(graph.labels, labels))
    return scores


def modularity(graph: AttributedGraph, labels: np.ndarray) -> float:
    r"""Return :math:`\sum_c e_c/2m-(d_c/2m)^2` :cite:`NewmanGirvan2004`; 0 for a graph without edges.

    :math:`e_c` is twice the edge weight within cluster c, :math:`d_c` the sum of its degrees, and 2m that of all.
    """
    return _modularity(edge_counts(graph, _numbered(graph, labels)))


def _modularity(counts: np.ndarray) -> float:
    total = float(counts.sum())
    if total == 0.0:
        return 0.0
    return float(np.trace(counts)) / total - float(((counts.sum(axis=1) / total) ** 2).sum())


def conductance(graph: AttributedGraph, labels: np.ndarray) -> float:
    """Return the largest conductance of a cluster.

    The conductance is the weight of the edges that leave a cluster, divided by the sum of degrees inside or outside it,
    whichever is smaller. It is 0 for a cluster without edges and for a single cluster.
    """
    return _conductance(edge_counts(graph, _numbered(graph, labels)))


def _conductance(counts: np.ndarray) -> float:
    volumes = counts.sum(axis=1)
    cut = volumes - np.diag(counts)
    smaller = np.minimum(volumes, volumes.sum() - volumes)
    return float(np.divide(cut, smaller, out=np.zeros_like(cut), where=smaller > 0).max())


def attribute_entropy(graph: AttributedGraph, labels: np.ndarray) -> float:
    """Return the ratio of the entropy of the attributes within clusters to that in the whole graph, from 0 to 1.

    Entropies are summed over attributes; binary attributes count as present or absent, continuous ones by quantile
    bins. The ratio is 0 if clusters determine every attribute, 1 if they carry no information on them, and NaN without
    attributes.
    """
    labels = _numbered(graph, labels)
    members = np.bincount(labels).astype(np.float64)
    within = whole = 0.0
    for block in graph.attribute_blocks:
        if block.kind == "binary":
            have = np.asarray(_membership(labels).T @ (block.values > 0).astype(np.float64).toarray())
            tables = np.stack([have, members[:, None] - have])
            within += _entropy(tables).sum()
            whole += _entropy(tables.sum(axis=1, keepdims=True)).sum()
            continue
        for values in block.values.T:
            if block.kind == "continuous":
                values = np.searchsorted(np.quantile(values, np.arange(1, BINS) / BINS), values)
            codes = np.unique(values, return_inverse=True)[1]
            table = np.zeros((codes.max() + 1, members.size, 1))
            np.add.at(table[:, :, 0], (codes, labels), 1.0)
            within += _entropy(table).sum()
            whole += _entropy(table.sum(axis=1, keepdims=True)).sum()
    return float(within / whole) if whole > 0 else float("nan")


def edge_counts(graph: AttributedGraph, labels: np.ndarray) -> np.ndarray:
    """Return the edge weights between clusters, shape (k, k); edges within a cluster count twice."""
    k = int(labels.max()) + 1
    A = graph.adjacency
    counts = np.zeros(k * k)
    for first in range(0, graph.size, CHUNK):
        rows = labels[first : first + CHUNK]
        part = slice(A.indptr[first], A.indptr[first + rows.size])
        pairs = np.repeat(rows * k, np.diff(A.indptr[first : first + rows.size + 1])) + labels[A.indices[part]]
        counts += np.bincount(pairs, weights=A.data[part], minlength=k * k)
    return counts.reshape(k, k)


def _entropy(tables: np.ndarray) -> np.ndarray:
    """Return the entropy of the distribution along the first axis, in nats times the number of members."""
    total = tables.sum(axis=0)
    safe = np.where(tables > 0, tables, 1.0)
    return total * np.log(np.where(total > 0, total, 1.0)) - (tables * np.log(safe)).sum(axis=0)


def _membership(labels: np.ndarray) -> csr_array:
    n = labels.size
    return csr_array((np.ones(n), labels, np.arange(n + 1)), shape=(n, int(labels.max()) + 1))


def _numbered(graph: AttributedGraph, labels: Any) -> np.ndarray:
    given = np.asarray(labels)
    if given.shape != (graph.size,):
        raise InvalidProblem(f"labels have shape {given.shape}; there must be one for each of {graph.size} vertices")
    return np.unique(given, return_inverse=True)[1].astype(np.int64)
