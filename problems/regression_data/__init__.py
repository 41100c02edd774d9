"""Data for linear regression."""
