"""Spectra and curvature beside peers."""
