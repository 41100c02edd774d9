"""Suites on graph clustering."""
