"""Derivatives of torch functions as operators: Hessians, Gauss-Newton and Fisher matrices, and Jacobians."""
