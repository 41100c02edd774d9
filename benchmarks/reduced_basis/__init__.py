"""Suites on reduced models."""
