"""Suites on spectra and curvature."""
