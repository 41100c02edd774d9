"""Compiled kernels of bootstrap multigrid."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
