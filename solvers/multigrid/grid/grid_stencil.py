"""Symmetric operators with compact stencils, entry by entry, as multigrid coarsens them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator, Stencil

from .layout import Layout, Offset

__all__ = ["GridStencil", "from_matrix", "from_stencil"]

CENTRE: Offset = (0, 0, 0)


@dataclass(frozen=True, eq=False)
class GridStencil:
    """Entries of a symmetric matrix over a grid, between cells that touch.

    Parameters
    ----------
    layout : Layout
    diagonal : ndarray
        Flat; zero in cells that are no unknowns.
    couplings : dict
        For offsets of the layout's half, flat arrays: the entry between a cell and the one at that offset. Offsets
        that are absent have no entries.
    """

    layout: Layout
    diagonal: np.ndarray
    couplings: dict[Offset, np.ndarray]

    def entries(self, offset: Offset) -> tuple[np.ndarray, int, int]:
        """Return where the entries of any offset are: a flat array, a multiplier and a shift (see the kernels)."""
        if offset == CENTRE:
            return self.diagonal, 1, 0
        if offset in self.couplings:
            return self.couplings[offset], 1, 0
        opposite = (-offset[0], -offset[1], -offset[2])
        if opposite in self.couplings:
            return self.couplings[opposite], 1, self.layout.distance(offset)
        return self.layout.nothing, 0, 0

    def row_entries(self, cells: np.ndarray, offset: Offset) -> np.ndarray:
        """Return the entries of the given cells with one offset."""
        values, multiplier, shift = self.entries(offset)
        return values[multiplier * cells + shift]


def from_stencil(operator: Stencil) -> GridStencil:
    """Return the entries of a stencil; solid cells are left out. O(n)."""
    shape = operator.grid_shape
    layout = Layout.of(shape, tuple("periodic" in sides for sides in operator.boundary))
    diagonal = layout.zeros()
    layout.inside(diagonal)[...] = operator.diagonal().reshape(layout.cells)
    if operator.solid is not None:
        layout.inside(diagonal)[operator.solid.reshape(layout.cells)] = 0.0
    layout.refresh(diagonal)
    couplings: dict[Offset, np.ndarray] = {}
    for place, along in zip({1: (2,), 2: (0, 2), 3: (0, 1, 2)}[len(shape)], operator.couplings, strict=True):
        if layout.halo[place]:
            offset: Any = tuple(int(axis == place) for axis in range(3))
            couplings[offset] = layout.zeros()
            np.negative(along.reshape(layout.cells), out=layout.inside(couplings[offset]))
            layout.refresh(couplings[offset])
    return GridStencil(layout, diagonal, couplings)


def from_matrix(operator: Operator, shape: tuple[int, ...], owner: str) -> GridStencil:
    """Return the entries of a sparse operator over a grid. O(nnz).

    Raises
    ------
    InvalidProblem
        If a row has entries beyond the neighbours that touch its cell.
    """
    from ritz.operators.sparse_entries import sparse_entries

    from .kernels.grid_entries import scatter_entries

    matrix = sparse_entries(operator, owner)
    if np.prod(shape) != matrix.shape[0]:
        raise InvalidProblem(
            f"{owner} needs one unknown a cell: the grid has shape {shape}, the operator {matrix.shape}"
        )
    layout = Layout.of(shape, (True,) * len(shape))
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
    layout = Layout(layout.cells, tuple(bool(a) for a in around))  # pyright: ignore[reportArgumentType]
    couplings = {offset: field for offset, field in zip(offsets, fields, strict=True) if field.any()}
    for field in (diagonal, *couplings.values()):
        layout.refresh(field)
    return GridStencil(layout, diagonal, couplings)
