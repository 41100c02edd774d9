"""The embedding as published: smooth vectors of bootstrap multigrid for the attribute-augmented graph."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, hstack, vstack

from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributeBlock, AttributedGraph

from .attributes import attribute_values
from .embedding import Embedding

__all__ = ["bootstrap_embedding"]

MOST_BLOCKS = 16  # categorical attributes whose values each give a block of coordinates; beyond, their mean does


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
    """Return which values each vertex has, shape (n, values), of those that any has; sorted within rows."""
    values: Any = attribute_values(block)
    held: Any = values > 0
    used = np.flatnonzero(np.asarray(held.sum(axis=0)))
    present = csr_array(held[:, used], dtype=np.float64)
    present.sort_indices()
    return present
