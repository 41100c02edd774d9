"""Compiled kernels of multigrid on structured grids."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
