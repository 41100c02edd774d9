"""Figures and tables on learned conjugate directions."""
