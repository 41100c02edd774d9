"""Compiled loops for partitioning."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
