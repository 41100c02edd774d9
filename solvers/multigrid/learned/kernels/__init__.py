"""Compiled kernels of learned multigrid."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
