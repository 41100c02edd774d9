"""Inverses of damped curvature matrices."""
