"""Benchmarks of time stepping."""
