"""Composition of several hierarchies to one preconditioner."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .aggregation_hierarchy import AggregationHierarchy
from .relaxation import remainder

__all__ = ["CompositeCorrection"]


@dataclass(eq=False)
class CompositeCorrection:
    """Correction by several hierarchies, in the precision of the matrix.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Matrix in single or double precision.
    composition : {"symmetrised", "multiplicative", "additive"}
        See `ritz.solvers.multigrid.bootstrap`.
    symmetric : bool
        Whether the correction is a symmetric linear function of the residual.
    scale : float
        Number by which the operator was divided.
    hierarchies : list of AggregationHierarchy
    """

    matrix: Any
    composition: str
    symmetric: bool
    scale: float
    hierarchies: list[AggregationHierarchy] = field(default_factory=list)

    def cycles(self, count: int) -> int:
        """Return the number of cycles per application with `count` hierarchies."""
        return 2 * count - 1 if self.composition == "symmetrised" else count

    def correct(self, rhs: np.ndarray) -> np.ndarray:
        """Return the correction in double precision for a right-hand side ``(n,)`` or ``(n, k)``.

        The right-hand side is scaled to magnitude one first, because single precision has a narrow range.
        """
        sizes = np.maximum(rhs.max(axis=0), -rhs.min(axis=0)).astype(np.float64)
        sizes = np.where(sizes > 0.0, sizes, 1.0)
        scaled = np.divide(rhs, sizes, out=np.empty(rhs.shape, dtype=self.matrix.dtype), casting="same_kind")
        return self._compose(scaled) * (sizes / self.scale)

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
