"""A basis for each cluster of snapshots, and the classifier that chooses among the bases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_integer
from ritz.errors import InvalidProblem

from ..bases.orthogonal_decomposition import Basis
from .cluster_analysis import ClusterAnalysis
from .compressed_snapshots import CompressedSnapshots, compress_snapshots
from .local_directions import cluster_directions, held_out_errors
from .parameter_classifier import ParameterClassifier, fit_parameter_classifier, soft_labels

if TYPE_CHECKING:
    from .efficiency_criterion import EfficiencyEstimate

__all__ = ["LocalBases", "local_bases"]


@dataclass(frozen=True, eq=False)
class LocalBases:
    """Bases of clusters of snapshots; made by `local_bases`.

    Parameters
    ----------
    bases : tuple of Basis
        One per cluster.
    labels : ndarray, shape (count,)
        Cluster of each snapshot.
    representatives : ndarray, shape (clusters,)
        Index of the snapshot that represents each cluster.
    classifier : ParameterClassifier or None
        None if there is only one basis.
    analysis : ClusterAnalysis or None
        How the clusters were found; None if there is only one basis.
    """

    bases: tuple[Basis, ...]
    labels: np.ndarray
    representatives: np.ndarray
    classifier: ParameterClassifier | None
    analysis: ClusterAnalysis | None

    @property
    def clusters(self) -> int:
        """Number of bases."""
        return len(self.bases)

    def likeliest(self, inputs: Any, count: int = 3) -> np.ndarray:
        """Return the numbers of the bases most likely to suit parameters best, the likeliest first.

        Parameters
        ----------
        inputs : array, shape (p,) or (queries, p)
            Parameters, followed by the time for trajectories.
        count : int
            At most the number of bases.
        """
        if self.classifier is None:
            return np.zeros((*np.shape(inputs)[:-1], 1), dtype=np.int64)
        return self.classifier.likeliest(inputs, count)

    def projection_errors(self, states: Any) -> np.ndarray:
        """Return the relative errors of projecting rows of states onto every basis, shape (count, clusters)."""
        return np.stack([basis.projection_errors(states) for basis in self.bases], axis=1)


def local_bases(
    snapshots: Any,
    setting: EfficiencyEstimate | ClusterAnalysis | None = None,
    *,
    clusters: int = 16,
    size: int = 20,
    seed: int = 0,
) -> LocalBases:
    """Return a basis for each cluster of snapshots, and a classifier that chooses among the bases.

    Parameters
    ----------
    snapshots : ritz.Snapshots
    setting : EfficiencyEstimate or ClusterAnalysis, optional
        A recommendation of `efficiency`, which includes the numbers of clusters and modes, or a way of dividing the
        snapshots. By default the snapshots are clustered by the sines between them.
    clusters : int
        Number of clusters; 1 gives a single global basis.
    size : int
        Number of modes of each basis.
    seed : int

    Raises
    ------
    InvalidProblem
        If there are fewer snapshots than modes or clusters.

    Examples
    --------
    >>> from ritz import Snapshots
    >>> x = np.linspace(0.0, 1.0, 60)
    >>> states = np.exp(-((x - x[:, None]) / 0.05) ** 2)
    >>> found = local_bases(Snapshots(x[:, None], states), clusters=4, size=8)
    >>> found.clusters, bool(found.projection_errors(states).min(axis=1).max() < 0.1)
    (4, True)
    """
    analysis = setting if isinstance(setting, ClusterAnalysis) else ClusterAnalysis()
    if setting is not None and not isinstance(setting, ClusterAnalysis):
        clusters, size = setting.clusters, setting.size
        analysis = setting.analysis or analysis
    count = len(snapshots)
    check_integer("size", size)
    if size > count:
        raise InvalidProblem(f"size is {size}; a basis of {count} snapshots has at most {count} modes")
    compressed = snapshots
    if not isinstance(snapshots, CompressedSnapshots):
        compressed = compress_snapshots(snapshots, rank=size if clusters == 1 else None)
    found = analysis.divide(compressed, clusters, seed=seed)
    number = int(found.representatives.size)
    directions = cluster_directions(compressed.values, found.labels, size, number)
    product = None if isinstance(snapshots, CompressedSnapshots) else snapshots.product
    bases = tuple(_basis(compressed, rows, found.labels == k, product) for k, rows in enumerate(directions))
    if number == 1:
        return LocalBases(bases, found.labels, found.representatives, None, None)
    seen = held_out_errors(compressed.values, found.labels, compressed.groups, size, number, seed=seed)
    classifier = fit_parameter_classifier(compressed.inputs, soft_labels(seen), seed=seed)
    return LocalBases(bases, found.labels, found.representatives, classifier, analysis)


def _basis(snapshots: CompressedSnapshots, rows: np.ndarray, members: np.ndarray, product: Any) -> Basis:
    values = snapshots.values[members]
    singular = np.linalg.svd(values, compute_uv=False)
    return Basis((rows @ snapshots.directions).T, singular, product, float(len(values)))
