"""Solution of a single tridiagonal or cyclic system by LAPACK, for operators with one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["single_line"]


def single_line(
    diagonal: np.ndarray, couplings: np.ndarray, dtype: np.dtype, singular: bool
) -> Callable[[np.ndarray], None]:
    """Return a function that solves in place with a positive (semi)definite tridiagonal or cyclic matrix.

    The last unknown is eliminated with the response of the others to it, which turns a cyclic system into a
    tridiagonal one. It is set to zero if the matrix is singular. O(n) time.

    Parameters
    ----------
    diagonal, couplings : ndarray, shape (n,)
        Diagonal, and the negated entry between each row and the next; the last is that in the corners. n is at least 3.
    dtype : dtype
    singular : bool
    """
    from scipy.linalg import lapack

    last = len(diagonal) - 1
    routines: Any = lapack
    letter = "s" if np.dtype(dtype) == np.float32 else "d"
    factor, solve = getattr(routines, f"{letter}pttrf"), getattr(routines, f"{letter}pttrs")
    pivots, ratios, _ = factor(diagonal[:last].astype(dtype), -couplings[: last - 1].astype(dtype))
    column = np.zeros(last, dtype)
    column[0] += couplings[last]
    column[-1] += couplings[last - 1]
    response = solve(pivots, ratios, column)[0]
    inverse = 0.0 if singular else 1.0 / float(diagonal[last] - column @ response)

    def apply(field: np.ndarray) -> None:
        solve = getattr(routines, f"{letter}pttrs")  # looked up here, because routines of LAPACK cannot be pickled
        others = solve(pivots, ratios, field[:last])[0]
        end = inverse * (field[last] + couplings[last] * others[0] + couplings[last - 1] * others[-1])
        np.multiply(response, end, out=field[:last])
        field[:last] += others
        field[last] = end

    return apply
