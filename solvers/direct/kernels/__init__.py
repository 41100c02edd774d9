"""Compiled loops for fast transforms and tridiagonal systems."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
