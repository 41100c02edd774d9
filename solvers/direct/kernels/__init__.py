"""Compiled loops of fast transforms."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
