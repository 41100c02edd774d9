"""Equations that evolve in time."""
