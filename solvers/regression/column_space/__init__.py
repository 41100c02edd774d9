"""Orthonormal bases of column spaces, and the leverage scores they give."""
