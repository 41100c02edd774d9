"""Figures and tables on multigrid."""
