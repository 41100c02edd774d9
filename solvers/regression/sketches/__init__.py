"""Sketches: random matrices that reduce the number of rows of a matrix and preserve its geometry."""
