"""Figures and tables on reduced models."""
