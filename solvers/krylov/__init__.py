"""Iterative methods on Krylov subspaces: one a file, written once for NumPy and torch."""
