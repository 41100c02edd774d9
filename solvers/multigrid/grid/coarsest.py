"""Solving on the coarsest grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.operators.sparse_factors import sparse_factors

from .grid_stencil import GridStencil
from .off_grid_unknowns import Detached

__all__ = ["CoarsestSolve"]

DENSE = 700  # unknowns up to which an inverse is formed
ROUNDING = 1e-13
SINGULAR = 1e-9  # row sums, relative to the diagonal, below which a region counts as without walls


class CoarsestSolve:
    """The inverse of the operator on the coarsest grid, symmetric, and zero on constants of regions it is zero on.

    It is in double precision always, since what jumps and nearly closed rooms leave there may be ill conditioned.

    Parameters
    ----------
    stencil : GridStencil
    detached : Detached
    dtype : dtype
        Of vectors.
    """

    def __init__(self, stencil: GridStencil, detached: Detached, dtype: Any):
        matrix, self._places = _assemble(stencil, detached)
        self._labels, self._sizes, matrix = _grounded(matrix)
        self._layout = stencil.layout
        self._solution = np.zeros(stencil.layout.size + detached.count, dtype=dtype)
        self._inverse: Any = None
        if self._places.size <= DENSE:
            self._inverse = _definite_inverse(matrix.toarray())
        else:
            self._factors = sparse_factors(matrix, symmetric=True)

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """Return the solution, in an array that the next call overwrites."""
        values = self._balanced(rhs[self._places].astype(np.float64))
        values = self._factors.solve(values) if self._inverse is None else self._inverse @ values
        self._solution[self._places] = self._balanced(values)
        self._layout.refresh(self._solution)
        return self._solution

    def _balanced(self, values: np.ndarray) -> np.ndarray:
        """Return `values` less their mean over each region without walls."""
        if not self._sizes.size:
            return values
        sums = np.bincount(self._labels, values, self._sizes.size + 1)[:-1]
        return values - np.append(sums / self._sizes, 0.0)[self._labels]


def _definite_inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse, with negative eigenvalues turned where there are any: who iterates will find them."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

    scale = 1.0 / np.sqrt(matrix.diagonal())
    scaled = scale[:, None] * matrix * scale
    try:
        return scale[:, None] * cho_solve(cho_factor(scaled), np.diag(scale))
    except LinAlgError:
        values, vectors = eigh(scaled)
        vectors *= scale[:, None]
        return (vectors / np.maximum(np.abs(values), 1e-10)) @ vectors.T


def _assemble(stencil: GridStencil, detached: Detached) -> tuple[Any, np.ndarray]:
    """Return the matrix of the unknowns, and where they are in a vector."""
    from scipy.sparse import coo_array

    layout = stencil.layout
    cells = layout.flat(np.indices(layout.cells).reshape(3, -1))
    cells = cells[stencil.diagonal[cells] > 0]
    places = np.append(cells, layout.size + np.arange(detached.count))
    number = np.full(layout.size + detached.count, -1)
    number[places] = np.arange(places.size)
    rows, columns, values = [[links] for links in detached.links(layout.size)]
    for offset in stencil.couplings:
        rows.append(cells)
        columns.append(layout.flat(layout.places(cells + layout.distance(offset))))
        values.append(stencil.row_entries(cells, offset))
    i, j, v = number[np.concatenate(rows)], number[np.concatenate(columns)], np.concatenate(values)
    used = (i >= 0) & (j >= 0)
    i, j, v = i[used], j[used], v[used]
    own, diagonal = np.arange(places.size), np.append(stencil.diagonal[cells], detached.diagonal)
    coupled = np.abs(v) > ROUNDING * np.sqrt(diagonal[i] * diagonal[j])  # what rounding leaves joins no regions
    i, j, v = i[coupled], j[coupled], v[coupled]
    entries = np.concatenate([v, v, diagonal]), (np.concatenate([i, j, own]), np.concatenate([j, i, own]))
    return coo_array(entries, shape=(places.size, places.size)).tocsr(), places


def _grounded(matrix: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Make regions without walls definite, by holding one unknown of each.

    Returns
    -------
    labels : ndarray of int
        Number of the region without walls that each unknown is in; the number of such regions elsewhere.
    sizes : ndarray
        Unknowns of each such region.
    matrix : sparse array
        With the held unknowns' diagonal entries doubled, which changes no solution whose right-hand side sums to
        zero over a region, but for a constant.
    """
    from scipy.sparse import diags_array
    from scipy.sparse.csgraph import connected_components

    count, regions = connected_components(matrix, directed=False)
    diagonal = matrix.diagonal()
    sums = np.bincount(regions, np.abs(matrix.sum(axis=1)), count)
    singular = np.flatnonzero(sums <= SINGULAR * np.bincount(regions, diagonal, count))
    number = np.full(count, singular.size)
    number[singular] = np.arange(singular.size)
    labels = number[regions]
    held = np.zeros(diagonal.size)
    _, first = np.unique(labels, return_index=True)
    first = first[labels[first] < singular.size]
    held[first] = diagonal[first]
    return labels, np.bincount(labels, minlength=singular.size + 1)[:-1], matrix + diags_array(held)
