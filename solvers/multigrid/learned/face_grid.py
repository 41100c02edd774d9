"""Stencils of neighbours across faces, and coarse ones for whole cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ritz.operators import Operator, Stencil

from ..grid.grid_stencil import GridStencil
from ..grid.layout import Layout, Offset

__all__ = ["FaceGrid", "Merged", "face_grid", "merge_cells"]

UNITS: tuple[Offset, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
SAMPLE = 61  # every so many faces tell how strong an axis is


@dataclass(frozen=True, eq=False)
class FaceGrid:
    """A symmetric operator that couples cells across their faces, in one precision.

    Its diagonal is the sum of a cell's couplings and of what couples it to walls (or adds to u itself), none of them
    negative: diagonally dominant, so positive (semi-)definite.

    Parameters
    ----------
    layout : Layout
        Without periodic axes.
    diagonal : ndarray
        Flat, padded; zero in cells that are no unknowns.
    inverse : ndarray
        Of the diagonal; zero there too.
    walls : ndarray
        The same for what couples to walls.
    faces : ndarray, shape (axes, size)
        What couples each cell to the next one along each axis of more than one cell.
    uniform : ndarray, shape (axes, 1), optional
        The same where it is one number between any two unknowns.
    """

    layout: Layout
    diagonal: np.ndarray
    inverse: np.ndarray
    walls: np.ndarray
    faces: np.ndarray
    uniform: np.ndarray | None = None

    @property
    def axes(self) -> list[int]:
        """Axes of more than one cell."""
        return [axis for axis in range(3) if self.layout.halo[axis]]

    @cached_property
    def strides(self) -> np.ndarray:
        """Distance of neighbours along those axes."""
        return np.array([self.layout.strides[axis] for axis in self.axes], dtype=np.int64)

    @cached_property
    def coarse_layout(self) -> Layout:
        """The layout of the grid whose cells are unions of two along each axis."""
        a, b, c = ((cells + 1) // 2 for cells in self.layout.cells)
        return Layout((a, b, c), (False, False, False))

    @cached_property
    def places(self) -> np.ndarray:
        """What the kernels of `ritz.solvers.multigrid.learned.kernels.face_grids` have to know."""
        fine, coarse = self.layout, self.coarse_layout
        numbers = [*fine.cells, fine.origin, *fine.strides, coarse.origin, *coarse.strides[:2]]
        return np.array(numbers, dtype=np.int64)

    @property
    def anisotropy(self) -> float:
        """Largest over smallest median coupling of the axes, over a sample of the faces that conduct."""
        samples = [faces[::SAMPLE] if faces.size > SAMPLE**2 else faces for faces in self.faces]
        medians = [float(np.median(values[values > 0])) for values in samples if (values > 0).any()]
        return max(medians) / min(medians) if medians else 1.0

    def stencil(self) -> GridStencil:
        """Return the same with signs, in double precision, in which row sums without walls are zero to rounding."""
        diagonal, couplings = self.walls.astype(np.float64), dict[Offset, np.ndarray]()
        for axis, faces in zip(self.axes, self.faces.astype(np.float64), strict=True):
            couplings[UNITS[axis]] = -faces
            diagonal += faces
            diagonal[self.layout.strides[axis] :] += faces[: -self.layout.strides[axis]]
        return GridStencil(self.layout, diagonal, couplings)


@dataclass(frozen=True, eq=False)
class Merged:
    """What couples the unions of cells of a `FaceGrid`, in two ways, between which and beyond coarse operators lie.

    Parameters
    ----------
    series, parallel : ndarray, shape (axes, coarse size)
        Sums over the fine paths across a coarse face: of the couplings that follow from adding up resistances along
        each path, and half of those of the faces crossed. Equal for constant coefficients.
    walls : ndarray
    evenness : ndarray
        Smallest over largest diagonal entry in a coarse cell; zero where there is no unknown.
    """

    series: np.ndarray
    parallel: np.ndarray
    walls: np.ndarray
    evenness: np.ndarray

    def grid(self, fine: FaceGrid, faces: np.ndarray) -> FaceGrid:
        """Return the coarse grid with the given couplings."""
        layout = fine.coarse_layout
        kept = [axis for axis, cells in zip(fine.axes, np.array(layout.cells)[fine.axes], strict=True) if cells > 1]
        faces = np.ascontiguousarray(faces[[fine.axes.index(axis) for axis in kept]])
        diagonal = self.walls.copy()
        for axis, along in zip(kept, faces, strict=True):
            stride = layout.strides[axis]
            diagonal += along
            diagonal[stride:] += along[:-stride]
        inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
        return FaceGrid(layout, diagonal, inverse, self.walls, faces)


def face_grid(operator: Operator, dtype: Any) -> FaceGrid | None:
    """Return an operator's entries, or None if it is no stencil of this kind. O(n).

    Parameters
    ----------
    operator : Operator
    dtype : dtype
        Of the entries.
    """
    from .kernels.face_grids import load

    if not isinstance(operator, Stencil) or any("periodic" in sides for sides in operator.boundary):
        return None
    shape = operator.grid_shape
    layout = Layout.of(shape, (False,) * len(shape))
    places = {1: (2,), 2: (0, 2), 3: (0, 1, 2)}[len(shape)]
    used = [number for number, place in enumerate(places) if layout.halo[place]]
    steps = [int(np.prod(shape[number + 1 :])) for number in used]
    if not used:
        return None
    faces = np.zeros((len(used), layout.size), dtype=dtype)
    diagonal, inverse, walls = (layout.zeros(dtype) for _ in range(3))
    couplings = tuple(np.ascontiguousarray(operator.couplings[number]).reshape(-1) for number in used)
    fluid = np.empty(0, dtype=bool) if operator.solid is None else ~operator.solid.ravel()
    places = np.array([*layout.cells[1:], layout.origin, *layout.strides[:2], layout.cells[0], *steps], dtype=np.int64)
    if load(diagonal, inverse, faces, walls, operator.diagonal(), couplings, fluid, places) < 0.0:
        return None
    uniform = faces.max(axis=1, keepdims=True) if operator.uniform else None
    return FaceGrid(layout, diagonal, inverse, walls, faces, uniform)


def merge_cells(grid: FaceGrid, distance: float) -> Merged:
    """Return what couples the unions of two cells along each axis. O(n).

    Parameters
    ----------
    grid : FaceGrid
    distance : float
        How much farther away walls are from a coarse cell's centre, in fine cells.
    """
    from .kernels.face_grids import add_faces, add_walls

    size, dtype = grid.coarse_layout.size, grid.diagonal.dtype
    parallel = np.zeros((len(grid.axes), size), dtype=dtype)
    series = parallel if grid.uniform is not None else np.zeros_like(parallel)  # both are the same then
    for number, axis in enumerate(grid.axes):
        own = series[number] if series is not parallel else series[0, :0]
        add_faces(own, parallel[number], grid.faces[number], axis, grid.places)
    walls, smallest, largest = (np.zeros(size, dtype=dtype) for _ in range(3))
    add_walls(
        walls, smallest, largest, grid.walls, grid.diagonal, grid.faces, grid.strides, dtype.type(distance), grid.places
    )
    evenness = np.divide(smallest, largest, out=smallest, where=largest > 0)
    return Merged(series, parallel, walls, evenness)
