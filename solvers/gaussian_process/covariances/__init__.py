"""Covariances along each axis, and conditioning on a PDE in closed form with dense covariance matrices."""
