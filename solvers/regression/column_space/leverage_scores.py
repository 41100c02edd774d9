"""Leverage scores: the largest influence of each row on a least-squares fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_choice, check_seed
from ritz.problem_types.lp_regression import check_matrix

from ..sketches.sparse_sign import SparseSign
from .column_basis import ColumnBasis, column_basis

__all__ = ["leverage_scores", "scores_in_basis"]

DIRECTIONS = 64  # random directions for the norm of a row, with an error of sqrt(2 / 64) = 18 %
OVERSAMPLING = 20  # rows of the sketch per column of A


def leverage_scores(A: Any, method: str = "qr", seed: int = 0) -> np.ndarray:
    r"""Return :math:`\tau_i=\max_x(a_i^Tx)^2/\|Ax\|_2^2`, the diagonal of the projection onto the column space.

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
    method : str
        ``"qr"`` is exact and takes ``4 n d^2`` operations if A is dense. ``"sketch"`` takes the triangular factor from
        a sparse sketch with 20 d rows and measures rows in 64 random directions, which takes ``150 n d`` operations and
        gives each score up to a factor of about 1.5 :cite:`DrineasMagdonIsmailMahoneyWoodruff2012`.
    seed : int
        Seed of ``"sketch"``.

    Returns
    -------
    ndarray, shape (n,)
        Scores between 0 and 1; their sum is the rank of A.

    Raises
    ------
    InvalidProblem
        As for `ritz.LpRegression`.
    UnknownName
        For any other method.

    Examples
    --------
    >>> leverage_scores(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])).round(12).tolist()
    [0.5, 0.5, 1.0]
    """
    check_seed(seed)
    matrix = check_matrix(A)
    rows, columns = matrix.shape
    if check_choice("method", method, ("qr", "sketch")) == "qr" or rows <= OVERSAMPLING * columns:
        return scores_in_basis(column_basis(matrix))
    sketched = SparseSign(OVERSAMPLING * columns, rows, seed) @ matrix
    inverse = column_basis(sketched).to_unknowns
    if inverse.shape[1] > DIRECTIONS:
        directions = np.random.default_rng(seed).standard_normal((inverse.shape[1], DIRECTIONS))
        inverse = inverse @ directions / DIRECTIONS**0.5
    return np.minimum(scores_in_basis(ColumnBasis(matrix, inverse, inverse)), 1.0)


def scores_in_basis(basis: ColumnBasis) -> np.ndarray:
    """Return the leverage scores of a matrix with a given basis: the squared norms of the rows of the basis."""
    scores = np.empty(basis.matrix.shape[0])
    for rows, block in basis.blocks():
        scores[rows] = np.einsum("ij,ij->i", block, block)
    return scores
