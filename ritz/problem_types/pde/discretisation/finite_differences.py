"""Finite differences along one axis."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

import numpy as np

from ritz.problem_types.pde.discretisation.axis import Axis

__all__ = ["FiniteDifferenceAxis", "difference_weights"]


@cache
def difference_weights(offsets: tuple[int, ...], order: int, slope_at: int | None = None) -> tuple[float, ...]:
    """Return the weights that give a derivative at 0 from values at integer offsets.

    The weights are exact for polynomials of degree less than the number of data. They are computed as rational numbers,
    without rounding, so that symmetric formulas are symmetric to the last bit.

    Parameters
    ----------
    offsets : tuple of int
        Positions of the values in units of the spacing.
    order : int
        Order of the derivative.
    slope_at : int, optional
        Offset at which the first derivative is known as well; its weight comes last.

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> difference_weights((-1, 0, 1), 2)
    (1.0, -2.0, 1.0)
    >>> difference_weights((0, 1), 2, slope_at=0)
    (-2.0, 2.0, -2.0)
    """
    size = len(offsets) + (slope_at is not None)
    rows: list[list[Fraction]] = []
    for power in range(size):
        row = [Fraction(offset) ** power for offset in offsets]
        if slope_at is not None:
            row.append(Fraction(slope_at) ** (power - 1) * power if power else Fraction(0))
        rows.append([*row, Fraction(factorial(order) if power == order else 0)])
    for pivot in range(size):
        swap = next(row for row in range(pivot, size) if rows[row][pivot])
        rows[pivot], rows[swap] = rows[swap], rows[pivot]
        rows[pivot] = [entry / rows[pivot][pivot] for entry in rows[pivot]]
        for row in range(size):
            if row != pivot and rows[row][pivot]:
                factor = rows[row][pivot]
                rows[row] = [entry - factor * top for entry, top in zip(rows[row], rows[pivot], strict=True)]
    return tuple(float(row[-1]) for row in rows)


class FiniteDifferenceAxis(Axis):
    """Finite differences on uniform nodes, central inside and one-sided near the ends.

    Formulas near Dirichlet and open ends have full order. Formulas near a Neumann end use the given derivative, and
    their truncation error is one order lower, which does not lower the order of the solution. At order two they are the
    usual formulas with a mirrored node, ``u''(0) ~ 2 (u(h) - u(0) - h u'(0)) / h^2``.

    Parameters
    ----------
    lower, upper, conditions, count
        See `Axis`.
    order : int
        Order of accuracy, 2 or 4.
    """

    def __init__(self, lower: float, upper: float, conditions: tuple[str, str], count: int, order: int):
        self.order = order
        super().__init__(lower, upper, conditions, count)

    @property
    def spacing(self) -> float:
        """Distance of neighbouring nodes."""
        return self.length / (len(self.nodes) - (0 if self.periodic else 1))

    def _place(self, total: int) -> np.ndarray:
        return np.linspace(self.lower, self.upper, total, endpoint=not self.periodic)

    def _differentiate(self, order: int) -> Any:
        from scipy.sparse import coo_array

        total, half = len(self.nodes), (order + 1) // 2 - 1 + self.order // 2
        nodes = np.arange(total)[self.unknowns]
        offsets = tuple(range(-half, half + 1))
        inside = nodes if self.periodic else nodes[(nodes >= half) & (nodes < total - half)]
        columns = inside[:, None] + np.array(offsets)
        parts = [(np.repeat(inside, len(offsets)), (columns % total if self.periodic else columns).ravel() + 1)]
        values = [np.tile(difference_weights(offsets, order), len(inside))]
        for node in () if self.periodic else nodes[(nodes < half) | (nodes >= total - half)]:
            columns, weights = self._one_sided(int(node), order)
            parts.append((np.full(len(columns), node), columns))
            values.append(weights)
        rows = np.concatenate([part[0] for part in parts]) - self.unknowns.start
        entries = np.concatenate(values) / self.spacing**order
        return coo_array(
            (entries, (rows, np.concatenate([part[1] for part in parts]))), shape=(self.count, total + 2)
        ).tocsr()

    def _one_sided(self, node: int, order: int) -> tuple[np.ndarray, np.ndarray]:
        """Return columns and weights of the formula at a node near an end; the upper end mirrors the lower one."""
        total = len(self.nodes)
        side = int(2 * node > total - 1)
        depth = total - 1 - node if side else node
        neumann = self.conditions[side] == "neumann"
        width = order + self.order - (2 if neumann else 0)  # number of values; the derivative is a further datum
        offsets = tuple(range(-depth, width - depth))
        weights = np.array(difference_weights(offsets, order, -depth if neumann else None))
        if neumann:
            weights[-1] *= -self.spacing  # outward, and in the units of x
        columns = np.array([*range(1, width + 1), *([0] if neumann else [])])
        if side:
            return total + 1 - columns, weights * (-1.0) ** order
        return columns, weights

    def end_slope(self, side: int) -> np.ndarray:
        """Return the weights, shape ``(N,)``, of the node values in the outward derivative at an end."""
        weights = np.zeros(len(self.nodes))
        weights[: self.order + 1] = difference_weights(tuple(range(self.order + 1)), 1)
        weights /= -self.spacing
        return weights[::-1] if side else weights

    def interpolation(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights of local polynomials through ``order + 2`` nodes around each point."""
        total = len(self.nodes)
        width = min(self.order + 2, total)
        position = (points - self.lower) / self.spacing
        first = np.floor(position).astype(int) - (width // 2 - 1)
        if not self.periodic:
            first = np.clip(first, 0, total - width)
        local = position - first
        weights = np.ones((len(points), width))
        for j in range(width):
            for other in range(width):
                if other != j:
                    weights[:, j] *= (local - other) / (j - other)
        return (first[:, None] + np.arange(width)) % total, weights
