"""Reduced models of parametric problems, and the full-order model they are measured against."""
