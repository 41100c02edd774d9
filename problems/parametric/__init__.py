"""Equations with parameters, one family a file."""
