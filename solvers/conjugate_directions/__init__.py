"""Conjugate directions that a network, or anything else, proposes."""

from .conjugate_directions import ConjugateDirections, conjugate_directions
from .network_direction import NetworkDirection
from .recipes import DirectionTraining
from .ritz_mixtures import ritz_mixtures

__all__ = ["ConjugateDirections", "DirectionTraining", "NetworkDirection", "conjugate_directions", "ritz_mixtures"]
