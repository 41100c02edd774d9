"""Equations with parameters, and their solutions for many of them."""
