"""Grids: the coordinates of the unknowns of a discretised problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.errors import InvalidProblem

__all__ = ["Grid"]


@dataclass(frozen=True, eq=False)
class Grid:
    """A tensor grid of unknowns.

    Parameters
    ----------
    axes : tuple of ndarray
        Increasing coordinates of the unknowns along each axis. Unknowns are numbered in C order: the last axis
        varies fastest.
    solid : ndarray of bool, shape ``grid.shape``, optional
        True in cells that belong to an obstacle and hold no unknown of interest.

    Examples
    --------
    >>> grid = Grid.uniform((3, 2), spacing=0.5, origin=0.25)
    >>> grid.axes[0].tolist()
    [0.25, 0.75, 1.25]
    >>> grid.field(np.arange(6.0)).shape
    (3, 2)
    """

    axes: tuple[np.ndarray, ...]
    solid: np.ndarray | None = None

    @classmethod
    def uniform(
        cls,
        shape: Sequence[int],
        spacing: float | Sequence[float] = 1.0,
        origin: float | Sequence[float] = 0.0,
        solid: np.ndarray | None = None,
    ) -> Grid:
        """Return the uniform grid of a given shape and spacing whose first unknown lies at `origin`."""
        d = len(shape)
        steps, starts = np.broadcast_to(spacing, (d,)), np.broadcast_to(origin, (d,))
        return cls(
            tuple(start + step * np.arange(n) for n, step, start in zip(shape, steps, starts, strict=True)), solid
        )

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of unknowns along each axis."""
        return tuple(len(axis) for axis in self.axes)

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of unknowns."""
        return int(np.prod(self.shape))

    @cached_property
    def spacing(self) -> tuple[float, ...]:
        """Distance between neighbouring unknowns along each axis; raises `InvalidProblem` if it varies."""
        steps: list[float] = []
        for axis in self.axes:
            differences = np.diff(axis)
            if differences.size and np.ptp(differences) > 1e-8 * abs(differences).max():
                raise InvalidProblem("this grid is not uniform, so it has no single spacing")
            steps.append(float(differences.mean()) if differences.size else 1.0)
        return tuple(steps)

    def coordinates(self) -> tuple[np.ndarray, ...]:
        """Return the coordinates of every unknown: one array of shape ``(size,)`` per axis."""
        return tuple(axis.ravel() for axis in np.meshgrid(*self.axes, indexing="ij"))

    def field(self, x: Array) -> np.ndarray:
        """Return a vector of unknowns as a NumPy array of the grid's shape, with NaN in solid cells."""
        values = to_numpy(x)
        if values.size != self.size:
            raise InvalidProblem(f"x has {values.size} values; the grid {self.shape} has {self.size} unknowns")
        values = values.reshape(self.shape)
        return values if self.solid is None else np.where(self.solid, np.nan, values)
