"""Suites on linear systems."""
