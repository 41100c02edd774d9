"""Reduced models: published figures and tables, and those of the documentation."""
