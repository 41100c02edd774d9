"""Compiled loops of grid stencils."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
