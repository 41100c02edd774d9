"""PDEs solved by Gaussian processes."""
