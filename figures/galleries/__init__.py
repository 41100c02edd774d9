"""Figures and tables on problems and discretisations."""
