"""Dividing graphs into clusters, by structure and attributes."""

from .attribute_weight import choose_weight
from .attributes import attribute_factor
from .bootstrap_vectors import bootstrap_embedding
from .kmeans import block_kmeans
from .spectral import Spectral

__all__ = ["Spectral", "attribute_factor", "block_kmeans", "bootstrap_embedding", "choose_weight"]
