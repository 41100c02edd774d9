"""Reduced models of parametric problems, and the full-order model they are measured against."""

from .cluster_analysis import ClusterAnalysis
from .dissimilarities import dissimilarities
from .efficiency import efficiency
from .incremental_pod import incremental_pod
from .k_medoids import k_medoids
from .local_bases import LocalBases, local_bases
from .pod import Basis, pod

__all__ = [
    "Basis",
    "ClusterAnalysis",
    "LocalBases",
    "dissimilarities",
    "efficiency",
    "incremental_pod",
    "k_medoids",
    "local_bases",
    "pod",
]
