"""Conditioning on a PDE in the features of spectral mixtures, without covariance matrices."""
