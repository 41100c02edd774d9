"""Multigrid on grids as an approximate inverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Stencil, Tag
from ritz.operators.operator import through_numpy
from ritz.registry import preconditioners

from ..learned.face_hierarchy import FaceHierarchy
from .cycle import Hierarchy
from .grid_stencil import GridStencil, from_matrix, from_stencil
from .hierarchy import build_grids

__all__ = ["WIDE", "GridMultigrid", "MultigridInverse", "diagonal_spread"]

WIDE = 1e7  # ratio of diagonal entries above which single precision loses the smaller ones


@preconditioners.register("multigrid")
@dataclass(frozen=True)
class GridMultigrid:
    """One multigrid cycle on a grid, with interpolation that follows the operator :cite:`Dendy1982`.

    For symmetric positive (semi-)definite operators that couple cells which touch: a `ritz.operators.Stencil`, or
    any sparse matrix over a grid with up to 9 entries a row in the plane and 27 in space. Any number of cells along
    an axis, obstacles, walls one cell thin, jumping coefficients, Neumann and periodic sides; anisotropy along an
    axis is met by semi-coarsening. Symmetric positive definite. O(n) time and memory: setting up costs about as much
    as four cycles, a cycle about as much as 15 products in single precision.

    Parameters
    ----------
    shape : tuple of int, optional
        Cells of the grid along each axis, for operators that do not know it.
    smoothing : int
        Degree of the Chebyshev polynomial that smooths before and after the coarse-grid correction.
    cycle : {"auto", "V", "W"}
        Whether the third and fourth grid are visited once or twice in a cycle; ``"auto"`` finds out by a few cycles
        from there on.
    precision : {"auto", "single", "double"}
        Of the cycle; ``"auto"`` is single where diagonal entries differ by less than 1e7.

    Raises
    ------
    InvalidProblem
        From `build`, for an operator not on a grid, with couplings beyond the cells that touch, or with an entry on
        the diagonal that is negative.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.poisson((100, 73), obstacles=4)
    >>> ritz.solve(system, "cg", preconditioner="multigrid").iterations < 12
    True
    """

    shape: tuple[int, ...] | None = None
    smoothing: int = 2
    cycle: str = "auto"
    precision: str = "auto"

    def __post_init__(self):
        if not isinstance(self.smoothing, int) or not 1 <= self.smoothing <= 20:
            raise InvalidProblem(f"smoothing is {self.smoothing!r}; it must be a whole number from 1 to 20")
        for name, values in (("cycle", ("auto", "V", "W")), ("precision", ("auto", "single", "double"))):
            if getattr(self, name) not in values:
                raise InvalidProblem(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(values)}")

    def build(self, operator: Operator) -> MultigridInverse:
        """Return the approximate inverse of `operator`."""
        stencil = self._stencil(operator)
        smallest = stencil.diagonal.min()
        if not np.isfinite(smallest) or smallest < 0:
            raise InvalidProblem(
                f"multigrid needs a positive diagonal, and it has {smallest:g}: the operator is not"
                " positive definite; use 'minres' or 'lu'"
            )
        double = self.precision == "double" or (self.precision == "auto" and diagonal_spread(stencil.diagonal) > WIDE)
        grids = build_grids(stencil)
        dtype = np.float64 if double else np.float32
        hierarchy = Hierarchy(
            grids, dtype, degree=self.smoothing, ratio=2.0 * self.smoothing, visits={"V": 1, "W": 2}.get(self.cycle, 0)
        )
        return MultigridInverse(operator, hierarchy)

    def _stencil(self, operator: Operator) -> GridStencil:
        if isinstance(operator, Stencil):
            return from_stencil(operator)
        if self.shape is None:
            raise InvalidProblem(
                f"multigrid needs a grid, and a {type(operator).__name__} has none: give shape=(cells along each axis),"
                " or use 'amg-cg' or preconditioner 'ruge-stuben'"
            )
        return from_matrix(operator, tuple(self.shape), "multigrid")


class MultigridInverse(Operator):
    """One cycle as an operator.

    Parameters
    ----------
    operator : Operator
        What it is the approximate inverse of.
    hierarchy : Hierarchy or FaceHierarchy
    remarks : mapping, optional
        To add to the statistics.

    Attributes
    ----------
    hierarchy : Hierarchy or FaceHierarchy
    """

    def __init__(
        self, operator: Operator, hierarchy: Hierarchy | FaceHierarchy, remarks: Mapping[str, Any] | None = None
    ):
        self.shape, self.dtype = operator.shape, operator.dtype
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        self.hierarchy, self._remarks = hierarchy, remarks or {}
        self._left_out = np.flatnonzero(hierarchy.left_out)
        diagonal = operator.diagonal()[self._left_out]
        self._inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Grids, visits, precision, and unknowns that are off the grid."""
        return {**self.hierarchy.stats, **self._remarks}

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._cycles, x)

    def _cycles(self, x: np.ndarray) -> np.ndarray:
        columns = x.reshape(self.shape[0], -1)
        out = np.empty_like(columns)
        for j in range(columns.shape[1]):
            column = np.ascontiguousarray(columns[:, j])
            size = float(np.abs(column).max(initial=0.0)) or 1.0  # single precision has a small range
            out[:, j] = self.hierarchy.unpad(self.hierarchy.cycle(self.hierarchy.pad(column, 1.0 / size)))
            out[:, j] *= size
            self.solve_left_out(out[:, j], column)
        return out.reshape(x.shape)

    def solve_left_out(self, x: np.ndarray, rhs: np.ndarray) -> None:
        """Write the solution to the cells that are no unknowns of the hierarchy, such as obstacles."""
        x[self._left_out] = rhs[self._left_out] * self._inverse


def diagonal_spread(diagonal: np.ndarray) -> float:
    """Return the largest over the smallest positive entry."""
    used = diagonal[diagonal > 0]
    return float(used.max() / used.min()) if used.size else 1.0
