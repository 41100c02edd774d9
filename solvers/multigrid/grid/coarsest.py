"""Direct solution on the coarsest grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.operators.sparse_factors import sparse_factors

from .grid_stencil import GridStencil
from .off_grid_unknowns import OffGridUnknowns
from .work_arrays import WorkArrays

__all__ = ["CoarsestSolve"]

DENSE = 700  # largest number of unknowns for which a dense inverse is formed
ROUNDING = 1e-13  # couplings, relative to the diagonal, that are rounding errors
SINGULAR = 1e-9  # sum of the row sums, relative to the diagonal, up to which a region may be in the nullspace


class CoarsestSolve:
    """Symmetric (pseudo-)inverse of the operator on the coarsest grid.

    A connected region on which constants are in the nullspace is called singular; the inverse maps the constant on it
    to zero. The computation is in double precision, because jumps and nearly closed rooms may leave an
    ill-conditioned operator.

    Parameters
    ----------
    stencil : GridStencil
    off_grid : OffGridUnknowns
    dtype : dtype
        Data type of vectors.
    singular : bool
        Whether the operator has a nullspace; otherwise only regions that are singular up to rounding are so called.
    """

    def __init__(self, stencil: GridStencil, off_grid: OffGridUnknowns, dtype: Any, *, singular: bool = True):
        matrix, self._unknowns = _assemble(stencil, off_grid)
        self._labels, self._sizes, matrix = _grounded(matrix, SINGULAR if singular else ROUNDING)
        self._layout = stencil.layout
        self._work = WorkArrays(dtype, stencil.layout.size + off_grid.count)
        self._inverse: Any = None
        if self._unknowns.size <= DENSE:
            self._inverse = _definite_inverse(matrix.toarray())
        else:
            self._factors = sparse_factors(matrix, symmetric=True)

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """Return the solution, in an array that the thread's next call overwrites."""
        [solution] = self._work.arrays
        values = self._balanced(rhs[self._unknowns].astype(np.float64))
        values = self._factors.solve(values) if self._inverse is None else self._inverse @ values
        solution[self._unknowns] = self._balanced(values)
        self._layout.refresh(solution)
        return solution

    def _balanced(self, values: np.ndarray) -> np.ndarray:
        """Return `values` with the mean over each singular region subtracted."""
        if not self._sizes.size:
            return values
        sums = np.bincount(self._labels, values, self._sizes.size + 1)[:-1]
        return values - np.append(sums / self._sizes, 0.0)[self._labels]


def _definite_inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of a matrix that should be positive definite.

    If it is not, the inverse of its absolute value is returned, and the outer iteration detects that the operator is
    indefinite.
    """
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

    scale = 1.0 / np.sqrt(matrix.diagonal())
    scaled = scale[:, None] * matrix * scale
    try:
        return scale[:, None] * cho_solve(cho_factor(scaled), np.diag(scale))
    except LinAlgError:
        values, vectors = eigh(scaled)
        vectors *= scale[:, None]
        return (vectors / np.maximum(np.abs(values), 1e-10)) @ vectors.T


def _assemble(stencil: GridStencil, off_grid: OffGridUnknowns) -> tuple[Any, np.ndarray]:
    """Return the matrix of the unknowns, and their positions in a vector."""
    from scipy.sparse import coo_array

    layout = stencil.layout
    cells = layout.flat(np.indices(layout.cells).reshape(3, -1))
    cells = cells[stencil.diagonal[cells] > 0]
    unknowns = np.append(cells, layout.size + np.arange(off_grid.count))
    number = np.full(layout.size + off_grid.count, -1)
    number[unknowns] = np.arange(unknowns.size)
    rows, columns, values = [[links] for links in off_grid.links(layout.size)]
    for offset in stencil.couplings:
        rows.append(cells)
        columns.append(layout.flat(layout.coordinates(cells + layout.distance(offset))))
        values.append(stencil.row_entries(cells, offset))
    i, j, v = number[np.concatenate(rows)], number[np.concatenate(columns)], np.concatenate(values)
    used = (i >= 0) & (j >= 0)
    i, j, v = i[used], j[used], v[used]
    own, diagonal = np.arange(unknowns.size), np.append(stencil.diagonal[cells], off_grid.diagonal)
    coupled = np.abs(v) > ROUNDING * np.sqrt(diagonal[i] * diagonal[j])  # rounding errors must not connect regions
    i, j, v = i[coupled], j[coupled], v[coupled]
    entries = np.concatenate([v, v, diagonal]), (np.concatenate([i, j, own]), np.concatenate([j, i, own]))
    return coo_array(entries, shape=(unknowns.size, unknowns.size)).tocsr(), unknowns


def _grounded(matrix: Any, tolerance: float) -> tuple[np.ndarray, np.ndarray, Any]:
    """Make singular regions definite by increasing the diagonal entry of one unknown in each.

    Returns
    -------
    labels : ndarray of int
        Number of the singular region of each unknown; the number of such regions for all other unknowns.
    sizes : ndarray
        Number of unknowns of each singular region.
    matrix : sparse array
        The matrix with one diagonal entry per singular region doubled. If the right-hand side sums to zero over the
        region, this changes the solution there by a constant only.
    """
    from scipy.sparse import diags_array
    from scipy.sparse.csgraph import connected_components

    count, regions = connected_components(matrix, directed=False)
    diagonal = matrix.diagonal()
    sums = np.bincount(regions, np.abs(matrix.sum(axis=1)), count)
    singular = np.flatnonzero(sums <= tolerance * np.bincount(regions, diagonal, count))
    number = np.full(count, singular.size)
    number[singular] = np.arange(singular.size)
    labels = number[regions]
    held = np.zeros(diagonal.size)
    _, first = np.unique(labels, return_index=True)
    first = first[labels[first] < singular.size]
    held[first] = diagonal[first]
    return labels, np.bincount(labels, minlength=singular.size + 1)[:-1], matrix + diags_array(held)
