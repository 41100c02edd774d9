"""Coarsening along one axis, with interpolation weights taken from the operator."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .grid_stencil import CENTRE, GridStencil
from .layout import Offset, PaddedLayout

if TYPE_CHECKING:
    from .kernels.grid_transfer import AxisGeometry

__all__ = ["Coarsening", "coarsen_axis", "weigh_axis"]

SAME_SIDE = 0.02  # default of `same_side` in `weigh_axis`


@dataclass(frozen=True, eq=False)
class Coarsening:
    """Interpolation to a grid from the grid with every other cell along an axis.

    Parameters
    ----------
    axis : int
    fine, coarse : PaddedLayout
    low, high : ndarray
        Flat; weights of the coarse cells below and above each cell in between.
    lost : ndarray of int
        Flat indices of the cells in between that are coupled to neither, or only weakly.
    """

    axis: int
    fine: PaddedLayout
    coarse: PaddedLayout
    low: np.ndarray
    high: np.ndarray
    lost: np.ndarray

    @cached_property
    def positions(self) -> np.ndarray:
        """Numbers of the `AxisGeometry` of cells and weights, for the kernels."""
        return np.array(_geometry(self.axis, self.fine, self.coarse), dtype=np.int64)

    @property
    def planes(self) -> int:
        """Number of coarse planes."""
        return self.coarse.cells[0]

    def astype(self, dtype: Any) -> Coarsening:
        """Return the interpolation with weights of another dtype."""
        return Coarsening(self.axis, self.fine, self.coarse, self.low.astype(dtype), self.high.astype(dtype), self.lost)

    def targets(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coarse cells from which fine cells are interpolated, and their weights, each of shape (2, k)."""
        coordinates = self.fine.coordinates(cells)
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

    The entries of a cell in between are collapsed onto the line through the cell along the axis. A neighbour beside
    the line is represented by the adjacent cell on the line if the two are coupled, and otherwise by the cell itself.
    This test separates the two sides of a wall where the wall ends.

    Parameters
    ----------
    stencil : GridStencil
    axis : int
    weakest : float
        Couplings along the line, relative to the largest entry of the row, below which the cell counts as lost.
    extra : tuple of ndarray
        Cells, and the entries between them and off-grid unknowns.
    same_side : float
        Coupling, relative to the neighbour's entry, above which two cells are on the same side of a wall.
    """
    from .kernels import grid_transfer as kernels

    fine = stencil.layout
    coarse = _coarse_layout(fine, axis)
    geometry = _geometry(axis, fine, coarse)
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
    if axis == 1:
        geometry = geometry._replace(rows=count)
    elif axis == 2:
        geometry = geometry._replace(cells=count)
    positions = np.array(geometry, dtype=np.int64)
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
        kernels.collapse(target, flat[2], flat[3], *entries, *links, share, positions, planes)
    if extra[0].size:
        coordinates = fine.coordinates(extra[0])
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

    axis, coarse = coarsening.axis, coarsening.coarse
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
        weights = (coarsening.low, coarsening.high, shift, coarsening.positions, planes)
        if offset[axis]:
            kernels.along(out, *trio[0], *trio[1], *weights)
        else:
            kernels.between(out, *trio[0], *trio[1], *trio[2], *weights)
        if offset[axis] == -1:  # computed at the other cell of each pair
            coarse.refresh(out)
            out = np.roll(out, -coarse.distance(offset))
        if offset != CENTRE:
            coarse.refresh(out)
            couplings[offset] = out
    field, kept = coarse.inside(diagonal), [slice(None)] * 3
    kept[axis] = slice(None, None, 2)
    field[field < 1e-10 * stencil.layout.inside(stencil.diagonal)[tuple(kept)]] = (
        0.0  # a region that shrank to one cell
    )
    coarse.refresh(diagonal)
    return GridStencil(coarse, diagonal, couplings)


def _coarse_layout(fine: PaddedLayout, axis: int) -> PaddedLayout:
    cells = _replace(fine.cells, axis, (fine.cells[axis] + 1) // 2)
    return PaddedLayout(cells, fine.periodic)


def _replace(offset: Offset, axis: int, value: int) -> Offset:
    changed = list(offset)
    changed[axis] = value
    return changed[0], changed[1], changed[2]


def _put(items: list[slice] | Offset, axis: int, value: object) -> list:
    changed = list(items)
    changed[axis] = value  # pyright: ignore
    return changed


def _weight_strides(axis: int, fine: PaddedLayout) -> Offset:
    shape = _replace(fine.padded, axis, (fine.cells[axis] + 1) // 2 + 1)
    return shape[1] * shape[2], shape[2], 1


def _weight_index(axis: int, fine: PaddedLayout, coordinates: np.ndarray) -> np.ndarray:
    """Return the positions of the weights of cells in between."""
    shifted = coordinates + np.array(fine.halo)[:, None]
    shifted[axis] = (coordinates[axis] + 1) // 2
    return np.array(_weight_strides(axis, fine)) @ shifted


def _geometry(axis: int, fine: PaddedLayout, coarse: PaddedLayout) -> AxisGeometry:
    from .kernels.grid_transfer import AxisGeometry

    fine_strides = _replace(fine.strides, axis, 2 * fine.strides[axis])
    weight_strides = _weight_strides(axis, fine)
    rows, cells = coarse.cells[1], coarse.cells[2]
    if axis == 0:  # planes keep their layout, so each is one long row, halo included
        rows, cells = 1, (rows - 1) * coarse.strides[1] + cells
    start = sum(pad * stride for pad, stride in zip(_put(fine.halo, axis, 1), weight_strides, strict=True))
    return AxisGeometry(
        along_planes=axis == 0,
        along_cells=axis == 2,
        rows=rows,
        cells=cells,
        coarse_origin=coarse.origin,
        coarse_plane=coarse.strides[0],
        coarse_row=coarse.strides[1],
        coarse_step=coarse.strides[axis],
        fine_origin=fine.origin,
        fine_plane=fine_strides[0],
        fine_row=fine_strides[1],
        fine_step=fine.strides[axis],
        weight_origin=start,
        weight_plane=weight_strides[0],
        weight_row=weight_strides[1],
        weight_step=weight_strides[axis],
    )


def _close(low: np.ndarray, high: np.ndarray, axis: int, fine: PaddedLayout) -> None:
    """Fill the halo of the weights along periodic axes.

    With an odd number of cells, the last and the first coarse cell are neighbours. The missing cell between them is
    then a copy of the neighbour on either side.
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
