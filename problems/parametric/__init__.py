"""Parametric equations, one family per file."""
