"""Bootstrap algebraic multigrid, for matrices about which nothing else is known."""
