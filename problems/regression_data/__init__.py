"""Data for regression."""
