"""Conjugate directions that a network, or anything else, proposes."""
