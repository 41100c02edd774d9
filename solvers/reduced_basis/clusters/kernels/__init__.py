"""Compiled loops of the classifier of parameters."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
