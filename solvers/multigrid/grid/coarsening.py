"""Halving a grid along one axis, with interpolation that follows the operator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .grid_stencil import CENTRE, GridStencil
from .layout import Layout, Offset

__all__ = ["Coarsening", "coarsen_axis", "weigh_axis"]

SAME_SIDE = 0.02


@dataclass(frozen=True, eq=False)
class Coarsening:
    """Interpolation between a grid and the one with every other cell along an axis.

    Parameters
    ----------
    axis : int
    fine, coarse : Layout
    low, high : ndarray
        Flat; what a cell in between takes of the coarse cells below and above it.
    lost : ndarray of int
        Flat places of the cells in between that are coupled to neither, or hardly so.
    """

    axis: int
    fine: Layout
    coarse: Layout
    low: np.ndarray
    high: np.ndarray
    lost: np.ndarray

    @cached_property
    def places(self) -> np.ndarray:
        """What the kernels of `ritz.solvers.multigrid.grid.kernels.grid_transfer` have to know."""
        return _places(self.axis, self.fine, self.coarse)

    @property
    def planes(self) -> int:
        """Coarse planes."""
        return self.coarse.cells[0]

    def astype(self, dtype: Any) -> Coarsening:
        """Return the interpolation with weights of another dtype."""
        return Coarsening(self.axis, self.fine, self.coarse, self.low.astype(dtype), self.high.astype(dtype), self.lost)

    def targets(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coarse cells that fine ones are interpolated from, and the weights, each of shape (2, k)."""
        coordinates = self.fine.places(cells)
        between = coordinates[self.axis] % 2 == 1
        lower, upper = coordinates.copy(), coordinates.copy()
        lower[self.axis] //= 2
        upper[self.axis] = (lower[self.axis] + 1) % self.coarse.cells[self.axis]
        weights = np.zeros((2, cells.size))
        weights[0] = ~between
        inserted = _weight_index(self.axis, self.fine, coordinates[:, between])
        weights[0, between], weights[1, between] = self.low[inserted], self.high[inserted]
        return np.stack([self.coarse.flat(lower), self.coarse.flat(upper)]), weights


def weigh_axis(
    stencil: GridStencil,
    axis: int,
    weakest: float,
    extra: tuple[np.ndarray, np.ndarray],
    same_side: float = SAME_SIDE,
) -> Coarsening:
    """Return the interpolation along an axis.

    What a cell in between is coupled to is collapsed onto the line through it: a neighbour beside the line counts as
    the cell on the line it is next to, if the two are coupled themselves, and otherwise as the cell itself. Where the
    wall between two fluids ends, it is this question that keeps them apart.

    Parameters
    ----------
    weakest : float
        Couplings along the line, relative to the largest entry of a row, below which the cell counts as lost.
    extra : tuple of ndarray
        Cells, and the sum of their entries with unknowns that are off the grid.
    same_side : float
        Coupling, relative to a neighbour's entry, that shows that two cells are on the same side of a wall.
    """
    from .kernels import grid_transfer as kernels

    fine = stencil.layout
    coarse = _coarse_layout(fine, axis)
    places = _places(axis, fine, coarse)
    shape = list(fine.padded)
    shape[axis] = coarse.cells[axis] + 1
    low, high, centre, largest = (np.zeros(shape) for _ in range(4))
    count = fine.cells[axis] // 2  # cells in between
    inner = [slice(pad, pad + cells) for pad, cells in zip(fine.halo, fine.cells, strict=True)]
    inserted, source = tuple(_put(inner, axis, slice(1, count + 1))), list(inner)
    source[axis] = slice(fine.halo[axis] + 1, fine.halo[axis] + fine.cells[axis], 2)
    centre[inserted] = stencil.diagonal.reshape(fine.padded)[tuple(source)]
    flat = [values.reshape(-1) for values in (low, high, centre, largest)]
    planes = count if axis == 0 else fine.cells[0]
    limits = places.copy()
    if axis:
        limits[axis] = count
    for offset in fine.offsets:
        ahead, transverse = offset[axis], _replace(offset, axis, 0)
        entries = stencil.entries(offset)
        if not entries[1]:
            continue
        links, target = (fine.nothing, 0, 0), flat[0]
        share = 0.0
        if ahead:
            target = flat[0] if ahead < 0 else flat[1]
            if transverse == CENTRE:
                share = -1.0
            else:
                values, multiplier, shift = stencil.entries(transverse)
                links = values, multiplier, shift + multiplier * ahead * fine.strides[axis]
                share = same_side
        kernels.collapse(target, flat[2], flat[3], *entries, *links, share, limits, planes)
    if extra[0].size:
        coordinates = fine.places(extra[0])
        between = coordinates[axis] % 2 == 1
        index = _weight_index(axis, fine, coordinates[:, between])
        np.add.at(flat[2], index, extra[1][between])
        np.maximum.at(flat[3], index, np.abs(extra[1][between]))
    for other in range(3):
        if other != axis and fine.halo[other]:
            np.moveaxis(largest, other, 0)[[0, -1]] = 0.0
    lost = np.empty(0, dtype=np.int64)
    if kernels.weigh(flat[0], flat[1], flat[2], flat[3], weakest):
        found = np.stack(np.nonzero(centre == -1.0))
        found -= np.array(_put(fine.halo, axis, 1))[:, None]
        found[axis] = 2 * found[axis] + 1
        lost = fine.flat(found)
    _close(low, high, axis, fine)
    return Coarsening(axis, fine, coarse, flat[0], flat[1], lost)


def coarsen_axis(stencil: GridStencil, coarsening: Coarsening) -> GridStencil:
    """Return the Galerkin product PᵀAP."""
    from .kernels import grid_transfer as kernels

    axis, coarse, places = coarsening.axis, coarsening.coarse, coarsening.places
    jumps = _weight_strides(axis, stencil.layout)
    planes = coarsening.planes
    diagonal, couplings = coarse.zeros(), dict[Offset, np.ndarray]()
    for offset in (CENTRE, *coarse.half_offsets):
        transverse = _replace(offset, axis, 0)
        trio = [stencil.entries(_replace(offset, axis, ahead)) for ahead in (0, 1, -1)]
        if offset[axis] == -1:  # the opposite pair: along the axis, with the transverse part reversed
            back: Offset = (-transverse[0], -transverse[1], -transverse[2])
            trio = [stencil.entries(_replace(back, axis, ahead)) for ahead in (0, 1)]
            transverse = back
        if not any(multiplier for _, multiplier, _ in trio):
            continue
        shift = sum(step * jump for step, jump in zip(transverse, jumps, strict=True))
        out = diagonal if offset == CENTRE else coarse.zeros()
        weights = (coarsening.low, coarsening.high, shift, places, planes)
        if offset[axis]:
            kernels.along(out, *trio[0], *trio[1], *weights)
        else:
            kernels.between(out, *trio[0], *trio[1], *trio[2], *weights)
        if offset[axis] == -1:  # found at the other cell of each pair
            coarse.refresh(out)
            out = np.roll(out, -coarse.distance(offset))
        if offset != CENTRE:
            coarse.refresh(out)
            couplings[offset] = out
    field, kept = coarse.inside(diagonal), [slice(None)] * 3
    kept[axis] = slice(None, None, 2)
    field[field < 1e-10 * stencil.layout.inside(stencil.diagonal)[tuple(kept)]] = 0.0  # a region shrunk to one cell
    coarse.refresh(diagonal)
    return GridStencil(coarse, diagonal, couplings)


def _coarse_layout(fine: Layout, axis: int) -> Layout:
    cells = _replace(fine.cells, axis, (fine.cells[axis] + 1) // 2)
    return Layout(cells, fine.periodic)


def _replace(offset: Offset, axis: int, value: int) -> Offset:
    changed = list(offset)
    changed[axis] = value
    return changed[0], changed[1], changed[2]


def _put(items: list[slice] | Offset, axis: int, value: object) -> list:
    changed = list(items)
    changed[axis] = value  # pyright: ignore
    return changed


def _weight_strides(axis: int, fine: Layout) -> Offset:
    shape = _replace(fine.padded, axis, (fine.cells[axis] + 1) // 2 + 1)
    return shape[1] * shape[2], shape[2], 1


def _weight_index(axis: int, fine: Layout, coordinates: np.ndarray) -> np.ndarray:
    """Return where the weights of cells in between are."""
    places = coordinates + np.array(fine.halo)[:, None]
    places[axis] = (coordinates[axis] + 1) // 2
    return np.array(_weight_strides(axis, fine)) @ places


def _places(axis: int, fine: Layout, coarse: Layout) -> np.ndarray:
    doubled = _replace(fine.strides, axis, 2 * fine.strides[axis])
    weight_strides = _weight_strides(axis, fine)
    rows, cells = coarse.cells[1], coarse.cells[2]
    if axis == 0:  # planes keep their layout, so that each can be taken as one long row, halo included
        rows, cells = 1, (rows - 1) * coarse.strides[1] + cells
    start = sum(pad * stride for pad, stride in zip(_put(fine.halo, axis, 1), weight_strides, strict=True))
    return np.array(
        [
            axis == 0, rows, cells, axis == 2,
            coarse.origin, coarse.strides[0], coarse.strides[1], coarse.strides[axis],
            fine.origin, doubled[0], doubled[1], doubled[2], fine.strides[axis],
            start, weight_strides[0], weight_strides[1], weight_strides[2], weight_strides[axis],
        ],
        dtype=np.int64,
    )  # fmt: skip


def _close(low: np.ndarray, high: np.ndarray, axis: int, fine: Layout) -> None:
    """Fill the weights' halo along periodic axes.

    Around the end of an odd number of cells two coarse ones follow each other; the cell in between that is not there
    is then a copy of the neighbour, whichever side it is seen from.
    """
    for values, here in ((low, 0), (high, -1)):
        for other in range(3):
            if not fine.periodic[other]:
                continue
            moved = np.moveaxis(values, other, 0)
            if other != axis:
                moved[0], moved[-1] = moved[-2], moved[1]
            elif fine.cells[axis] % 2 == 0:
                moved[0] = moved[-1]
            else:
                moved[0], moved[-1] = 0.0, 0.0
                moved[here] = 1.0
