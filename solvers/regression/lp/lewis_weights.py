"""Lewis weights: row weights under which the l_p norm of a column space resembles the l_2 norm."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ritz.errors import InvalidProblem
from ritz.problem_types.lp_regression import check_exponent, check_matrix

from ..column_space.column_basis import ColumnBasis, column_basis
from ..column_space.leverage_scores import scores_in_basis

__all__ = ["lewis_in_basis", "lewis_weights"]


def lewis_weights(A: Any, p: float, tol: float = 1e-9, maxiter: int | None = None) -> np.ndarray:
    r"""Return the w with :math:`w_i=\bigl(a_i^T(A^TW^{1-2/p}A)^{-1}a_i\bigr)^{p/2}`, whose sum is the rank of A.

    Rows sampled in proportion to w preserve all norms :math:`\|Ax\|_p` :cite:`CohenPeng2015`. The map on the right
    multiplies errors of the logarithm of w by factors between 0 and ``1 - p/2``. It is therefore iterated with a step
    of ``4 / (p + 2)`` on the logarithm, which reduces the error by ``|p - 2| / (p + 2)`` per iteration, even for
    p >= 4, where the plain iteration does not converge. Each iteration takes ``3 n d^2`` operations.

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
    p : float
        At least 1, finite.
    tol : float
        Largest relative change of a weight at which to stop.
    maxiter : int, optional
        Limit of iterations, ``20 (p + 2)`` if None. A RuntimeWarning with the last change is given if it is reached.

    Returns
    -------
    ndarray, shape (n,)
        Weights between 0 and 1, whose sum is the rank of A.

    Raises
    ------
    InvalidProblem
        For p below 1 or infinite, and as for `ritz.LpRegression`.

    Examples
    --------
    For p = 2 the weights are the leverage scores:

    >>> lewis_weights(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]]), 2).round(12).tolist()
    [0.5, 0.5, 1.0]
    """
    p = check_exponent(p)
    if p == np.inf:
        raise InvalidProblem("p is inf; Lewis weights need a finite p")
    return lewis_in_basis(column_basis(check_matrix(A)), p, tol, maxiter)


def lewis_in_basis(basis: ColumnBasis, p: float, tol: float = 1e-9, maxiter: int | None = None) -> np.ndarray:
    """Return the Lewis weights of the matrix with a given basis; see `lewis_weights`."""
    leverage = scores_in_basis(basis)
    used = leverage > 0.0  # a row of zeros has no weight
    logarithm = np.log(leverage, where=used, out=np.zeros_like(leverage))
    step, change = 4.0 / (p + 2.0), np.inf
    limit = int(20 * (p + 2)) if maxiter is None else maxiter
    for _ in range(limit):
        weights = np.exp((1.0 - 2.0 / p) * logarithm) * used
        factor = np.linalg.cholesky(basis.gram(weights))
        inverse = solve_triangular(factor, np.eye(basis.rank), lower=True).T
        scores = scores_in_basis(_changed(basis, inverse))
        difference = np.where(used, 0.5 * p * np.log(np.where(used, scores, 1.0)) - logarithm, 0.0)
        logarithm += step * difference
        change = float(np.abs(difference).max())
        if change <= tol:
            break
    else:
        warnings.warn(f"Lewis weights still change by {change:.1e} after {limit} iterations", RuntimeWarning, 3)
    return np.exp(logarithm) * used


def _changed(basis: ColumnBasis, inverse: np.ndarray) -> ColumnBasis:
    """Return the basis multiplied by a matrix."""
    transform = inverse if basis.transform is None else basis.transform @ inverse
    return ColumnBasis(basis.matrix, transform, inverse)
