"""The published embedding: smooth vectors of bootstrap multigrid for the attribute-augmented graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack, vstack

from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributeBlock, AttributedGraph

from .attributes import attribute_values
from .embedding import Embedding

__all__ = ["bootstrap_embedding"]

MOST_BLOCKS = 16  # most categorical attributes in a block that get a block of coordinates each; more are averaged


def bootstrap_embedding(graph: AttributedGraph, dimensions: int, seed: int = 0) -> Embedding:
    """Return the published embedding :cite:`DAmbraVassilevskiCutillo2023`, with blocks for the attributes.

    Attribute values become vertices, joined by edges of weight 1 to the vertices that have them. The unnormalised
    Laplacian of this augmented graph is made definite at one vertex, and bootstrap multigrid is built for it, with one
    hierarchy per dimension. The smooth vectors are what remains of a random error after each composite cycle; their
    left singular vectors times the singular values are the coordinates. A vertex has a block of coordinates of its own
    and one for each attribute, namely that of its attribute value. Binary attributes, and more than 16 categorical
    ones, contribute the mean over the values of the vertex.

    Raises
    ------
    InvalidProblem
        If the augmented graph is not connected.
    """
    from scipy.sparse.csgraph import connected_components

    from ritz.solvers.multigrid.bootstrap.setup import bootstrap

    n = graph.size
    blocks = [_present(block) for block in graph.attribute_blocks]
    adjacency: Any = graph.adjacency
    if blocks:
        values: Any = hstack(blocks, format="csr")
        empty = csr_array((values.shape[1], values.shape[1]))
        adjacency = csr_array(vstack([hstack([adjacency, values]), hstack([values.T, empty])]))
    count, component = connected_components(adjacency, directed=False)
    if count > 1:
        raise InvalidProblem(
            f"embedding 'bootstrap' needs a connected graph, and this one has {count} components, the largest of"
            f" {np.bincount(component).max()} vertices: use graph.largest_component() or embedding='refined'"
        )
    if n < 3:
        raise InvalidProblem(f"embedding 'bootstrap' needs 3 vertices or more, and the graph has {n}")
    diagonal = np.asarray(adjacency.sum(axis=1))
    diagonal[0] += diagonal.mean()
    built = bootstrap(
        csr_array(diags_array(diagonal) - adjacency),
        target_rate=0.0,
        max_hierarchies=dimensions,
        composition="multiplicative",
        prolongation="plain",
        seed=seed,
    )
    left, singular, _ = np.linalg.svd(built.smooth_vectors[:, 1:], full_matrices=False)
    vectors = left * singular
    rows, position = [vectors[:n]], n
    for block, present in zip(graph.attribute_blocks, blocks, strict=True):
        width = present.shape[1]
        theirs = vectors[position : position + width]
        position += width
        if block.kind == "categorical" and block.values.shape[1] <= MOST_BLOCKS:
            value_of = present.indices.reshape(n, block.values.shape[1])
            rows += [theirs[column] for column in value_of.T]
        else:
            mean = diags_array(1.0 / np.maximum(present.sum(axis=1), 1.0)) @ present
            rows.append(np.asarray(mean @ theirs))
    stats = {"eigensolver": "bootstrap", "blocks": len(rows), "hierarchies": len(built.hierarchies)}
    return Embedding(np.concatenate(rows, axis=1), singular, 0.0, stats)


def _present(block: AttributeBlock) -> Any:
    """Return which of the values in use each vertex has, shape (n, values), with sorted indices in each row."""
    values: Any = attribute_values(block)
    held: Any = values > 0
    used = np.flatnonzero(np.asarray(held.sum(axis=0)))
    present = csr_array(held[:, used], dtype=np.float64)
    present.sort_indices()
    return present
