"""Leading eigenvectors of the similarity of vertices, and the choice of an eigensolver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.errors import InvalidProblem
from ritz.problem_types.attributed_graph import AttributedGraph

from .attributes import attribute_factor
from .filtered_subspace import Eigenvectors, filtered_subspace
from .multigrid_eigenvectors import multigrid_eigenvectors
from .similarity import Similarity, regularisation
from .walk import SLOW, walk_decay

__all__ = ["Embedding", "leading_eigenvectors", "rows_of_unit_length", "similarity_of"]

DENSE = 600  # number of vertices up to which a dense eigensolver is used


@dataclass(frozen=True, eq=False)
class Embedding:
    """Coordinates of vertices, and how they were computed.

    Parameters
    ----------
    coordinates : ndarray, shape (n, dimensions)
    values : ndarray, shape (dimensions,)
        Eigenvalues or singular values.
    residual : float
        Largest relative residual of the eigenvectors; 0 if none is required.
    stats : mapping
    """

    coordinates: np.ndarray
    values: np.ndarray
    residual: float
    stats: Mapping[str, Any]


def similarity_of(graph: AttributedGraph, weight: float = 0.0, factor: csr_array | None = None) -> Similarity:
    """Return the similarity of a graph's vertices, with attributes weighted by `weight`."""
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
    """Return the eigenvectors of the largest eigenvalues, and statistics about the choice of the method.

    Parameters
    ----------
    similarity : Similarity
    count : int
        At most n.
    tolerance : float
    method : {"auto", "dense", "chebyshev", "multigrid"}
        ``"auto"`` uses the dense solver for up to 600 vertices, multigrid for unregularised structure on which a
        random walk spreads slowly (`walk_decay`), and Chebyshev filters otherwise.
    components : ndarray, shape (n,), optional
        Index of the connected component of each vertex, if the similarity is that of the structure alone. Components
        are then treated separately, so that eigenvalues they share do not mix their eigenvectors.
    start : ndarray, shape (n, any), optional
        Initial vectors for Chebyshev filters.
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
    """Return the leading eigenvectors of a graph with several components; each is zero on all but one of them."""
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
    matrix = 0.5 * (dense + dense.T)
    try:
        values, vectors = eigh(matrix, subset_by_index=[n - count, n - 1])
    except np.linalg.LinAlgError:  # LAPACK's solver for a part of the spectrum fails on many equal eigenvalues
        values, vectors = (part[..., n - count :] for part in np.linalg.eigh(matrix))
    values, vectors = values[::-1], np.ascontiguousarray(vectors[:, ::-1])
    residuals = np.linalg.norm(similarity @ vectors - vectors * values, axis=0) / max(abs(values[0]), 1e-300)
    return Eigenvectors(values, vectors, residuals, 1, "dense")


def rows_of_unit_length(vectors: np.ndarray) -> np.ndarray:
    """Return the rows divided by their lengths; zero rows are unchanged."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return vectors / np.where(lengths > 1e-12, lengths, 1.0)[:, None]
