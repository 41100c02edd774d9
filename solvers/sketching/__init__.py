"""Regression by sketching: sketches as operators, exact and approximate solvers, row sampling."""
