"""Gaussian processes beside peers."""
