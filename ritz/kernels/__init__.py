"""Compiled hot loops, one topic a file; imported only where they run, because numba is slow to import."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
