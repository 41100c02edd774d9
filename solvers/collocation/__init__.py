"""Solvers of a PDE that ask the equation to hold at nodes of a grid."""
