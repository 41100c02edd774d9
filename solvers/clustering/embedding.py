"""Coordinates of vertices in which clusters are compact: as published, and refined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack, vstack

from ritz.attributed_graph import AttributedGraph
from ritz.errors import InvalidProblem

from .attributes import attribute_factor, attribute_values
from .filtered_subspace import Eigenvectors, filtered_subspace
from .multigrid_eigenvectors import multigrid_eigenvectors
from .similarity import Similarity, regularisation
from .walk import SLOW, walk_decay

__all__ = ["Embedding", "bootstrap_embedding", "leading_eigenvectors", "rows_of_unit_length", "similarity_of"]

DENSE = 600  # vertices up to which all eigenvectors are computed
MOST_BLOCKS = 16  # categorical attributes whose values each give a block of coordinates; beyond, their mean does


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates, and how they were computed.

    Parameters
    ----------
    coordinates : ndarray, shape (n, dimensions)
    values : ndarray, shape (dimensions,)
        Eigenvalues or singular values.
    residual : float
        Largest relative residual of the eigenvectors; 0 where none is asked for.
    stats : mapping
    """

    coordinates: np.ndarray
    values: np.ndarray
    residual: float
    stats: Mapping[str, Any]


def similarity_of(graph: AttributedGraph, weight: float = 0.0, factor: csr_array | None = None) -> Similarity:
    """Return the similarity of a graph's vertices, attributes having a share `weight` in it."""
    degrees = graph.degrees
    shifted = degrees + regularisation(graph.adjacency, degrees)
    scale = np.divide(1.0, np.sqrt(shifted), out=np.zeros(graph.size), where=shifted > 0)
    if factor is None:
        factor = attribute_factor(graph) if weight > 0 else None
    if weight > 0 and factor is None:
        raise InvalidProblem(
            f"attribute_weight is {weight:g} and the graph has no attributes that tell vertices apart: use 0 or 'auto'"
        )
    return Similarity(graph.adjacency, scale, factor, weight)


def leading_eigenvectors(
    similarity: Similarity,
    count: int,
    *,
    tolerance: float,
    method: str = "auto",
    components: np.ndarray | None = None,
    start: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[Eigenvectors, dict[str, Any]]:
    """Return eigenvectors of the largest eigenvalues, and what was chosen and why.

    Parameters
    ----------
    similarity : Similarity
    count : int
        At most n.
    tolerance : float
    method : {"auto", "dense", "chebyshev", "multigrid"}
        ``"auto"`` takes all eigenvectors of graphs of up to 600 vertices, multigrid for structure without
        regularisation on which a random walk spreads slowly (`walk_decay`), and Chebyshev filters otherwise.
    components : ndarray, shape (n,), optional
        Number of the connected component of each vertex, where the similarity is that of the structure alone: each is
        then treated by itself, so that eigenvalues they share do not mix them up.
    start : ndarray, shape (n, any), optional
        Vectors to start from, for Chebyshev filters.
    seed : int
    """
    if components is not None and components.max() > 0:
        return _by_component(similarity, count, components, tolerance, method, seed)
    plain = similarity.weight == 0.0 and similarity.unregularised
    stats: dict[str, Any] = {}
    if method == "multigrid" and not plain:
        raise InvalidProblem(
            "eigensolver 'multigrid' is for structure alone and degrees without regularisation: use 'chebyshev'"
        )
    if method == "auto":
        method = "dense" if similarity.size <= DENSE else "chebyshev"
        if method == "chebyshev" and plain:
            stats["walk_decay"] = walk_decay(similarity.adjacency, similarity.degrees, seed)
            method = "multigrid" if stats["walk_decay"] > SLOW else "chebyshev"
    if method == "multigrid":
        found = multigrid_eigenvectors(similarity.adjacency, similarity.degrees, count, tolerance=tolerance, seed=seed)
    elif method == "dense":
        found = _all_eigenvectors(similarity, count)
    else:
        dtype = np.float32 if tolerance >= 1e-5 else np.float64
        found = filtered_subspace(similarity, count, tolerance=tolerance, start=start, dtype=dtype, seed=seed)
    return found, {**stats, "eigensolver": found.method, "products": found.products}


def _by_component(
    similarity: Similarity, count: int, components: np.ndarray, tolerance: float, method: str, seed: int
) -> tuple[Eigenvectors, dict[str, Any]]:
    """Return the leading eigenvectors of a graph of several components, those of each being zero on the others."""
    parts: list[tuple[np.ndarray, Eigenvectors]] = []
    stats: dict[str, Any] = {}
    for number in range(int(components.max()) + 1):
        members = np.flatnonzero(components == number)
        part = Similarity(similarity.adjacency[members][:, members], similarity.scale[members])
        found, chosen = leading_eigenvectors(
            part, min(count, members.size), tolerance=tolerance, method=method, seed=seed
        )
        parts.append((members, found))
        stats = stats or chosen
    values = np.concatenate([found.values for _, found in parts])
    owner = np.repeat(np.arange(len(parts)), [found.values.size for _, found in parts])
    column = np.concatenate([np.arange(found.values.size) for _, found in parts])
    residuals = np.concatenate([found.residuals for _, found in parts])
    largest = np.argsort(-values, kind="stable")[:count]
    vectors = np.zeros((components.size, largest.size))
    for position, chosen_pair in enumerate(largest):
        members, found = parts[owner[chosen_pair]]
        vectors[members, position] = found.vectors[:, column[chosen_pair]]
    products = sum(found.products for _, found in parts)
    eigenvectors = Eigenvectors(values[largest], vectors, residuals[largest], products, parts[0][1].method)
    return eigenvectors, {**stats, "products": products, "components": len(parts)}


def _all_eigenvectors(similarity: Similarity, count: int) -> Eigenvectors:
    from scipy.linalg import eigh

    n = similarity.size
    dense = similarity @ np.eye(n)
    values, vectors = eigh(0.5 * (dense + dense.T), subset_by_index=[n - count, n - 1])
    values, vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])
    residuals = np.linalg.norm(similarity @ vectors - vectors * values, axis=0) / max(abs(values[0]), 1e-300)
    return Eigenvectors(values, vectors, residuals, 1, "dense")


def rows_of_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Return the rows divided by their lengths; rows of zeros stay."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return vectors / np.where(lengths > 1e-12, lengths, 1.0)[:, None]


def bootstrap_embedding(graph: AttributedGraph, dimensions: int, seed: int = 0) -> Embedding:
    """Return the embedding as published :cite:`DAmbraVassilevskiCutillo2023`, with blocks for the attributes.

    Attribute values become vertices, joined to those that have them by edges of weight 1; the unnormalised Laplacian of
    this augmented graph is made definite at one vertex. Bootstrap multigrid is built for it, one hierarchy a dimension;
    what each composite leaves of a random error are the smooth vectors, and their left singular vectors, times the
    singular values, the coordinates. A vertex has its own block of coordinates and one for each attribute, that of the
    vertex of its value; of binary attributes, and of more than 16, the mean over the values it has.

    Raises
    ------
    InvalidProblem
        If the augmented graph is not connected.
    """
    from scipy.sparse.csgraph import connected_components

    from ritz.solvers.multigrid.bootstrapping import bootstrap

    n = graph.size
    blocks = [attribute_values(block) for block in graph.attribute_blocks]
    adjacency: Any = graph.adjacency
    if blocks:
        values: Any = hstack(blocks, format="csr")
        values = csr_array(values[:, np.flatnonzero(np.asarray((values > 0).sum(axis=0)))] > 0, dtype=np.float64)
        empty = csr_array((values.shape[1], values.shape[1]))
        adjacency = csr_array(vstack([hstack([adjacency, values]), hstack([values.T, empty])]))
    count, component = connected_components(adjacency, directed=False)
    if count > 1:
        raise InvalidProblem(
            f"embedding 'bootstrap' needs a connected graph, and this one has {count} components, the largest of"
            f" {np.bincount(component).max()} vertices: use graph.largest_component() or embedding='refined'"
        )
    if adjacency.shape[0] < 3:
        raise InvalidProblem(f"embedding 'bootstrap' needs 3 vertices or more, and the graph has {n}")
    definite = np.asarray(adjacency.sum(axis=1))
    definite[0] += definite.mean()
    built = bootstrap(
        csr_array(diags_array(definite) - adjacency),
        target_rate=0.0,
        max_hierarchies=dimensions,
        composition="multiplicative",
        prolongation="plain",
        seed=seed,
    )
    smooth = built.smooth_vectors[:, 1:]
    left, singular, _ = np.linalg.svd(smooth, full_matrices=False)
    vectors = left * singular
    own, position, rows = vectors[:n], n, [vectors[:n]]
    for block, kind in zip(blocks, (block.kind for block in graph.attribute_blocks), strict=True):
        present = csr_array(block[:, np.flatnonzero(np.asarray((block > 0).sum(axis=0)))] > 0, dtype=np.float64)
        means = diags_array(1.0 / np.maximum(present.sum(axis=1), 1.0)) @ present
        width = present.shape[1]
        theirs = vectors[position : position + width]
        position += width
        per_vertex = int(round(float(present.sum()) / n))
        if kind == "categorical" and per_vertex <= MOST_BLOCKS:
            order = present.indices.reshape(n, per_vertex)
            rows += [theirs[order[:, column]] for column in range(per_vertex)]
        else:
            rows.append(np.asarray(means @ theirs))
    stats = {"eigensolver": "bootstrap", "blocks": len(rows), "hierarchies": len(built.hierarchies)}
    return Embedding(np.concatenate(rows, axis=1), singular[: own.shape[1]], 0.0, stats)
