"""Compiled kernels of the choice of solvers."""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
