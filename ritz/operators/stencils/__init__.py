"""Stencil operators on grids, and boundary conditions on the sides of a box."""
