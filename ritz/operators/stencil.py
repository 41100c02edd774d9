"""Second-order diffusion on a grid, stored as what couples neighbouring cells."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array
from ritz.boundary import BoundaryLike, parse_boundary
from ritz.errors import InvalidProblem
from ritz.operators import arguments
from ritz.operators.finite_volumes import constant_axis, regions, variable_couplings
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag, Tensors, through_numpy

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Stencil"]

WALL = {"cell": 2.0, "vertex": 1.0}  # coupling to a Dirichlet wall, which is half a cell or a whole one away


class Stencil(Operator):
    r"""The operator :math:`-\nabla\cdot(c\nabla u) + \sigma u` on a box, in conservative finite volumes.

    A row has 3, 5 or 7 entries in one, two or three dimensions. All cells of the grid are unknowns, in C order (the
    last axis runs fastest). No matrix is assembled: products are compiled loops over the grid. A constant coefficient
    takes no memory; otherwise a diagonal and one coupling an axis are kept for each cell, less than half of what CSR
    needs. The first product of a kind compiles its loop, which takes a second and is kept on disk.

    Parameters
    ----------
    shape : int or tuple of int
        Cells along each of one to three axes.
    spacing : float or sequence of float
        Distance of neighbouring unknowns, by axis if several.
    coefficient : float, sequence of float, or ndarray of shape `shape`, optional
        The coefficient c > 0: one number (1 if left out), one for each axis, or cell values, of which faces take the
        harmonic mean. Values in solid cells are not read.
    boundary : str, mapping or tuple of pairs
        Condition on each side, all homogeneous; see `ritz.boundary.parse_boundary`. A Neumann wall lies half a cell
        beyond the outermost unknowns.
    solid : ndarray of bool, shape `shape`, optional
        True in obstacles. Their rows are those of the identity times a typical diagonal entry and touch no fluid;
        the right-hand side must be 0 there.
    solid_boundary : {"neumann", "dirichlet"}
        Whether the walls of obstacles let no flux through or hold u = 0.
    shift : float
        The factor σ of u. Negative values (Helmholtz) give an operator that is only symmetric.
    centering : {"cell", "vertex"}
        Whether Dirichlet walls lie half a cell from the outermost unknowns (entry 2c/h²), or one cell (c/h², on a
        grid with h = 1/(n+1)).
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    grid_shape : tuple of int
        Cells along each axis.
    couplings : tuple of ndarray
        For each axis an array of shape `grid_shape`: minus the entry between a cell and the next one; in the last
        layer the one around the end, zero unless the axis is periodic. Read-only.
    constant : bool
        Whether the couplings are one number along each axis (scalar coefficients and no obstacles).

    Raises
    ------
    InvalidProblem
        For every parameter out of range or of the wrong shape.

    Examples
    --------
    >>> laplacian = Stencil((2, 3), spacing=0.5)
    >>> laplacian
    Stencil(6 x 6, float64, positive definite, symmetric)
    >>> (laplacian @ np.ones(6)).reshape(2, 3).tolist()
    [[16.0, 8.0, 16.0], [16.0, 8.0, 16.0]]
    >>> Stencil(5, boundary="neumann").nullspace.count
    1
    """

    def __init__(
        self,
        shape: int | Sequence[int],
        *,
        spacing: float | Sequence[float] = 1.0,
        coefficient: Any = None,
        boundary: BoundaryLike = "dirichlet",
        solid: Any = None,
        solid_boundary: Literal["neumann", "dirichlet"] = "neumann",
        shift: float = 0.0,
        centering: Literal["cell", "vertex"] = "cell",
        dtype: Any = np.float64,
    ):
        self.grid_shape = arguments.grid_shape(shape)
        dimension, size = len(self.grid_shape), prod(self.grid_shape)
        self.shape, self.dtype = (size, size), arguments.floating(dtype)
        self._tensors = Tensors()
        self.spacing = arguments.positive("spacing", spacing, dimension)
        self.boundary = parse_boundary(boundary, dimension)
        self.shift = arguments.finite("shift", shift)
        self.centering, self.solid_boundary = centering, solid_boundary
        if centering not in WALL:
            raise InvalidProblem(f"centering is {centering!r}; it must be 'cell' or 'vertex'")
        if solid_boundary not in ("neumann", "dirichlet"):
            raise InvalidProblem(f"solid_boundary is {solid_boundary!r}; it must be 'neumann' or 'dirichlet'")
        self.solid = arguments.mask(solid, self.grid_shape)
        coefficient = 1.0 if coefficient is None else coefficient
        scalars = np.ndim(coefficient) == 0 or (np.shape(coefficient) == (dimension,) != self.grid_shape)
        self.constant = bool(scalars and self.solid is None)
        if self.constant:
            self._assemble_constant(arguments.positive("coefficient", coefficient, dimension))
        elif scalars:
            values = arguments.positive("coefficient", coefficient, dimension)
            self._assemble([np.broadcast_to(value, self.grid_shape) for value in values])
        else:
            self._assemble([arguments.cell_values(coefficient, self.grid_shape, self.solid)] * dimension)

    def _assemble_constant(self, coefficient: tuple[float, ...]) -> None:
        couplings: list[np.ndarray] = []
        weights, diagonals = np.zeros((len(coefficient), 2)), list[np.ndarray]()
        fixed = False
        for axis, (value, step, sides) in enumerate(zip(coefficient, self.spacing, self.boundary, strict=True)):
            along, walls = constant_axis(self.grid_shape[axis], value / step**2, sides, WALL[self.centering])
            fixed = fixed or bool(walls.any())
            weights[axis] = value / step**2, along[-1]
            diagonals.append((along + np.roll(along, 1) + walls).astype(self.dtype))
            couplings.append(self._spread(axis, along.astype(self.dtype)))
        diagonals[0] += self.dtype.type(self.shift)
        self.couplings = tuple(couplings)
        self._weights, self._diagonals = weights.astype(self.dtype), tuple(diagonals)
        self.tags = self._tags(fixed)
        self._nullspace = Nullspace(np.zeros(self.shape[0], dtype=np.int32)) if Tag.SEMIDEFINITE in self.tags else None

    def _assemble(self, coefficients: Sequence[np.ndarray]) -> None:
        fluid = np.ones(self.grid_shape, dtype=bool) if self.solid is None else ~self.solid
        couplings, walls = variable_couplings(
            coefficients,
            self.spacing,
            self.boundary,
            fluid,
            self.solid_boundary == "dirichlet",
            WALL[self.centering],
        )
        diagonal = walls + self.shift
        for axis, along in enumerate(couplings):
            diagonal += along + np.roll(along, 1, axis)
        if self.solid is not None:
            entries = np.abs(diagonal[fluid])
            diagonal[self.solid] = np.median(entries[entries > 0]) if entries.any() else 1.0
        self.couplings = tuple(along.astype(self.dtype) for along in couplings)
        for along in self.couplings:
            along.flags.writeable = False
        self._diagonals = (diagonal.astype(self.dtype),)
        labels, count = (np.zeros(self.shape[0], dtype=np.int32), 1)
        if self.solid is not None and self.shift == 0.0:
            labels, count = regions(fluid, self.boundary)
        fixed = np.bincount(labels[(walls > 0).ravel() & fluid.ravel()], minlength=count) > 0
        self.tags = self._tags(bool(fixed.all()))
        self._nullspace = None
        if Tag.SEMIDEFINITE in self.tags:
            renumber = np.append(np.where(fixed, -1, np.cumsum(~fixed) - 1), -1)  # label -1 reads the end
            self._nullspace = Nullspace(renumber[labels])

    def _tags(self, fixed: bool) -> frozenset[Tag]:
        if self.shift < 0:
            return frozenset({Tag.SYMMETRIC})
        return frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE if fixed or self.shift > 0 else Tag.SEMIDEFINITE})

    def _along(self, axis: int, values: np.ndarray) -> np.ndarray:
        return values.reshape([-1 if other == axis else 1 for other in range(len(self.grid_shape))])

    def _spread(self, axis: int, values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self._along(axis, values), self.grid_shape)

    @property
    def nullspace(self) -> Nullspace | None:
        """One constant for each region of fluid that touches no Dirichlet wall, or None if there is no such region."""
        return self._nullspace

    def diagonal(self) -> np.ndarray:
        """Return the diagonal."""
        if not self.constant:
            return self._diagonals[0].ravel().copy()
        return self._grid_diagonal().ravel()

    def _grid_diagonal(self) -> np.ndarray:
        if not self.constant:
            return self._diagonals[0]
        total = np.zeros(self.grid_shape, dtype=self.dtype)
        for axis, values in enumerate(self._diagonals):
            total += self._along(axis, values)
        return total

    def to_sparse(self) -> csr_array:
        """Return the entries as a SciPy CSR array; O(n) time, about 5 ms for each 100 000 unknowns."""
        from scipy.sparse import dia_array

        n = self.shape[0]
        bands: dict[int, np.ndarray] = {0: self.diagonal()}
        for axis, along in enumerate(self.couplings):
            stride = prod(self.grid_shape[axis + 1 :])
            inside, around = along.copy(), np.zeros_like(along)
            last = tuple([slice(None)] * axis + [-1])
            inside[last], around[last] = 0.0, along[last]
            for values, offset in ((inside, stride), (around, stride * (1 - self.grid_shape[axis]))):
                if values.any():
                    values = values.ravel()
                    for band, shift in ((offset, offset), (-offset, 0)):  # column j of a band holds A[j - band, j]
                        bands.setdefault(band, np.zeros(n, dtype=self.dtype))
                        bands[band] -= np.roll(values, shift)
        matrix: Any = dia_array((np.stack(list(bands.values())), list(bands)), shape=self.shape)
        return matrix.tocsr()

    def to_dense(self) -> np.ndarray:
        """Return the entries as a NumPy array."""
        return self.to_sparse().toarray()

    def astype(self, dtype: Any) -> Stencil:
        """Return the operator with entries of another dtype, float32 or float64."""
        dtype = arguments.floating(dtype)
        if dtype == self.dtype:
            return self
        other = copy(self)
        vars(other).pop("_kernel_arguments", None)
        other._tensors = Tensors()
        other.dtype = dtype
        other._diagonals = tuple(values.astype(dtype) for values in self._diagonals)
        if self.constant:
            other._weights = self._weights.astype(dtype)
            other.couplings = tuple(
                self._spread(axis, self._line(axis).astype(dtype)) for axis in range(len(self.couplings))
            )
        else:
            other.couplings = tuple(along.astype(dtype) for along in self.couplings)
        return other

    def _line(self, axis: int) -> np.ndarray:
        """Return the couplings along one line of cells."""
        return np.moveaxis(self.couplings[axis], axis, 0).reshape(self.grid_shape[axis], -1)[:, 0]

    def _apply(self, x: Array) -> Array:
        if is_torch_array(x) and x.device.type != "cpu":
            return self._multiply_tensor(x)
        return through_numpy(self._multiply, x)

    def _multiply(self, x: np.ndarray) -> np.ndarray:
        from ritz.kernels import stencil as kernels

        dtype = np.result_type(self.dtype, x.dtype)
        if dtype != self.dtype:
            return self.astype(dtype)._multiply(x)
        columns = x.size // self.shape[0]
        if columns > 1 and x.flags.f_contiguous:  # columns that lie whole in memory stay so
            y = np.empty_like(x, dtype=dtype)
            for j in range(columns):
                y[:, j] = self._multiply(x[:, j])
            return y
        x = np.ascontiguousarray(x, dtype=dtype)
        y = np.empty_like(x)
        if not columns:
            return y
        grid, arrays = self._kernel_arguments
        kernel: Any
        if self.constant:
            shape, kernel = (*grid[:-1], grid[-1] * columns), kernels.constant[len(grid)]
            kernel(y.reshape(shape), x.reshape(shape), *arrays, columns)
        else:
            shape = grid if columns == 1 else (*grid, columns)
            kernel = (kernels.variable if columns == 1 else kernels.variable_block)[len(grid)]
            kernel(y.reshape(shape), x.reshape(shape), *arrays)
        return y

    @cached_property
    def _kernel_arguments(self) -> tuple[tuple[int, ...], tuple[np.ndarray, ...]]:
        """Grid and arrays as the compiled kernels take them; one dimension is two with a single row."""
        arrays = (*self._diagonals, self._weights) if self.constant else (*self._diagonals, *self.couplings)
        if len(self.grid_shape) > 1:
            return self.grid_shape, arrays
        first, second = arrays
        if self.constant:
            return (1, *self.grid_shape), (np.zeros(1, self.dtype), first, np.vstack([np.zeros_like(second), second]))
        return (1, *self.grid_shape), (first[None], np.zeros_like(second[None]), second[None])

    def _multiply_tensor(self, x: Any) -> Any:
        from ritz.kernels.stencil_tensor import multiply

        diagonal, *couplings = self._tensors.like(x, "entries", lambda: self._as_tensors(x))
        periodic = [sides[0] == "periodic" for sides in self.boundary]
        field = x.reshape((*self.grid_shape, prod(x.shape[1:])))
        return multiply(field, diagonal, couplings, periodic).reshape(x.shape)

    def _as_tensors(self, x: Any) -> list[Any]:
        """Return diagonal and couplings as tensors like `x`, not spread out where one number serves an axis."""
        couplings = self.couplings
        if self.constant:
            couplings = [self._along(axis, self._line(axis)) for axis in range(len(couplings))]
        return [asarray_like(np.array(values)[..., None], x) for values in (self._grid_diagonal(), *couplings)]
