"""Layout of a grid in a flat array with a layer of halo cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

__all__ = ["Offset", "PaddedLayout"]

Offset = tuple[int, int, int]


@dataclass(frozen=True)
class PaddedLayout:
    """A grid of one to three axes, treated as three-dimensional and padded along axes of more than one cell.

    Parameters
    ----------
    cells : (int, int, int)
        Cells along each axis; 1 along missing axes.
    periodic : (bool, bool, bool)
        Whether each axis is periodic. The halo holds copies of cells along periodic axes, and zeros along others.
    """

    cells: Offset
    periodic: tuple[bool, bool, bool]

    @staticmethod
    def axes_of(dimension: int) -> tuple[int, ...]:
        """Return the axes, among three, of a grid: the last axis is contiguous, and planes are the first."""
        return {1: (2,), 2: (0, 2), 3: (0, 1, 2)}[dimension]

    @classmethod
    def of(cls, shape: tuple[int, ...], periodic: tuple[bool, ...]) -> PaddedLayout:
        """Return the layout of a grid."""
        cells, closed = [1, 1, 1], [False, False, False]
        for axis, count, around in zip(cls.axes_of(len(shape)), shape, periodic, strict=True):
            cells[axis], closed[axis] = count, around and count > 1
        return cls(tuple(cells), tuple(closed))  # pyright: ignore[reportArgumentType]

    @cached_property
    def halo(self) -> Offset:
        """Halo cells at each end of each axis: 0 or 1."""
        a, b, c = (int(count > 1) for count in self.cells)
        return a, b, c

    @cached_property
    def padded(self) -> Offset:
        """Cells along each axis including the halo."""
        a, b, c = (count + 2 * pad for count, pad in zip(self.cells, self.halo, strict=True))
        return a, b, c

    @cached_property
    def size(self) -> int:
        """Length of a flat array."""
        return prod(self.padded)

    @cached_property
    def strides(self) -> Offset:
        """Distance between neighbours along each axis, in the flat array."""
        return self.padded[1] * self.padded[2], self.padded[2], 1

    @cached_property
    def interior(self) -> tuple[slice, slice, slice]:
        """Slices of the cells without the halo, in an array of shape `padded`."""
        a, b, c = (slice(pad, pad + count) for pad, count in zip(self.halo, self.cells, strict=True))
        return a, b, c

    @cached_property
    def origin(self) -> int:
        """Flat index of the first cell."""
        return self.distance(self.halo)

    @cached_property
    def span(self) -> tuple[int, int]:
        """Flat index of the first cell, and one past that of the last."""
        a, b, c = (pad + count - 1 for pad, count in zip(self.halo, self.cells, strict=True))
        return self.origin, self.distance((a, b, c)) + 1

    @cached_property
    def half_offsets(self) -> tuple[Offset, ...]:
        """One of each pair of opposite offsets in the compact stencil of 3, 9 or 27 entries."""
        ranges = [(-1, 0, 1) if pad else (0,) for pad in self.halo]
        return tuple(offset for offset in product(*ranges) if offset > (0, 0, 0))  # pyright: ignore

    @cached_property
    def offsets(self) -> tuple[Offset, ...]:
        """All offsets in the compact stencil but the centre."""
        return *self.half_offsets, *((-a, -b, -c) for a, b, c in self.half_offsets)

    @cached_property
    def nothing(self) -> np.ndarray:
        """As many zeros as a kernel reads at once: a plane, or two rows."""
        return np.zeros(max(self.strides[0], 2 * self.padded[2]))

    def distance(self, offset: Offset) -> int:
        """Return the distance, in the flat array, between cells that are `offset` apart."""
        return sum(count * stride for count, stride in zip(offset, self.strides, strict=True))

    def zeros(self, dtype: type = np.float64) -> np.ndarray:
        """Return a flat array of zeros."""
        return np.zeros(self.size, dtype=dtype)

    def inside(self, flat: np.ndarray) -> np.ndarray:
        """Return a view of the cells without the halo in a flat array, shape `cells`."""
        return flat[: self.size].reshape(self.padded)[self.interior]

    def refresh(self, flat: np.ndarray) -> None:
        """Copy the ends of periodic axes to the halo."""
        if not any(self.periodic):
            return
        field = flat[: self.size].reshape(self.padded)
        for axis, around in enumerate(self.periodic):
            if around:
                swapped = np.moveaxis(field, axis, 0)
                swapped[0], swapped[-1] = swapped[-2], swapped[1]

    def coordinates(self, flat: np.ndarray) -> np.ndarray:
        """Return the coordinates, shape (3, k), of flat indices; a halo cell has those of the cell it copies."""
        coordinates = np.stack(np.unravel_index(flat, self.padded)) - np.array(self.halo)[:, None]
        return coordinates % np.array(self.cells)[:, None]

    def flat(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the flat indices of coordinates of shape (3, k)."""
        return self.origin + np.array(self.strides) @ coordinates
