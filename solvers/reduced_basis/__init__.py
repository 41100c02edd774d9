"""Reduced bases."""
