"""Choice of the weight of attributes, by prediction of held-out edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array

from ritz.problem_types.attributed_graph import AttributedGraph, edge_ends
from ritz.solvers.partitioning.kmeans import block_kmeans

from .embedding import leading_eigenvectors, rows_of_unit_length, similarity_of

__all__ = ["balanced_weight", "choose_weight"]

RATIOS = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0, 2.0, np.inf)
USUAL = 0.5
HELD_OUT = 0.1
FOLDS = 2
LOOSE = 1e-2  # tolerance of the eigenvectors


def balanced_weight(graph: AttributedGraph, factor: csr_array, clusters: int, ratio: float, seed: int = 0) -> float:
    r"""Return the weight w for which attributes contribute `ratio` times as much to the similarity as structure does.

    The strength of each part is its eigenvalue of index `clusters`: :math:`w\sigma_k=\mathrm{ratio}\,(1-w)\theta_k`.
    """
    structure, attributes = _strengths(graph, factor, clusters, seed)
    return _weight(structure, attributes, ratio)


def choose_weight(
    graph: AttributedGraph, factor: csr_array | None, clusters: int, seed: int = 0
) -> tuple[float, dict[str, Any]]:
    """Return the weight of the attributes that best predicts the graph's own edges, and the weights tried.

    A tenth of the edges is held out. For each candidate weight, the remaining graph is clustered, and the clusters are
    scored by their modularity on the held-out edges: clusters that fit noise in the structure, or attributes unrelated
    to it, predict none. No labels are used. The mean score of two random draws decides; within its standard error, the
    default weight, for which attributes are half as strong as the structure, is preferred.

    Parameters
    ----------
    graph : AttributedGraph
    factor : csr_array or None
        See `attribute_factor`.
    clusters : int
    seed : int

    Returns
    -------
    weight : float
        In [0, 1]; 0 if there is no factor.
    stats : dict
        ``held_out_modularity`` for each weight.
    """
    if factor is None:
        return 0.0, {}
    if graph.edges < 20:
        return 1.0, {}
    structure, attributes = _strengths(graph, factor, clusters, seed)
    weights = [_weight(structure, attributes, ratio) for ratio in RATIOS]
    ends = edge_ends(graph.adjacency)
    scores = np.zeros((FOLDS, len(weights)))
    held = 1
    for fold in range(FOLDS):
        generator = np.random.default_rng([seed, fold])
        left_out = generator.random(ends[0].size) < HELD_OUT
        held = max(int(left_out.sum()), 1)
        seen = _without(graph, ends, left_out)
        start = None
        for number, weight in enumerate(weights):
            similarity = similarity_of(seen, weight, factor)
            found, _ = leading_eigenvectors(
                similarity, clusters, tolerance=LOOSE, method=_method(graph), start=start, seed=seed
            )
            start = found.vectors
            points = rows_of_unit_length(found.vectors)
            labels = block_kmeans(points, clusters, tolerance=1e-3, maxiter=30, starts=3, seed=seed).labels
            scores[fold, number] = _held_out_modularity(seen, [end[left_out] for end in ends], labels, clusters)
    means = scores.mean(axis=0)
    best = int(np.argmax(means))
    usual = RATIOS.index(USUAL)
    if means[usual] >= means[best] - max(means[best] * (1 - means[best]) / (held * FOLDS), 0.0) ** 0.5 > 0:
        best = usual
    listed = {round(weight, 4): float(score) for weight, score in zip(weights, means, strict=True)}
    return weights[best], {"held_out_modularity": listed}


def _method(graph: AttributedGraph) -> str:
    return "dense" if graph.size <= 200 else "chebyshev"


def _strengths(graph: AttributedGraph, factor: csr_array, clusters: int, seed: int) -> tuple[float, float]:
    count = min(clusters, graph.size)
    parts = (similarity_of(graph, 0.0), replace(similarity_of(graph, 1.0, factor), weight=1.0))
    found: list[float] = []
    for part in parts:
        values = leading_eigenvectors(part, count, tolerance=LOOSE, method=_method(graph), seed=seed)[0].values
        found.append(float(values[values > 1e-6 * max(values[0], 1e-300)][-1]) if values[0] > 0 else 1e-6)
    return found[0], found[1]


def _weight(structure: float, attributes: float, ratio: float) -> float:
    return 1.0 if ratio == np.inf else ratio * structure / (attributes + ratio * structure)


def _without(graph: AttributedGraph, ends: Any, left_out: np.ndarray) -> AttributedGraph:
    rows, columns, weights = (end[~left_out] for end in ends)
    half = csr_array(coo_array((weights, (rows, columns)), shape=graph.adjacency.shape))
    return AttributedGraph(csr_array(half + half.T))


def _held_out_modularity(seen: AttributedGraph, ends: list[np.ndarray], labels: np.ndarray, clusters: int) -> float:
    volumes = np.bincount(labels, weights=seen.degrees, minlength=clusters)
    expected = float(((volumes / max(volumes.sum(), 1e-300)) ** 2).sum())
    total = float(ends[2].sum())
    return float(ends[2][labels[ends[0]] == labels[ends[1]]].sum()) / total - expected if total > 0 else 0.0
