"""Conjugate directions that a network, or anything else, proposes."""

from .iteration import ConjugateDirections, conjugate_directions
from .mixtures import ritz_mixtures
from .network_direction import NetworkDirection
from .recipes import DirectionTraining

__all__ = ["ConjugateDirections", "DirectionTraining", "NetworkDirection", "conjugate_directions", "ritz_mixtures"]
