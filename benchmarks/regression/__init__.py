"""Suites on regression."""
