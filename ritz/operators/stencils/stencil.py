"""Second-order diffusion on a grid, stored as couplings between neighbouring cells."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ritz.backend import Array, asarray_like, compiled_loops_pay, is_torch_array
from ritz.errors import InvalidProblem
from ritz.operators.nullspace import Nullspace
from ritz.operators.operator import Operator, Tag, Tensors, through_numpy
from ritz.operators.stencils import arguments
from ritz.operators.stencils.boundary import BoundaryLike, parse_boundary
from ritz.operators.stencils.finite_volumes import (
    connected,
    constant_axis,
    regions,
    sides_of,
    variable_couplings,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Stencil"]

WALL = {"cell": 2.0, "vertex": 1.0}  # relative coupling to a Dirichlet wall, half a cell or a whole cell away
ASSEMBLY = 20  # products that take as long as assembling the matrix


class Stencil(Operator):
    r"""The operator :math:`-\nabla\cdot(c\nabla u) + \sigma u` on a box, in conservative finite volumes.

    Rows have 3, 5 or 7 entries in one, two or three dimensions. All cells of the grid are unknowns, in C order (the
    last axis varies fastest). No matrix is assembled: products are compiled loops over the grid. A constant coefficient
    takes no memory; otherwise the diagonal and one coupling per axis are stored for each cell, less than half of what
    CSR needs. Products read all of these only if the coefficient varies; with obstacles alone, they read the diagonal
    and one byte per cell. Several threads share the work on large grids. The first product of each kind compiles its
    loop, which takes a second; the compiled loop is cached on disk.

    Parameters
    ----------
    shape : int or tuple of int
        Number of cells along each of one to three axes.
    spacing : float or sequence of float
        Distance between neighbouring unknowns: one number, or one per axis.
    coefficient : float, sequence of float, or ndarray of shape `shape`, optional
        The coefficient c > 0: one number, one per axis, or cell values, of which faces take the harmonic mean; 1 if
        None. Values in solid cells are ignored.
    boundary : str, mapping or tuple of pairs
        Homogeneous condition on each side; see `ritz.operators.stencils.boundary.parse_boundary`. A Neumann wall lies
        half a cell beyond the outermost unknowns.
    solid : ndarray of bool, shape `shape`, optional
        True in obstacles. Their rows are those of the identity times a typical diagonal entry, not coupled to the
        fluid; the right-hand side must be 0 there.
    solid_boundary : {"dirichlet", "neumann"}
        Condition on the walls of obstacles: u = 0, or no flux.
    shift : float
        The factor σ of u. With a negative factor (Helmholtz), the operator is tagged symmetric only.
    centering : {"cell", "vertex"}
        Whether Dirichlet walls lie half a cell (entry 2c/h²) or a whole cell (entry c/h², on a grid with
        h = 1/(n+1)) from the outermost unknowns.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    grid_shape : tuple of int
        Number of cells along each axis.
    couplings : tuple of ndarray
        For each axis, a read-only array of shape `grid_shape`: minus the entry between each cell and the next. The last
        layer couples back to the first and is zero unless the axis is periodic.
    constant : bool
        Whether the coupling is constant along each axis (scalar coefficients and no obstacles).

    Raises
    ------
    InvalidProblem
        If a parameter is out of range or of the wrong shape.

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
        solid_boundary: Literal["dirichlet", "neumann"] = "dirichlet",
        shift: float = 0.0,
        centering: Literal["cell", "vertex"] = "cell",
        dtype: Any = np.float64,
    ):
        self._begin(arguments.grid_shape(shape), arguments.floating(dtype))
        dimension = len(self.grid_shape)
        self.spacing = arguments.positive("spacing", spacing, dimension)
        try:
            self.boundary = parse_boundary(boundary, dimension)
        except TypeError:
            raise InvalidProblem(
                f"boundary is {boundary!r}; give 'dirichlet', 'neumann', 'periodic', 'mixed' or a mapping from sides"
            ) from None
        self.shift = arguments.finite("shift", shift)
        self.centering, self.solid_boundary = centering, solid_boundary
        if centering not in WALL:
            raise InvalidProblem(f"centering is {centering!r}; it must be 'cell' or 'vertex'")
        if solid_boundary not in ("dirichlet", "neumann"):
            raise InvalidProblem(f"solid_boundary is {solid_boundary!r}; it must be 'dirichlet' or 'neumann'")
        self.solid = arguments.mask(solid, self.grid_shape)
        coefficient = 1.0 if coefficient is None else coefficient
        scalars = np.ndim(coefficient) == 0 or (np.shape(coefficient) == (dimension,) != self.grid_shape)
        self.constant, self.uniform = bool(scalars and self.solid is None), bool(scalars)
        if self.constant:
            self._assemble_constant(arguments.positive("coefficient", coefficient, dimension))
        elif scalars:
            values = arguments.positive("coefficient", coefficient, dimension)
            self._assemble([np.broadcast_to(value, self.grid_shape) for value in values])
        else:
            self._assemble([arguments.cell_values(coefficient, self.grid_shape, self.solid)] * dimension)

    @classmethod
    def from_couplings(cls, couplings: Sequence[Any], walls: Any = 0.0, *, dtype: Any = np.float64) -> Stencil:
        """Return the operator with given couplings between neighbouring cells, as for coefficients known on faces.

        Parameters
        ----------
        couplings : sequence of ndarray
            For each axis, an array of the grid's shape: the coupling, at least 0, of each cell to the next (area times
            coefficient over distance and cell volume). The last layer couples back to the first and is 0 unless the
            axis is periodic.
        walls : float or ndarray of the grid's shape
            Terms added to the diagonal, at least 0: couplings to walls where u = 0, and any factor of u.
        dtype : dtype
            float32 or float64.

        Returns
        -------
        Stencil
            Its entries are ``-couplings`` between neighbours and, on the diagonal, ``walls`` plus the sum of a cell's
            couplings. `spacing` is 1. In `boundary`, a side is periodic if a coupling leads around it, Dirichlet if
            something is added to the diagonal in one of its cells, and Neumann otherwise.

        Raises
        ------
        InvalidProblem
            If a shape does not match, or a number is negative or not finite.

        Examples
        --------
        >>> Stencil.from_couplings([np.array([1.0, 3.0, 0.0])], np.array([2.0, 0.0, 0.0])).to_dense().tolist()
        [[3.0, -1.0, 0.0], [-1.0, 4.0, -3.0], [0.0, -3.0, 3.0]]
        """
        found = arguments.couplings(couplings)
        shape = found[0].shape
        added = arguments.not_negative("walls", walls)
        if added.shape not in ((), shape):
            raise InvalidProblem(f"walls has shape {added.shape}; it must be one number or of shape {shape}")
        added = np.broadcast_to(added, shape)
        operator = cls.__new__(cls)
        operator._begin(shape, arguments.floating(dtype))
        operator.spacing, operator.shift = (1.0,) * len(shape), 0.0
        operator.centering, operator.solid_boundary = "cell", "neumann"
        operator.solid, operator.constant, operator.uniform = None, False, False
        operator.boundary = sides_of(found, added)
        operator._finish(found, added, connected(found))
        return operator

    def _begin(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.grid_shape, self.dtype, self.shape = shape, dtype, (prod(shape), prod(shape))
        self._tensors = Tensors()

    def _assemble_constant(self, coefficient: tuple[float, ...]) -> None:
        couplings: list[np.ndarray] = []
        weights, diagonals = np.zeros((len(coefficient), 2)), list[np.ndarray]()
        fixed = False
        for axis, (value, step, sides) in enumerate(zip(coefficient, self.spacing, self.boundary, strict=True)):
            along, walls = constant_axis(self.grid_shape[axis], value / step**2, sides, WALL[self.centering])
            fixed = fixed or bool(walls.any())
            weights[axis] = value / step**2, along[-1]
            diagonal = along + np.roll(along, 1) + walls + (self.shift if axis == 0 else 0.0)
            diagonals.append(arguments.entries(diagonal, self.dtype))
            couplings.append(self._spread(axis, along.astype(self.dtype)))
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
        found = (np.zeros(self.shape[0], dtype=np.int32), 1)
        if self.solid is not None and self.shift == 0.0:
            found = regions(fluid, self.boundary)
        self._finish(couplings, walls, found)

    def _finish(self, couplings: Sequence[np.ndarray], walls: np.ndarray, regions: tuple[np.ndarray, int]) -> None:
        """Set entries, tags and nullspace; `regions` is a label per cell, -1 in obstacles, and the number of labels."""
        diagonal = walls + self.shift
        for axis, along in enumerate(couplings):
            diagonal += along + np.roll(along, 1, axis)
        if self.solid is not None:
            entries = np.abs(diagonal[~self.solid])
            diagonal[self.solid] = np.median(entries[entries > 0]) if entries.any() else 1.0
        self.couplings = tuple(arguments.entries(along, self.dtype) for along in couplings)
        self._diagonals = (arguments.entries(diagonal, self.dtype),)
        labels, count = regions
        fixed = np.bincount(labels[(walls > 0).ravel() & (labels >= 0)], minlength=count) > 0
        self.tags = self._tags(bool(fixed.all()))
        self._nullspace = None
        if Tag.SEMIDEFINITE in self.tags:
            renumber = np.append(np.where(fixed, -1, np.cumsum(~fixed) - 1), -1)  # label -1 reads the last entry
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
        """One constant per region of fluid that touches no Dirichlet wall, or None if there is no such region."""
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
        """Return the entries as a SciPy CSR array; takes O(n) time, about 5 ms per 100 000 unknowns."""
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
        return self if dtype == self.dtype else self._with_entries(dtype, 0)

    def times_power_of_two(self, exponent: int) -> Stencil:
        """Return the operator times ``2**exponent``, which is exact unless entries leave the range of the dtype."""
        other = self._with_entries(self.dtype, exponent)
        other.shift = float(np.ldexp(self.shift, exponent))
        return other

    def plus_identity(self, value: float) -> Stencil:
        """Return the operator plus a multiple of the identity, which adds to the shift; the couplings are shared.

        Examples
        --------
        >>> Stencil(2).plus_identity(3.0).to_dense().tolist()
        [[6.0, -1.0], [-1.0, 6.0]]
        """
        value = arguments.finite("value", value)
        other = copy(self)
        for cached in ("_loop", "_assembled"):
            vars(other).pop(cached, None)
        other._tensors = Tensors()
        other.shift = self.shift + value
        shifted = arguments.entries(self._diagonals[0] + value, self.dtype)
        other._diagonals = (shifted, *self._diagonals[1:])
        other.tags = other._tags(fixed=self._nullspace is None and self.shift >= 0)
        other._nullspace = self._nullspace if Tag.SEMIDEFINITE in other.tags else None
        return other

    def _with_entries(self, dtype: np.dtype, exponent: int) -> Stencil:
        def convert(values: np.ndarray) -> np.ndarray:
            return arguments.entries(np.ldexp(values, exponent) if exponent else values, dtype)

        other = copy(self)
        vars(other).pop("_loop", None)
        other._tensors = Tensors()
        other.dtype = dtype
        other._diagonals = tuple(convert(values) for values in self._diagonals)
        if self.constant:
            other._weights = convert(self._weights)
            other.couplings = tuple(
                self._spread(axis, convert(self._line(axis))) for axis in range(len(self.couplings))
            )
        else:
            other.couplings = tuple(convert(along) for along in self.couplings)
        return other

    def _line(self, axis: int) -> np.ndarray:
        """Return the couplings along one line of cells."""
        return np.moveaxis(self.couplings[axis], axis, 0).reshape(self.grid_shape[axis], -1)[:, 0]

    def __matmul__(self, other: Any) -> Any:
        if type(other) is np.ndarray and other.dtype == self.dtype and other.shape == self.shape[:1]:
            if not other.flags.c_contiguous:
                other = other.copy()
            # A shortcut, because on small grids the general checks take longer than the product.
            out = np.empty_like(other)
            self.multiply_into(other, out)
            return out
        return super().__matmul__(other)

    def _apply(self, x: Array) -> Array:
        if is_torch_array(x) and x.device.type != "cpu":
            return self._multiply_tensor(x)
        return through_numpy(self._multiply, x)

    def _multiply(self, x: np.ndarray) -> np.ndarray:
        if x.dtype != self.dtype:
            dtype = np.result_type(self.dtype, x.dtype)
            return self.astype(dtype)._multiply(x.astype(dtype))
        columns = x.size // self.shape[0]
        if columns > 1 and x.flags.f_contiguous:  # contiguous columns stay contiguous
            y = np.empty_like(x)
            for j in range(columns):
                self.multiply_into(x[:, j], y[:, j])
            return y
        x = np.ascontiguousarray(x)
        y = np.empty_like(x)
        if columns == 1:
            self.multiply_into(x.reshape(-1), y.reshape(-1))
        elif columns:
            self._multiply_block(x, y)
        return y

    def multiply_into(self, x: np.ndarray, out: np.ndarray) -> None:
        """Write the product with `x` to `out`.

        Both are contiguous vectors ``(n,)`` of the operator's dtype and must not overlap. Unlike ``operator @ x``, this
        allocates no memory, which on large grids costs as much as the product.
        """
        if not self._compiled():
            out[:] = self._assembled @ x
            return
        in_parallel_chunks, kernel, grid, work, fixed = self._loop
        in_parallel_chunks(kernel, grid[0], work, out, x, grid, *fixed)

    def _multiply_block(self, x: np.ndarray, out: np.ndarray) -> None:
        """Write the products with the columns of `x` to `out`; both are in C order."""
        columns = x.shape[1]
        if not self._compiled(columns):
            out[:] = self._assembled @ x
            return
        in_parallel_chunks, kernel, grid, work, fixed = self._loop
        if self.constant:
            in_parallel_chunks(kernel, grid[0], work * columns, out.reshape(-1), x.reshape(-1), grid, *fixed, columns)
            return
        from ritz.operators.stencils.kernels.variable import variable_block

        shape = (*grid, columns)
        entries = [values.reshape(grid) for values in (self._diagonals[0], *self._all_couplings(grid))]
        in_parallel_chunks(
            variable_block[len(grid)], grid[0], work * columns, out.reshape(shape), x.reshape(shape), *entries
        )

    def _compiled(self, columns: int = 1) -> bool:
        """Return whether compiled loops multiply the next columns, rather than SciPy."""
        if "_loop" in self.__dict__:
            return True
        moved = (2 + len(self.grid_shape)) * self.shape[0] * self.dtype.itemsize
        return compiled_loops_pay(moved * (columns if "_assembled" in self.__dict__ else columns + ASSEMBLY))

    @cached_property
    def _assembled(self) -> Any:
        return self.to_sparse()

    @cached_property
    def _loop(self) -> tuple[Any, Any, tuple[int, ...], int, tuple[Any, ...]]:
        """How to multiply a vector: ``in_parallel_chunks``, the kernel, its grid, the bytes moved, further arguments.

        The grid has at least two axes; a grid with a single axis becomes one row.
        """
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        grid = self.grid_shape if len(self.grid_shape) > 1 else (1, *self.grid_shape)
        periodic = self.boundary[-1][0] == "periodic"
        kernel: Any
        if self.constant:
            from ritz.operators.stencils.kernels.constant import constant

            kernel, fixed = constant[len(grid)], (*self._diagonals, self._weights)
            if len(self.grid_shape) == 1:
                weights = np.vstack([np.zeros_like(self._weights), self._weights])
                fixed = (arguments.entries(np.zeros(1), self.dtype), *self._diagonals, weights)
        elif self.uniform:
            from ritz.operators.stencils.kernels.masked import masked

            faces = np.zeros(self.grid_shape, dtype=np.uint8)
            for bit, (axis, along) in zip((0, 2, 4), reversed(list(enumerate(self.couplings))), strict=False):
                faces |= (np.roll(along, 1, axis) > 0).astype(np.uint8) << np.uint8(bit)
                faces |= (along > 0).astype(np.uint8) << np.uint8(bit + 1)
            weights = np.zeros(len(grid), dtype=self.dtype)
            weights[-len(self.couplings) :] = [along.max() for along in self.couplings]
            kernel, fixed = masked[len(grid)], (periodic, self._diagonals[0].ravel(), faces.ravel(), weights)
        else:
            from ritz.operators.stencils.kernels.variable import variable

            entries = [values.ravel() for values in (self._diagonals[0], *self._all_couplings(grid))]
            kernel, fixed = variable[len(grid)], (periodic, *entries)
        moved = sum(values.nbytes for values in fixed if isinstance(values, np.ndarray))
        return in_parallel_chunks, kernel, grid, moved + 2 * self.shape[0] * self.dtype.itemsize, fixed

    def _all_couplings(self, grid: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Return the couplings along each axis of `grid`, which may have an axis of one cell in front."""
        if len(grid) == len(self.couplings):
            return self.couplings
        return (arguments.entries(np.zeros(self.grid_shape), self.dtype), *self.couplings)

    def _multiply_tensor(self, x: Any) -> Any:
        from ritz.operators.stencils.kernels.tensor import multiply

        diagonal, *couplings = self._tensors.like(x, "entries", lambda: self._as_tensors(x))
        periodic = [sides[0] == "periodic" for sides in self.boundary]
        field = x.reshape((*self.grid_shape, prod(x.shape[1:])))
        return multiply(field, diagonal, couplings, periodic).reshape(x.shape)

    def _as_tensors(self, x: Any) -> list[Any]:
        """Return diagonal and couplings as tensors like `x`; couplings constant across lines stay one line per axis."""
        couplings = self.couplings
        if self.constant:
            couplings = [self._along(axis, self._line(axis)) for axis in range(len(couplings))]
        return [asarray_like(np.array(values)[..., None], x) for values in (self._grid_diagonal(), *couplings)]
