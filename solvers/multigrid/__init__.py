"""Multigrid methods."""
