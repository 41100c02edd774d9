"""Multigrid on structured grids."""
