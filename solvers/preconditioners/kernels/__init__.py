"""Compiled kernels of preconditioners."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
