"""Solvers from other packages under the solver contract, for comparison."""
