"""Compiled loops of reduced models."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
