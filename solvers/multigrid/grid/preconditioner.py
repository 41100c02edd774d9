"""Multigrid cycles on grids as preconditioners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_integer
from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Stencil, Tag
from ritz.operators.operator import through_numpy
from ritz.registry import preconditioners

from .coarse_grids import coarse_grids
from .cycle import GridCycle
from .grid_stencil import GridStencil, from_matrix, from_stencil
from .hierarchy import GridHierarchy
from .precision import single_precision_suffices

__all__ = ["WIDE_SPREAD", "GridMultigrid", "MultigridInverse", "diagonal_spread"]

WIDE_SPREAD = 1e7  # ratio of diagonal entries above which single precision loses the smaller ones


@preconditioners.register("multigrid")
@dataclass(frozen=True)
class GridMultigrid:
    """One multigrid cycle on a grid, with interpolation that follows the operator :cite:`Dendy1982`.

    For symmetric positive (semi-)definite operators that couple only cells that touch: a `ritz.operators.Stencil`, or
    a sparse matrix on a grid with up to 9 entries per row in the plane and 27 in space. Grids may have any number of
    cells along each axis, obstacles, walls one cell thin, jumping coefficients, and Neumann and periodic sides.
    Anisotropy along an axis is handled by semi-coarsening. The preconditioner is symmetric positive definite. O(n)
    time and memory: the setup costs about as much as four cycles, and a cycle about as much as 15 products in single
    precision.

    Parameters
    ----------
    shape : tuple of int, optional
        Cells of the grid along each axis, for operators that are not a `ritz.operators.Stencil`.
    smoothing : int
        Degree, from 1 to 20, of the Chebyshev smoother before and after the coarse-grid correction.
    cycle : {"auto", "V", "W"}
        ``"V"`` visits the third and fourth grid once per cycle, ``"W"`` twice; ``"auto"`` decides after a few cycles
        on the coarser grids.
    precision : {"auto", "single", "double"}
        Precision of the cycle. ``"auto"`` is single precision unless diagonal entries differ by a factor of more than
        1e7 or the operator is nearly singular.

    Raises
    ------
    UnknownName
        For an unknown `cycle` or `precision`.
    InvalidProblem
        From `build`, if the operator is not on a grid, couples cells that do not touch, or has a negative diagonal
        entry.

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
        check_integer("smoothing", self.smoothing, 1, 20)
        check_choice("cycle", self.cycle, ("auto", "V", "W"))
        check_choice("precision", self.precision, ("auto", "single", "double"))

    def build(self, operator: Operator) -> MultigridInverse:
        """Return the approximate inverse of `operator`."""
        stencil = self._stencil(operator)
        smallest = stencil.diagonal.min()
        if not np.isfinite(smallest) or smallest < 0:
            raise InvalidProblem(
                f"multigrid needs a positive diagonal, and an entry is {smallest:g}: the operator is not"
                " positive definite; use 'minres' or 'lu'"
            )
        grids = coarse_grids(stencil)
        options: dict[str, Any] = {
            "degree": self.smoothing,
            "ratio": 2.0 * self.smoothing,
            "visits": {"V": 1, "W": 2}.get(self.cycle, 0),
            "singular": operator.nullspace is not None,
        }
        wide = self.precision == "auto" and diagonal_spread(stencil.diagonal) > WIDE_SPREAD
        if not wide and self.precision != "double":
            hierarchy = GridHierarchy(grids, np.float32, **options)
            unknowns = operator.shape[0]
            if self.precision == "single" or single_precision_suffices(hierarchy.smallest_eigenvalue(), unknowns):
                return MultigridInverse(operator, hierarchy)
        return MultigridInverse(operator, GridHierarchy(grids, np.float64, **options))

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
    """One multigrid cycle as an approximate inverse.

    Parameters
    ----------
    operator : Operator
        The operator to invert.
    hierarchy : GridCycle
        Hierarchy of the operator.
    remarks : mapping, optional
        Additional statistics.
    """

    def __init__(self, operator: Operator, hierarchy: GridCycle, remarks: Mapping[str, Any] | None = None):
        self.shape, self.dtype = operator.shape, operator.dtype
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        self.hierarchy, self._remarks = hierarchy, remarks or {}
        self._left_out = np.flatnonzero(hierarchy.left_out)
        diagonal = operator.diagonal()[self._left_out]
        self._inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)

    @property
    def stats(self) -> Mapping[str, Any]:
        """Statistics of the hierarchy, and the remarks."""
        return {**self.hierarchy.stats, **self._remarks}

    def _apply(self, x: Array) -> Array:
        return through_numpy(self._cycles, x)

    def _cycles(self, x: np.ndarray) -> np.ndarray:
        columns = x.reshape(self.shape[0], -1)
        out = np.empty_like(columns)
        for j in range(columns.shape[1]):
            column = np.ascontiguousarray(columns[:, j])
            size = float(np.abs(column).max(initial=0.0)) or 1.0  # single precision has a narrow range
            out[:, j] = self.hierarchy.unpad(self.hierarchy.cycle(self.hierarchy.pad(column, 1.0 / size)))
            out[:, j] *= size
            self.solve_left_out(out[:, j], column)
        return out.reshape(x.shape)

    def solve_left_out(self, x: np.ndarray, rhs: np.ndarray) -> None:
        """Write the solution to cells that are not unknowns of the hierarchy, such as obstacles."""
        x[self._left_out] = rhs[self._left_out] * self._inverse


def diagonal_spread(diagonal: np.ndarray) -> float:
    """Return the ratio of the largest to the smallest positive entry."""
    used = diagonal[diagonal > 0]
    return float(used.max() / used.min()) if used.size else 1.0
