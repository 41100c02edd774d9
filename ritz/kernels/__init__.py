"""Compiled loops that are shared by several packages.

Import kernels only inside the functions that run them, because Numba takes long to import.
"""

from ritz.kernels.compilation import announce_compilation

announce_compilation()
