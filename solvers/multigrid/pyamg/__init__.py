"""Algebraic multigrid on hierarchies built by PyAMG."""
