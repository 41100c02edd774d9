"""Reduced models of parametric problems, and the full-order model they are measured against."""

from .cluster_analysis import ClusterAnalysis
from .coefficient_regression import fit_regression
from .cubature import empirical_cubature
from .dissimilarities import dissimilarities
from .efficiency import efficiency
from .global_pod import GlobalPOD
from .incremental_pod import incremental_pod
from .interpolation import empirical_interpolation
from .k_medoids import k_medoids
from .local_bases import LocalBases, local_bases
from .local_reduced_basis import LocalReducedBasis
from .pod import Basis, pod
from .prepared import PreparedReducedBasis
from .storage import load_model

__all__ = [
    "Basis",
    "ClusterAnalysis",
    "GlobalPOD",
    "LocalBases",
    "LocalReducedBasis",
    "PreparedReducedBasis",
    "dissimilarities",
    "efficiency",
    "empirical_cubature",
    "empirical_interpolation",
    "fit_regression",
    "incremental_pod",
    "k_medoids",
    "load_model",
    "local_bases",
    "pod",
]
