"""Figures and tables on graph clustering."""
