"""Hierarchies one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .aggregation_hierarchy import AggregationHierarchy
from .relaxation import remainder

__all__ = ["Composite"]


@dataclass(eq=False)
class Composite:
    """The correction that hierarchies make together, in single precision.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        In single precision.
    composition : {"symmetrised", "multiplicative", "additive"}
        See `ritz.solvers.multigrid.bootstrap.setup.bootstrap`.
    symmetric : bool
        Whether the correction is a symmetric linear function.
    scale : float
        By which the operator was divided.
    hierarchies : list of AggregationHierarchy
    """

    matrix: Any
    composition: str
    symmetric: bool
    scale: float
    hierarchies: list[AggregationHierarchy] = field(default_factory=list)

    def cycles(self, count: int) -> int:
        """Return how many cycles an application of so many hierarchies takes."""
        return 2 * count - 1 if self.composition == "symmetrised" else count

    def correct(self, rhs: np.ndarray) -> np.ndarray:
        """Return what the hierarchies make of a right-hand side, ``(n,)`` or ``(n, k)``, in double precision.

        It is brought to magnitude one first, as single precision has a narrow range.
        """
        sizes = np.maximum(rhs.max(axis=0), -rhs.min(axis=0)).astype(np.float64)
        sizes = np.where(sizes > 0.0, sizes, 1.0)
        single = np.divide(rhs, sizes, out=np.empty(rhs.shape, dtype=np.float32), casting="same_kind")
        return self._compose(single) * (sizes / self.scale)

    def _compose(self, rhs: np.ndarray) -> np.ndarray:
        if self.composition == "additive":
            x = self.hierarchies[0].cycle(rhs)
            for hierarchy in self.hierarchies[1:]:
                x += hierarchy.cycle(rhs)
            return x / len(self.hierarchies)
        back = self.hierarchies[-2::-1] if self.composition == "symmetrised" else []
        x = self.hierarchies[0].cycle(rhs)
        for hierarchy in (*self.hierarchies[1:], *back):
            x += hierarchy.cycle(remainder(self.matrix, rhs, x))
        return x
