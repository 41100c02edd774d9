"""Operators that couple cells across faces, and the merging of cells to coarse ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ritz.operators import Operator, Stencil

from ..grid.grid_stencil import GridStencil
from ..grid.layout import Offset, PaddedLayout

__all__ = ["FaceGrid", "MergedCouplings", "face_grid", "merge_cells"]

UNITS: tuple[Offset, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
SAMPLE = 61  # stride of the sample of faces from which the strength of an axis is estimated


@dataclass(frozen=True, eq=False)
class FaceGrid:
    """Symmetric operator that couples cells across their faces, in one precision.

    The diagonal is the sum of a cell's couplings to its neighbours and to walls (which include a multiple of u in the
    equation). No coupling is negative, so the operator is diagonally dominant and positive (semi-)definite. All arrays
    are flat and padded.

    Parameters
    ----------
    layout : PaddedLayout
        Without periodic axes.
    diagonal : ndarray
        Diagonal; zero in cells that are not unknowns.
    inverse : ndarray
        Inverse of the diagonal; zero in cells that are not unknowns.
    walls : ndarray
        Couplings to walls.
    faces : ndarray, shape (axes, size)
        Couplings of each cell to the next one along each axis of more than one cell.
    uniform : ndarray, shape (axes, 1), optional
        The same couplings if each axis has the same one between any two unknowns.
    """

    layout: PaddedLayout
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
        """Distance between neighbours along these axes, in a flat array."""
        return np.array([self.layout.strides[axis] for axis in self.axes], dtype=np.int64)

    @cached_property
    def coarse_layout(self) -> PaddedLayout:
        """Layout of the grid whose cells are unions of two cells along each axis."""
        a, b, c = ((cells + 1) // 2 for cells in self.layout.cells)
        return PaddedLayout((a, b, c), (False, False, False))

    @cached_property
    def positions(self) -> np.ndarray:
        """Numbers of the `UnionGeometry` of fine and coarse cells, for the kernels."""
        from .kernels.face_grids import UnionGeometry

        fine, coarse = self.layout, self.coarse_layout
        positions = *fine.cells, fine.origin, *fine.strides[:2], coarse.origin, *coarse.strides[:2]
        return np.array(UnionGeometry(*positions), dtype=np.int64)

    @property
    def anisotropy(self) -> float:
        """Ratio of the largest to the smallest median coupling of an axis, over a sample of the faces that conduct."""
        samples = [faces[::SAMPLE] if faces.size > SAMPLE**2 else faces for faces in self.faces]
        medians = [float(np.median(values[values > 0])) for values in samples if (values > 0).any()]
        return max(medians) / min(medians) if medians else 1.0

    def stencil(self) -> GridStencil:
        """Return the operator as a stencil in double precision.

        Row sums are zero up to rounding in cells without walls.
        """
        diagonal, couplings = self.walls.astype(np.float64), dict[Offset, np.ndarray]()
        for axis, faces in zip(self.axes, self.faces.astype(np.float64), strict=True):
            couplings[UNITS[axis]] = -faces
            diagonal += faces
            diagonal[self.layout.strides[axis] :] += faces[: -self.layout.strides[axis]]
        return GridStencil(self.layout, diagonal, couplings)


@dataclass(frozen=True, eq=False)
class MergedCouplings:
    """Two candidates for the couplings between unions of cells of a `FaceGrid`, from which coarse operators are made.

    Both are sums over the fine paths that cross a coarse face, and they agree for constant coefficients.

    Parameters
    ----------
    series : ndarray, shape (axes, coarse size)
        Sums of the couplings of the paths, each from adding up the resistances along it.
    parallel : ndarray, shape (axes, coarse size)
        Half the sums of the couplings of the faces crossed.
    walls : ndarray
        Couplings to walls.
    evenness : ndarray
        Ratio of the smallest to the largest diagonal entry in a coarse cell; zero in cells without unknowns.
    """

    series: np.ndarray
    parallel: np.ndarray
    walls: np.ndarray
    evenness: np.ndarray

    def grid(self, fine: FaceGrid, faces: np.ndarray) -> FaceGrid:
        """Return the coarse grid with the given couplings, shape (axes, coarse size)."""
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
    """Return the entries of an operator, or None if it is periodic, not diagonally dominant or not a stencil. O(n).

    Parameters
    ----------
    operator : Operator
    dtype : dtype
        Data type of the entries.
    """
    from ..grid.kernels.padded_rows import PaddedRows
    from .kernels.face_grids import load

    if not isinstance(operator, Stencil) or any("periodic" in sides for sides in operator.boundary):
        return None
    shape = operator.grid_shape
    layout = PaddedLayout.of(shape, (False,) * len(shape))
    used = [number for number, axis in enumerate(PaddedLayout.axes_of(len(shape))) if layout.halo[axis]]
    steps = tuple(int(np.prod(shape[number + 1 :])) for number in used)
    if not used:
        return None
    faces = np.zeros((len(used), layout.size), dtype=dtype)
    diagonal, inverse, walls = (layout.zeros(dtype) for _ in range(3))
    couplings = tuple(np.ascontiguousarray(operator.couplings[number]).reshape(-1) for number in used)
    fluid = np.empty(0, dtype=bool) if operator.solid is None else ~operator.solid.ravel()
    rows = PaddedRows(*layout.cells[1:], layout.origin, *layout.strides[:2])
    entries = operator.diagonal(), couplings, fluid
    if load(diagonal, inverse, faces, walls, *entries, layout.cells[0], rows, steps) < 0.0:
        return None
    uniform = faces.max(axis=1, keepdims=True) if operator.uniform else None
    return FaceGrid(layout, diagonal, inverse, walls, faces, uniform)


def merge_cells(grid: FaceGrid, distance: float) -> MergedCouplings:
    """Return the couplings between the unions of two cells along each axis. O(n).

    Parameters
    ----------
    grid : FaceGrid
    distance : float
        Additional distance of walls from the centre of a coarse cell, in fine cells.
    """
    from .kernels.face_grids import add_faces, add_walls

    size, dtype = grid.coarse_layout.size, grid.diagonal.dtype
    parallel = np.zeros((len(grid.axes), size), dtype=dtype)
    series = parallel if grid.uniform is not None else np.zeros_like(parallel)  # which then agree
    for number, axis in enumerate(grid.axes):
        own = series[number] if series is not parallel else series[0, :0]
        add_faces(own, parallel[number], grid.faces[number], axis, grid.positions)
    walls, smallest, largest = (np.zeros(size, dtype=dtype) for _ in range(3))
    add_walls(
        walls,
        smallest,
        largest,
        grid.walls,
        grid.diagonal,
        grid.faces,
        grid.strides,
        dtype.type(distance),
        grid.positions,
    )
    evenness = np.divide(smallest, largest, out=smallest, where=largest > 0)
    return MergedCouplings(series, parallel, walls, evenness)
