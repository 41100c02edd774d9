"""Figures and tables on regression."""
