"""Matrices: finite elements, PyAMG's gallery, Matrix Market files."""
