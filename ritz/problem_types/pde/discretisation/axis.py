"""Nodes, unknowns and derivatives along one axis of a box."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from ritz.operators.stencils.boundary import Sides

__all__ = ["Axis", "unknowns_of_cells"]


def unknowns_of_cells(sides: Sides, cells: int) -> tuple[int, ...]:
    """Return the number of unknowns of each axis when uniform nodes divide it into `cells` cells.

    Examples
    --------
    >>> unknowns_of_cells((("dirichlet", "dirichlet"), ("dirichlet", "neumann"), ("periodic", "periodic")), 8)
    (7, 8, 8)
    """
    ends = {"dirichlet": 0, "neumann": 1, "open": 1}
    return tuple(
        cells if pair[0] == "periodic" else cells - 1 + sum(ends[condition] for condition in pair) for pair in sides
    )


class Axis(ABC):
    """Nodes on an interval with one condition at each end.

    A function of one variable is represented by ``n + 2`` numbers: the datum at the lower end, the values at the `n`
    unknowns, and the datum at the upper end. The datum is the value at a Dirichlet end and the outward derivative at a
    Neumann end. Open ends and periodic axes have no datum and hold a zero instead. The nodes at Neumann and open ends
    are unknowns. Derivatives are matrices that act on all ``n + 2`` numbers, so boundary data enter every formula in
    the same way in any dimension.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval.
    conditions : tuple of str
        ``"dirichlet"``, ``"neumann"``, ``"open"`` or ``"periodic"`` at the lower and the upper end.
    count : int
        Number of unknowns.

    Attributes
    ----------
    nodes : ndarray, shape (N,)
        All nodes in increasing order, including both ends, or only the lower end of a periodic axis.
    unknowns : slice
        Range of the nodes that are unknowns.
    """

    def __init__(self, lower: float, upper: float, conditions: tuple[str, str], count: int):
        self.lower, self.upper, self.conditions, self.count = lower, upper, conditions, count
        first = int(conditions[0] == "dirichlet")
        total = count + sum(condition == "dirichlet" for condition in conditions)
        self.unknowns = slice(first, first + count)
        self.nodes = self._place(total)
        self._derivatives: dict[int, Any] = {}

    @property
    def periodic(self) -> bool:
        """Whether the axis is periodic."""
        return self.conditions[0] == "periodic"

    @property
    def length(self) -> float:
        """Length of the interval."""
        return self.upper - self.lower

    @property
    def points(self) -> np.ndarray:
        """Coordinates of the unknowns, shape ``(n,)``."""
        return self.nodes[self.unknowns]

    def end(self, side: int) -> float:
        """Return the coordinate of the lower (0) or the upper (1) end."""
        return self.upper if side else self.lower

    def derivative(self, order: int) -> Any:
        """Return the matrix of a derivative at the unknowns, CSR or dense, of shape (n, n + 2); it is cached."""
        if order not in self._derivatives:
            self._derivatives[order] = self._on_data(order)
        return self._derivatives[order]

    def _on_data(self, order: int) -> Any:
        if order == 0:
            from scipy.sparse import eye_array

            return eye_array(self.count, self.count + 2, k=1, format="csr")
        full = self._differentiate(order)
        lower, upper = (condition == "dirichlet" for condition in self.conditions)
        first = 1 + int(lower)
        columns = [int(lower), *range(first, first + self.count), full.shape[1] - 1 - int(upper)]
        return full[:, columns]

    @abstractmethod
    def _place(self, total: int) -> np.ndarray:
        """Return `total` nodes."""

    @abstractmethod
    def _differentiate(self, order: int) -> Any:
        """Return the derivative, shape (n, N + 2), from the lower slope, the N node values and the upper slope."""

    @abstractmethod
    def end_slope(self, side: int) -> np.ndarray:
        """Return the weights, shape ``(N,)``, of the node values in the outward derivative at an end."""

    @abstractmethod
    def interpolation(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the nodes and the weights, both of shape ``(P, s)``, that interpolate at each point."""
