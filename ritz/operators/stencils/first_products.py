"""Whether compiled loops are worth loading yet."""

from __future__ import annotations

import sys

__all__ = ["ASSEMBLY", "compiled_loops_pay"]

LOADING = 4e8  # bytes that SciPy's products move while Numba and a kernel are loaded, about 0.2 s
ASSEMBLY = 20  # products that take as long as assembling the matrix

_moved = 0.0


def compiled_loops_pay(moved: float) -> bool:
    """Return whether to multiply by compiled loops: Numba is loaded, or its loading would have paid by now.

    A script that needs a few products of a small grid is done before Numba is imported.

    Parameters
    ----------
    moved : float
        Bytes that the next product moves, in units of one by compiled loops.
    """
    global _moved
    if "ritz.kernels.parallel_chunks" in sys.modules:
        return True
    _moved += moved
    return _moved > LOADING
