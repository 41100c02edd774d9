"""Galleries of the problems: published figures and tables, and those of the documentation."""
