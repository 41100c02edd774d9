"""Bootstrap algebraic multigrid, for matrices of which nothing else is known."""
