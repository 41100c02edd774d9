"""Linear systems on grids."""
