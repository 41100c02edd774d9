"""Figures and tables on spectra."""
