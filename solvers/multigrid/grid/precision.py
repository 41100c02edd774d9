"""Which precision a multigrid cycle needs."""

from __future__ import annotations

import numpy as np

__all__ = ["single_precision_suffices"]

PRECISE = 0.1  # relative error of a correction along the smoothest vector at which single precision is too coarse


def single_precision_suffices(smallest: float, unknowns: int) -> bool:
    """Return whether a cycle in single precision corrects even the smoothest errors.

    The residual of a smooth error is smaller than the products that it is computed from by the smallest eigenvalue, so
    rounding errors grow by the inverse of that. They cancel but for the root of their number.

    Parameters
    ----------
    smallest : float
        Smallest positive eigenvalue of the matrix, whose unit is its diagonal.
    unknowns : int

    Examples
    --------
    >>> [single_precision_suffices(eigenvalue, 10_000) for eigenvalue in (1e-4, 1e-10)]
    [True, False]
    """
    return float(np.finfo(np.float32).eps) <= PRECISE * smallest * max(unknowns, 1) ** 0.5
