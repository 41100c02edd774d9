"""Gaussian-process solvers: published figures and tables, and those of the documentation."""
