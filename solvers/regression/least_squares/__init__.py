"""Least squares in the Euclidean norm."""
