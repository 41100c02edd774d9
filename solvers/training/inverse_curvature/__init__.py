"""Products with the inverse of a damped curvature matrix."""
