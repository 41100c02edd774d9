"""Compiled hot loops, one topic a file; imported only where they run, because numba is slow to import."""
