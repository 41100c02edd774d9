"""Sketches: random matrices that shrink the rows of another and keep its geometry."""
