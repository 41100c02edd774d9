"""Figures of time stepping."""
