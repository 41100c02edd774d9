"""Equations for reduced coefficients: projection, hyper-reduction, regression and error estimates."""
