"""Regression beside peers."""
