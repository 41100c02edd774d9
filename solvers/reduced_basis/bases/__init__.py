"""Orthonormal bases of states: inner products and proper orthogonal decomposition."""
