"""Division of snapshots into clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer
from ritz.errors import InvalidProblem
from ritz.solvers.partitioning.medoids import sampled_k_medoids

from .compressed_snapshots import CompressedSnapshots
from .dissimilarity import DISSIMILARITIES, deflated, dissimilarities, standardised
from .k_subspaces import k_subspaces

__all__ = ["BASELINES", "CANDIDATES", "ClusterAnalysis", "Clusters"]

K_MEANS = ("k-means", "normalised-k-means", "parameter-k-means")
LEAST = 1e-150  # added to deflated states, because a zero state has no direction


@dataclass(frozen=True, eq=False)
class Clusters:
    """Clusters of snapshots.

    Parameters
    ----------
    labels : ndarray, shape (count,)
        Clusters 0, 1, ..., none of them empty.
    representatives : ndarray, shape (clusters,)
        Index of the snapshot that represents each cluster: the member with the largest overlaps with all others.
    """

    labels: np.ndarray
    representatives: np.ndarray


@dataclass(frozen=True)
class ClusterAnalysis:
    """A way of dividing snapshots into clusters.

    Parameters
    ----------
    dissimilarity : str
        For k-medoids, ``"sine"``, ``"chord"``, ``"euclidean"``, ``"relative"`` (see `dissimilarities`) or
        ``"parameters"``; for k-means, ``"k-means"`` (states), ``"normalised-k-means"`` (normalised states) or
        ``"parameter-k-means"``.
    deflation : int or ``"mean"``
        Number of leading modes of all snapshots to remove first, or their mean; for the sine and the chord only.
    refinement : int
        Number of modes per cluster with which `k_subspaces` refines the clusters; 0 for no refinement.

    Examples
    --------
    >>> str(ClusterAnalysis("sine", deflation=2, refinement=5))
    'sine, 2 modes deflated, refined with 5'
    """

    dissimilarity: str = "sine"
    deflation: int | str = 0
    refinement: int = 0

    def __post_init__(self):
        check_choice("dissimilarity", self.dissimilarity, (*DISSIMILARITIES, "parameters", *K_MEANS))
        if self.deflation and self.dissimilarity not in ("sine", "chord"):
            raise InvalidProblem(f"deflation is for 'sine' and 'chord'; dissimilarity is {self.dissimilarity!r}")
        check_integer("refinement", self.refinement, least=0)

    def __str__(self) -> str:
        parts = [self.dissimilarity]
        if self.deflation:
            parts.append("mean deflated" if self.deflation == "mean" else f"{self.deflation} modes deflated")
        if self.refinement:
            parts.append(f"refined with {self.refinement}")
        return ", ".join(parts)

    def divide(self, snapshots: CompressedSnapshots, clusters: int, *, seed: int = 0) -> Clusters:
        """Return clusters of snapshots.

        Parameters
        ----------
        snapshots : CompressedSnapshots
        clusters : int
            At most the number of snapshots; fewer are returned if snapshots coincide.
        seed : int
        """
        check_integer("clusters", clusters)
        if clusters > len(snapshots):
            raise InvalidProblem(f"clusters is {clusters}; there are only {len(snapshots)} snapshots")
        if self.dissimilarity in K_MEANS:
            labels = self._k_means(snapshots, clusters, seed)
        else:
            labels = self._k_medoids(snapshots, clusters, seed)
        labels = np.unique(labels, return_inverse=True)[1]
        if self.refinement and clusters > 1:
            labels = k_subspaces(snapshots.values, labels, size=self.refinement)
        return _ordered(snapshots.values, labels)

    def _k_means(self, snapshots: CompressedSnapshots, clusters: int, seed: int) -> np.ndarray:
        from ritz.solvers.partitioning import block_kmeans

        points = snapshots.values
        if self.dissimilarity == "k-means":
            points = snapshots.norms[:, None] * points
        if np.iscomplexobj(points):
            points = np.concatenate([np.real(points), np.imag(points)], axis=1)
        if self.dissimilarity == "parameter-k-means":
            points = standardised(snapshots.inputs)
        return block_kmeans(np.ascontiguousarray(points), clusters, seed=seed).labels

    def _k_medoids(self, snapshots: CompressedSnapshots, clusters: int, seed: int) -> np.ndarray:
        points, kind = snapshots.values, self.dissimilarity
        if kind == "parameters":
            points, kind = standardised(snapshots.inputs), "euclidean"
        elif kind in ("euclidean", "relative"):
            points = snapshots.norms[:, None] * points
        elif self.deflation:
            points = deflated(points, self.deflation) + LEAST

        def block(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
            same = rows.size == columns.size and np.array_equal(rows, columns)
            return dissimilarities(points[rows], None if same else points[columns], kind=kind)

        return sampled_k_medoids(block, len(points), clusters, seed=seed).labels


CANDIDATES = (
    ClusterAnalysis("sine"),
    ClusterAnalysis("chord"),
    ClusterAnalysis("parameters"),
    ClusterAnalysis("normalised-k-means"),
    ClusterAnalysis("sine", refinement=5),
    ClusterAnalysis("sine", deflation=2),
    ClusterAnalysis("sine", deflation=2, refinement=5),
)
"""Analyses that `efficiency` tries by default."""

BASELINES = (ClusterAnalysis("k-means"), ClusterAnalysis("euclidean"))
"""The obvious choices, for comparison."""


def _ordered(values: np.ndarray, labels: np.ndarray) -> Clusters:
    """Return clusters with their representatives, in the order of these."""
    found: list[Any] = []
    for k in range(int(labels.max()) + 1):
        members = np.flatnonzero(labels == k)
        overlaps = np.abs(values[members] @ values[members].conj().T)
        found.append(members[np.argmax(np.sum(overlaps**2, axis=1))])
    order = np.argsort(found)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return Clusters(rank[labels], np.array(found)[order])
