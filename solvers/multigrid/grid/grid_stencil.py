"""Symmetric operators with compact stencils on a grid, stored entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator, Stencil

from .layout import Offset, PaddedLayout

__all__ = ["GridStencil", "from_matrix", "from_stencil"]

CENTRE: Offset = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class GridStencil:
    """Symmetric matrix over a grid whose entries couple cells that touch.

    Parameters
    ----------
    layout : PaddedLayout
    diagonal : ndarray
        Flat and padded; zero in cells that are not unknowns.
    couplings : dict
        For each offset among `PaddedLayout.half_offsets` that has entries, a flat array: the entry between a cell and
        the cell at that offset.
    """

    layout: PaddedLayout
    diagonal: np.ndarray
    couplings: dict[Offset, np.ndarray]

    def entries(self, offset: Offset) -> tuple[np.ndarray, int, int]:
        """Return the entries of any offset, as the flat array, multiplier and shift that the kernels take."""
        if offset == CENTRE:
            return self.diagonal, 1, 0
        if offset in self.couplings:
            return self.couplings[offset], 1, 0
        opposite = (-offset[0], -offset[1], -offset[2])
        if opposite in self.couplings:
            return self.couplings[opposite], 1, self.layout.distance(offset)
        return self.layout.nothing, 0, 0

    def row_entries(self, cells: np.ndarray, offset: Offset) -> np.ndarray:
        """Return the entries between the given cells and their neighbours at `offset`."""
        values, multiplier, shift = self.entries(offset)
        return values[multiplier * cells + shift]


def from_stencil(operator: Stencil) -> GridStencil:
    """Return the entries of a stencil, without its solid cells. O(n)."""
    shape = operator.grid_shape
    layout = PaddedLayout.of(shape, tuple("periodic" in sides for sides in operator.boundary))
    diagonal = layout.zeros()
    layout.inside(diagonal)[...] = operator.diagonal().reshape(layout.cells)
    if operator.solid is not None:
        layout.inside(diagonal)[operator.solid.reshape(layout.cells)] = 0.0
    layout.refresh(diagonal)
    couplings: dict[Offset, np.ndarray] = {}
    for place, along in zip(PaddedLayout.axes_of(len(shape)), operator.couplings, strict=True):
        if layout.halo[place]:
            offset: Any = tuple(int(axis == place) for axis in range(3))
            couplings[offset] = layout.zeros()
            np.negative(along.reshape(layout.cells), out=layout.inside(couplings[offset]))
            layout.refresh(couplings[offset])
    return GridStencil(layout, diagonal, couplings)


def from_matrix(operator: Operator, shape: tuple[int, ...], owner: str) -> GridStencil:
    """Return the entries of a sparse operator on a grid. O(nnz).

    Raises
    ------
    InvalidProblem
        If a row has entries outside the neighbours that touch its cell.
    """
    from ritz.operators.sparse_entries import sparse_entries

    from .kernels.grid_entries import scatter_entries

    matrix = sparse_entries(operator, owner)
    if np.prod(shape) != matrix.shape[0]:
        raise InvalidProblem(
            f"{owner} needs one unknown per cell: the grid has shape {shape}, the operator {matrix.shape}"
        )
    layout = PaddedLayout.of(shape, (True,) * len(shape))
    offsets = layout.half_offsets
    diagonal = layout.zeros()
    fields = np.zeros((len(offsets), layout.size))
    numbers = np.full((3, 3, 3), -1)
    for number, offset in enumerate(offsets):
        numbers[tuple(np.array(offset) + 1)] = number
    stray, around = scatter_entries(
        matrix.indptr, matrix.indices, matrix.data, np.array(layout.cells), diagonal, fields,
        numbers, layout.origin, np.array(layout.strides),
    )  # fmt: skip
    if stray >= 0:
        raise InvalidProblem(
            f"{owner} takes stencils of 9 entries in the plane and 27 in space, and row {stray} couples cells that do"
            " not touch; use 'amg-cg' or 'cg'"
        )
    layout = PaddedLayout(layout.cells, tuple(bool(a) for a in around))  # pyright: ignore[reportArgumentType]
    couplings = {offset: field for offset, field in zip(offsets, fields, strict=True) if field.any()}
    for field in (diagonal, *couplings.values()):
        layout.refresh(field)
    return GridStencil(layout, diagonal, couplings)
