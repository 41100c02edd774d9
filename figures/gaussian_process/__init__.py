"""Figures and tables on Gaussian processes."""
