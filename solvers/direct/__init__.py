"""Solvers that factorise: one right-hand side costs a forward and a backward sweep."""
