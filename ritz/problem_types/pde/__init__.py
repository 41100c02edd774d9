"""Partial differential equations on a box."""
