"""Compiled loops of sketches."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
