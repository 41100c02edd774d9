"""Figures and tables on second-order training and curvature."""
