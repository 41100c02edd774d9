"""Plots of solutions, the style shared by all figures, and registered figures."""
