"""Jacobi preconditioner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ritz.operators import Diagonal, Operator
from ritz.registry import preconditioners

__all__ = ["Jacobi"]


@preconditioners.register("jacobi")
@dataclass(frozen=True)
class Jacobi:
    """Inverse of the diagonal, with zeros replaced by ones. O(n) time and memory.

    Examples
    --------
    >>> import numpy as np
    >>> from ritz.operators import Dense
    >>> (Jacobi().build(Dense(np.diag([2.0, 4.0]))) @ np.ones(2)).tolist()
    [0.5, 0.25]
    """

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        diagonal = operator.diagonal()
        return Diagonal(1.0 / np.where(diagonal == 0.0, 1.0, diagonal))
