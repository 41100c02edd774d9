"""Where the cells of a grid lie in a flat array with a layer of halo cells around them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

__all__ = ["Layout", "Offset"]

Offset = tuple[int, int, int]


@dataclass(frozen=True)
class Layout:
    """A grid of one to three axes, seen as one of three, padded where an axis has more than one cell.

    Parameters
    ----------
    cells : (int, int, int)
        Cells along each axis, 1 along those that are missing.
    periodic : (bool, bool, bool)
        Which axes close on themselves; their halo holds copies, the others' zeros.
    """

    cells: Offset
    periodic: tuple[bool, bool, bool]

    @classmethod
    def of(cls, shape: tuple[int, ...], periodic: tuple[bool, ...]) -> Layout:
        """Return the layout of a grid; of two axes the first is the slowest, of one it is the fastest."""
        places = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}[len(shape)]
        cells, closed = [1, 1, 1], [False, False, False]
        for place, count, around in zip(places, shape, periodic, strict=True):
            cells[place], closed[place] = count, around and count > 1
        return cls(tuple(cells), tuple(closed))  # pyright: ignore[reportArgumentType]

    @cached_property
    def halo(self) -> Offset:
        """Halo cells at each end of each axis: 0 or 1."""
        a, b, c = (int(count > 1) for count in self.cells)
        return a, b, c

    @cached_property
    def padded(self) -> Offset:
        """Cells along each axis with the halo."""
        a, b, c = (count + 2 * pad for count, pad in zip(self.cells, self.halo, strict=True))
        return a, b, c

    @cached_property
    def size(self) -> int:
        """Length of a flat array."""
        return prod(self.padded)

    @cached_property
    def strides(self) -> Offset:
        """Distance of neighbours along each axis."""
        return self.padded[1] * self.padded[2], self.padded[2], 1

    @cached_property
    def interior(self) -> tuple[slice, slice, slice]:
        """The cells themselves, in an array of shape `padded`."""
        a, b, c = (slice(pad, pad + count) for pad, count in zip(self.halo, self.cells, strict=True))
        return a, b, c

    @cached_property
    def origin(self) -> int:
        """Place of the first cell."""
        return self.distance(self.halo)

    @cached_property
    def span(self) -> tuple[int, int]:
        """Place of the first cell, and the one after the last."""
        a, b, c = (pad + count - 1 for pad, count in zip(self.halo, self.cells, strict=True))
        return self.origin, self.distance((a, b, c)) + 1

    @cached_property
    def half_offsets(self) -> tuple[Offset, ...]:
        """One of each pair of opposite offsets to neighbours, of the compact stencil of 3, 9 or 27 entries."""
        ranges = [(-1, 0, 1) if pad else (0,) for pad in self.halo]
        return tuple(offset for offset in product(*ranges) if offset > (0, 0, 0))  # pyright: ignore

    @cached_property
    def offsets(self) -> tuple[Offset, ...]:
        """All offsets to neighbours."""
        return *self.half_offsets, *((-a, -b, -c) for a, b, c in self.half_offsets)

    @cached_property
    def nothing(self) -> np.ndarray:
        """As many zeros as a kernel reads in one go: a plane, or two rows."""
        return np.zeros(max(self.strides[0], 2 * self.padded[2]))

    def distance(self, offset: Offset) -> int:
        """Return the distance of the cells that are `offset` apart."""
        return sum(count * stride for count, stride in zip(offset, self.strides, strict=True))

    def zeros(self, dtype: type = np.float64) -> np.ndarray:
        """Return a flat array of zeros."""
        return np.zeros(self.size, dtype=dtype)

    def inside(self, flat: np.ndarray) -> np.ndarray:
        """Return a view, of shape `cells`, of the cells in a flat array."""
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

    def places(self, flat: np.ndarray) -> np.ndarray:
        """Return the coordinates, shape (3, k), of flat places; those in the halo count as the cells they copy."""
        coordinates = np.stack(np.unravel_index(flat, self.padded)) - np.array(self.halo)[:, None]
        return coordinates % np.array(self.cells)[:, None]

    def flat(self, coordinates: np.ndarray) -> np.ndarray:
        """Return the flat places of coordinates, shape (3, k)."""
        return self.origin + np.array(self.strides) @ coordinates
