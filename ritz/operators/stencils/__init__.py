"""Grid operators, and the boundary conditions of a box."""
