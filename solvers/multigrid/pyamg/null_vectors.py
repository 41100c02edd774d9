"""Null vectors on the coarse levels of hierarchies built by PyAMG.

On a region where constants are in the nullspace, such as a closed room, a coarse matrix is singular up to rounding.
What rounding leaves must not be inverted: neither by the smoother, where a single unknown is left of a region, nor on
the coarsest level.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["coarsest_inverse", "drop_null_unknowns"]

ROUNDING = 1000  # units of rounding, relative to the diagonal of the finest matrix, up to which an entry counts as zero
NULL = 10  # units of rounding, per unknown, up to which a singular value counts as zero


def drop_null_unknowns(levels: list[Any], dtype: Any) -> np.ndarray:
    """Set the entries of unknowns whose diagonal entry is a rounding error to zero, on all levels but the finest.

    Smoothers skip such unknowns.

    Parameters
    ----------
    levels : list of pyamg.multilevel.MultilevelSolver.Level
        Their matrices may be replaced.
    dtype
        Of the user's matrix; PyAMG's may be of higher precision than what they are made of.

    Returns
    -------
    ndarray
        Diagonal that each unknown of the coarsest level would have if the finest matrix were diagonal.
    """
    original = np.abs(levels[0].A.diagonal())
    for finer, level in pairwise(levels):
        original = abs(finer.R).multiply(abs(finer.P).T).tocsr() @ original
        null = np.abs(level.A.diagonal()) <= ROUNDING * np.finfo(dtype).eps * original
        if null.any():
            level.A = _without(level.A, null)
    return original


def _without(matrix: Any, left_out: np.ndarray) -> Any:
    """Return a matrix with zeros in the rows and columns that are left out, in the same format."""
    entries = matrix.tocoo()
    entries.data[left_out[entries.row] | left_out[entries.col]] = 0.0
    if matrix.format == "bsr":
        return type(matrix)(entries, blocksize=matrix.blocksize)
    return type(matrix)(entries)


def coarsest_inverse(matrix: Any, original: np.ndarray, dtype: Any, *, symmetric: bool) -> np.ndarray:
    """Return the pseudo-inverse of the matrix of the coarsest level, as an array.

    Parameters
    ----------
    matrix : sparse array, shape (m, m)
    original : ndarray, shape (m,)
        See `drop_null_unknowns`.
    dtype
        See `drop_null_unknowns`.
    symmetric : bool
    """
    dense, epsilon = matrix.toarray(), np.finfo(dtype).eps
    diagonal = np.abs(dense.diagonal())
    used = diagonal > ROUNDING * epsilon * original
    scale = np.divide(1.0, np.sqrt(diagonal), out=np.zeros_like(diagonal), where=used)
    left, values, right = np.linalg.svd(scale[:, None] * dense * scale, hermitian=symmetric)
    # Rounding errors of the coarse matrices are relative to the finest one.
    left, right = scale[:, None] * left, scale[:, None] * right.T
    size = np.sqrt((original @ left**2) * (original @ right**2))
    kept = (values > NULL * epsilon * diagonal.size) & (values > ROUNDING * epsilon * size)
    return (right[:, kept] / values[kept]) @ left[:, kept].T
