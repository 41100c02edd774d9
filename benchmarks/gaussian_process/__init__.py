"""Suites on Gaussian processes."""
