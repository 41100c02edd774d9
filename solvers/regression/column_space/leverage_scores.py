"""Leverage scores: how much one row can matter to least squares."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.errors import UnknownName
from ritz.problem_types.lp_regression import check_matrix

from ..sketches.sparse_sign import SparseSign
from .column_basis import ColumnBasis, column_basis

__all__ = ["leverage_scores", "scores_in_basis"]

DIRECTIONS = 64  # random ones a row is measured in, which leaves an error of sqrt(2 / 64) = 18 %
OVERSAMPLING = 20  # rows of the sketch by columns of A


def leverage_scores(A: Any, method: str = "qr", seed: int = 0) -> np.ndarray:
    r"""Return :math:`\tau_i=\max_x(a_i^Tx)^2/\|Ax\|_2^2`, the diagonal of the projection onto the column space.

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
    method : str
        ``"qr"``: exact, ``4 n d^2`` operations if A is dense. ``"sketch"``: the triangular factor comes from a sparse
        sketch of 20 d rows, and rows are measured in 64 random directions, which takes ``150 n d`` operations and
        finds each score to a factor of about 1.5 :cite:`DrineasMagdonIsmailMahoneyWoodruff2012`.
    seed : int
        For ``"sketch"``.

    Returns
    -------
    ndarray, shape (n,)
        Between 0 and 1; their sum is the rank of A.

    Raises
    ------
    InvalidProblem
        As for `ritz.LpRegression`.
    UnknownName
        For another method.

    Examples
    --------
    >>> leverage_scores(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])).round(12).tolist()
    [0.5, 0.5, 1.0]
    """
    matrix = check_matrix(A)
    if method == "qr":
        return scores_in_basis(column_basis(matrix))
    if method != "sketch":
        raise UnknownName("method", method, ("qr", "sketch"))
    rows, columns = matrix.shape
    if rows <= OVERSAMPLING * columns:
        return scores_in_basis(column_basis(matrix))
    sketched = SparseSign(OVERSAMPLING * columns, rows, seed) @ matrix
    inverse = column_basis(sketched).to_unknowns
    if inverse.shape[1] > DIRECTIONS:
        directions = np.random.default_rng(seed).standard_normal((inverse.shape[1], DIRECTIONS))
        inverse = inverse @ directions / DIRECTIONS**0.5
    return np.minimum(scores_in_basis(ColumnBasis(matrix, inverse, inverse)), 1.0)


def scores_in_basis(basis: ColumnBasis) -> np.ndarray:
    """Return the squared norms of the rows of a basis."""
    scores = np.empty(basis.matrix.shape[0])
    for rows, block in basis.blocks():
        scores[rows] = np.einsum("ij,ij->i", block, block)
    return scores
