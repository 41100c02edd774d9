"""Compiled loops of graph clustering."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
