"""Incomplete Cholesky factors on the pattern of the matrix, plain and modified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator, Stencil, Tag
from ritz.operators.checks import asymmetry
from ritz.operators.sparse_entries import sparse_entries
from ritz.registry import preconditioners

from .sweeps import StencilSweeps, TriangularSweeps, grid_entries

__all__ = ["IncompleteCholesky", "ModifiedIncompleteCholesky", "NotPositiveDefinite"]

FIRST_SHIFT = 1e-3
SHIFT_GROWTH = 4.0
MOST_LOST = 0.03  # share of the dropped fill that is not added, where the bandwidth tells nothing of a grid
SMALLEST_PIVOT = 100  # as a multiple of what rounding makes of the diagonal entry


class NotPositiveDefinite(InvalidProblem):
    """An entry on the diagonal shows that the operator is not positive definite."""


@preconditioners.register("incomplete-cholesky")
@dataclass(frozen=True)
class IncompleteCholesky:
    """IC(0): the Cholesky factor on the pattern of A, fill being dropped :cite:`MeijerinkvanderVorst1977`.

    Exists for M-matrices. Where a pivot is not positive otherwise, ``A + s diag(A)`` is factored instead, with
    ``s = 0.001`` and four times as much until it succeeds. Rows that are zero are left alone. Costs about two
    products to build and one to apply; symmetric positive definite. On a `ritz.operators.Stencil` only the pivots
    are computed, grid lines overlap in the sweeps, and scaled factors are kept in single precision: a third of
    the time and a quarter of the memory. A periodic axis of three cells counts the fill within it as dropped there.

    Raises
    ------
    InvalidProblem
        From `build`, for an operator without entries, not symmetric, or with an entry on the diagonal that is
        negative, or zero in a row that is not.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "cg", preconditioner="incomplete-cholesky").iterations
    1
    """

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        return _factor(operator, 0.0, "incomplete-cholesky")


@preconditioners.register("modified-incomplete-cholesky")
@dataclass(frozen=True)
class ModifiedIncompleteCholesky:
    """MIC(0): IC(0) with the dropped fill added to the diagonal, so that row sums are kept :cite:`Gustafsson1978`.

    On second-order elliptic problems the condition number falls from O(h^-2) to O(h^-1). Pivots that are not
    positive, costs and errors as for `IncompleteCholesky`.

    Parameters
    ----------
    relaxation : float, optional
        Share of the dropped fill that is added, from 0 (IC(0)) to 1 (row sums kept exactly, which can break down).
        If None, ``1 - 1/N`` on a grid of N cells along its longest side, which was measured to take within 15 %
        of the fewest iterations on grids of 32 cells a side or more; N is read off the bandwidth of other operators,
        and 0.97 taken where that says less.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[2.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 2.0]])
    >>> ritz.solve(A, np.ones(3), "cg", preconditioner="modified-incomplete-cholesky").iterations
    1
    """

    relaxation: float | None = None

    def __post_init__(self):
        if self.relaxation is not None and not 0.0 <= self.relaxation <= 1.0:
            raise InvalidProblem(f"relaxation is {self.relaxation}; it must lie between 0 and 1, or be None")

    def build(self, operator: Operator) -> Operator:
        """Return the approximate inverse of `operator`."""
        return _factor(operator, self.relaxation, "modified-incomplete-cholesky")


def _factor(operator: Operator, relaxation: float | None, name: str) -> Operator:
    if isinstance(operator, Stencil):
        return _factor_stencil(operator, relaxation, name)
    from .kernels.incomplete_cholesky import incomplete_factors

    matrix = sparse_entries(operator, f"preconditioner {name!r}")
    if Tag.SYMMETRIC not in operator.tags and asymmetry(operator):
        raise InvalidProblem(f"preconditioner {name!r} needs a symmetric operator; use 'incomplete-lu'")
    matrix, entries = _with_positive_diagonal(matrix, name)
    pivots = matrix.data[entries].copy()
    smallest = SMALLEST_PIVOT * np.finfo(matrix.dtype).eps * pivots
    diagonal = np.empty_like(pivots)
    if relaxation is None:
        reach = np.arange(matrix.shape[0]) - matrix.indices[matrix.indptr[:-1]]
        relaxation = 1.0 - min(MOST_LOST, float(reach.max()) / matrix.shape[0])
    shift = 0.0
    while True:
        values = matrix.data.copy()
        values[entries] += values.dtype.type(shift) * pivots
        failed = incomplete_factors(
            matrix.indptr, matrix.indices, values, values.dtype.type(relaxation), diagonal, smallest
        )
        if failed < 0:
            factors = type(matrix)((values, matrix.indices, matrix.indptr), shape=matrix.shape)
            return TriangularSweeps(factors, diagonal, symmetric=True)
        shift = max(FIRST_SHIFT, SHIFT_GROWTH * shift)


def _factor_stencil(stencil: Stencil, relaxation: float | None, name: str) -> StencilSweeps:
    from .kernels.stencil_cholesky import invert_pivots

    if relaxation is None:
        relaxation = 1.0 - 1.0 / max(stencil.grid_shape)
    diagonal, links = grid_entries(stencil)
    later = np.zeros_like(diagonal)
    for axis, along in enumerate(links):
        layers, totals = np.moveaxis(along, axis, 0), np.moveaxis(later, axis, 0)
        totals[:-1] += layers[:-1]
        totals[0] += layers[-1]
    diagonal[(diagonal == 0) & (later == 0)] = 1  # isolated cells, whose rows are zero
    wrong = diagonal.ravel() <= 0
    if wrong.any():
        raise _not_positive(diagonal.ravel(), wrong, name)
    number, inverse = stencil.dtype.type, np.empty_like(diagonal)
    smallest = number(SMALLEST_PIVOT * np.finfo(number).eps)
    shift = 0.0
    while invert_pivots(diagonal, links, later, number(relaxation), number(shift), smallest, inverse) >= 0:
        shift = max(FIRST_SHIFT, SHIFT_GROWTH * shift)
    return StencilSweeps(stencil, links, inverse)


def _not_positive(diagonal: np.ndarray, wrong: np.ndarray, name: str) -> NotPositiveDefinite:
    row = int(np.flatnonzero(wrong)[0])
    return NotPositiveDefinite(
        f"preconditioner {name!r} needs a positive diagonal, and entry {row} is {diagonal[row]:g}: the operator is not"
        " positive definite; use 'minres' or 'lu'"
    )


def _with_positive_diagonal(matrix: Any, name: str) -> tuple[Any, np.ndarray]:
    """Return the matrix with ones on the diagonal of its zero rows, and where its diagonal entries are stored."""
    from scipy.sparse import diags_array

    diagonal = matrix.diagonal()
    wrong = diagonal <= 0
    if wrong.any():
        used = np.asarray(abs(matrix).sum(axis=1)).ravel() > 0
        if (wrong & used).any():
            raise _not_positive(diagonal, wrong & used, name)
        matrix = (matrix + diags_array(wrong.astype(matrix.dtype))).tocsr()
        matrix.sum_duplicates()
    rows = np.repeat(np.arange(matrix.shape[0], dtype=matrix.indices.dtype), np.diff(matrix.indptr))
    return matrix, np.flatnonzero(matrix.indices == rows)
