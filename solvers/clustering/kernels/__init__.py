"""Compiled loops for graph clustering."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
