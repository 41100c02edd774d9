"""Second-order diffusion on a grid, stored as what couples neighbouring cells."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.boundary import BoundaryLike, parse_boundary
from ritz.errors import InvalidProblem
from ritz.operators.finite_volumes import constant_axis, regions, variable_couplings
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag, through_numpy

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Stencil"]

WALL = {"cell": 2.0, "vertex": 1.0}  # coupling to a Dirichlet wall, which is half a cell or a whole one away


class Stencil(Operator):
    r"""The operator :math:`-\nabla\cdot(c\nabla u) + \sigma u` on a box, in conservative finite volumes.

    A row has 3, 5 or 7 entries in one, two or three dimensions. All cells of the grid are unknowns, in C order (the
    last axis runs fastest). Nothing is assembled: products run over the grid, at the speed of memory where the
    coefficient is constant.

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
        self.grid_shape = _grid_shape(shape)
        dimension, size = len(self.grid_shape), int(np.prod(self.grid_shape))
        self.shape, self.dtype = (size, size), _floating(dtype)
        self.spacing = _positive("spacing", spacing, dimension)
        self.boundary = parse_boundary(boundary, dimension)
        self.shift = _shift(shift)
        self.centering, self.solid_boundary = centering, solid_boundary
        if centering not in WALL:
            raise InvalidProblem(f"centering is {centering!r}; it must be 'cell' or 'vertex'")
        if solid_boundary not in ("neumann", "dirichlet"):
            raise InvalidProblem(f"solid_boundary is {solid_boundary!r}; it must be 'neumann' or 'dirichlet'")
        self.solid = _mask(solid, self.grid_shape)
        coefficient = 1.0 if coefficient is None else coefficient
        scalars = np.ndim(coefficient) == 0 or (np.shape(coefficient) == (dimension,) != self.grid_shape)
        self.constant = bool(scalars and self.solid is None)
        if self.constant:
            self._assemble_constant(_positive("coefficient", coefficient, dimension))
        elif scalars:
            values = _positive("coefficient", coefficient, dimension)
            self._assemble([np.broadcast_to(value, self.grid_shape) for value in values])
        else:
            self._assemble([_cell_values(coefficient, self.grid_shape, self.solid)] * dimension)

    def _assemble_constant(self, coefficient: tuple[float, ...]) -> None:
        couplings: list[np.ndarray] = []
        weights, diagonals = np.zeros((len(coefficient), 2)), list[np.ndarray]()
        fixed = False
        for axis, (value, step, sides) in enumerate(zip(coefficient, self.spacing, self.boundary, strict=True)):
            along, walls = constant_axis(self.grid_shape[axis], value / step**2, sides, WALL[self.centering])
            fixed = fixed or bool(walls.any())
            weights[axis] = value / step**2, along[-1]
            diagonals.append((along + np.roll(along, 1) + walls).astype(self.dtype))
            couplings.append(np.broadcast_to(self._along(axis, along.astype(self.dtype)), self.grid_shape))
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
            stride = int(np.prod(self.grid_shape[axis + 1 :]))
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
        dtype = _floating(dtype)
        if dtype == self.dtype:
            return self
        other = copy(self)
        for cached in ("_tensors", "_kernel_arguments"):
            other.__dict__.pop(cached, None)
        other.dtype = dtype
        other._diagonals = tuple(values.astype(dtype) for values in self._diagonals)
        if self.constant:
            other._weights = self._weights.astype(dtype)
            cast = (along[self._line(axis)].astype(dtype) for axis, along in enumerate(self.couplings))
            other.couplings = tuple(
                np.broadcast_to(self._along(axis, line), self.grid_shape) for axis, line in enumerate(cast)
            )
        else:
            other.couplings = tuple(along.astype(dtype) for along in self.couplings)
        return other

    def _line(self, axis: int) -> tuple[slice | int, ...]:
        return tuple(slice(None) if other == axis else 0 for other in range(len(self.grid_shape)))

    def _apply(self, x: Array) -> Array:
        if is_torch_array(x) and (x.requires_grad or x.device.type != "cpu"):
            return self._multiply_tensor(x)
        return through_numpy(self._multiply, x)

    def _multiply(self, x: np.ndarray) -> np.ndarray:
        from ritz.kernels import stencil as kernels

        dtype = np.result_type(self.dtype, x.dtype)
        if dtype != self.dtype:
            return self.astype(dtype)._multiply(x)
        x = np.ascontiguousarray(x, dtype=dtype)
        y = np.empty_like(x)
        columns = x.size // self.shape[0]
        if not columns:
            return y
        grid, arrays = self._kernel_arguments
        if self.constant:
            shape, kernel = (*grid[:-1], grid[-1] * columns), kernels.constant[len(grid)]
            arrays = (*arrays, columns)
        elif columns == 1:
            shape, kernel = grid, kernels.variable[len(grid)]
        else:
            shape, kernel = (*grid, columns), kernels.variable_block[len(grid)]
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
        diagonal, couplings = self._tensors_for(x)
        field = x.reshape(*self.grid_shape, -1)
        result = diagonal * field
        for axis, along in enumerate(couplings):
            last = self.grid_shape[axis] - 1
            lower, upper, link = field.narrow(axis, 0, last), field.narrow(axis, 1, last), along.narrow(axis, 0, last)
            result.narrow(axis, 0, last).sub_(link * upper)
            result.narrow(axis, 1, last).sub_(link * lower)
            if self.boundary[axis][0] == "periodic":
                first, final, link = (
                    values.narrow(axis, at, 1) for values, at in ((field, 0), (field, last), (along, last))
                )
                result.narrow(axis, last, 1).sub_(link * first)
                result.narrow(axis, 0, 1).sub_(link * final)
        return result.reshape(x.shape)

    def _tensors_for(self, x: Any) -> tuple[Any, list[Any]]:
        """Return diagonal and couplings as tensors like `x`, broadcast where they are constant; sent there once."""
        key = (x.device, x.dtype)
        if key not in self._tensors:
            if self.constant:
                couplings = [self._along(axis, along[self._line(axis)]) for axis, along in enumerate(self.couplings)]
            else:
                couplings = self.couplings
            diagonal, *couplings = (
                asarray_like(np.array(values)[..., None], x) for values in (self._grid_diagonal(), *couplings)
            )
            self._tensors[key] = diagonal, couplings
        return self._tensors[key]

    @cached_property
    def _tensors(self) -> dict[Any, Any]:
        return {}


def _grid_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    cells = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if not 1 <= len(cells) <= 3 or not all(isinstance(n, int | np.integer) and n > 0 for n in cells):
        raise InvalidProblem(f"shape is {shape!r}; it must be one to three positive numbers of cells")
    return tuple(int(n) for n in cells)


def _floating(dtype: Any) -> np.dtype:
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found not in (np.float32, np.float64):
        raise InvalidProblem(f"dtype is {dtype!r}; a stencil has float32 or float64 entries")
    return np.dtype(found)


def _numbers(name: str, values: Any) -> np.ndarray:
    found = values if isinstance(values, np.ndarray) else np.asarray(to_numpy(values))
    if found.dtype.kind not in "biuf":
        raise InvalidProblem(f"{name} has dtype {found.dtype}; it must be real numbers")
    return found.astype(np.float64)


def _positive(name: str, values: Any, dimension: int) -> tuple[float, ...]:
    found = _numbers(name, values)
    if found.shape not in ((), (dimension,)):
        raise InvalidProblem(f"{name} has shape {found.shape}; it must be one number or {dimension}, one an axis")
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise InvalidProblem(f"{name} is {values!r}; it must be positive and finite")
    return tuple(np.broadcast_to(found, (dimension,)).tolist())


def _cell_values(coefficient: Any, shape: tuple[int, ...], solid: np.ndarray | None) -> np.ndarray:
    values = _numbers("coefficient", coefficient)
    if values.shape != shape:
        raise InvalidProblem(
            f"coefficient has shape {values.shape}; it must be a number, {len(shape)} numbers (one an axis), or cell"
            f" values of shape {shape}"
        )
    bad = ~(np.isfinite(values) & (values > 0))
    if solid is not None:
        bad &= ~solid
    if bad.any():
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise InvalidProblem(
            f"coefficient is {values[where]} at cell {where} and not positive and finite in {int(bad.sum())} cells"
        )
    return values


def _mask(solid: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    if solid is None:
        return None
    mask = np.asarray(to_numpy(solid))
    if mask.shape != shape or mask.dtype != bool:
        raise InvalidProblem(
            f"solid has shape {mask.shape} and dtype {mask.dtype}; it must be a boolean array of shape {shape}"
        )
    if mask.all():
        raise InvalidProblem("solid is True in every cell: there is nothing left to solve for")
    return mask.copy() if mask.any() else None


def _shift(shift: Any) -> float:
    value = _numbers("shift", shift)
    if value.ndim or not np.isfinite(value):
        raise InvalidProblem(f"shift is {shift!r}; it must be one finite number")
    return float(value)
