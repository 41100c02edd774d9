"""Regression in the norm of lp."""
