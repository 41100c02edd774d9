"""Sensitivities: the largest share of each row in an l_p norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.errors import ConvergenceError, InvalidProblem
from ritz.problem_types.lp_regression import LpRegression, check_exponent, check_matrix

from ..column_space.column_basis import ColumnBasis, column_basis
from ..column_space.leverage_scores import scores_in_basis
from .lewis_weights import lewis_in_basis
from .solver import Lp

__all__ = ["lp_sensitivities", "sensitivity_bounds"]


def lp_sensitivities(A: Any, p: float, method: str = "bound", rtol: float = 1e-6) -> np.ndarray:
    r"""Return the sensitivities :math:`\sigma_i=\max_x|a_i^Tx|^p/\|Ax\|_p^p` of the rows, or upper bounds.

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
    p : float
        At least 1, finite.
    method : str
        ``"bound"`` returns the smallest of :math:`n^{\max(p/2-1,0)}\tau_i^{p/2}`, :math:`d^{\max(p/2-1,0)}w_i` and 1,
        with leverage scores :math:`\tau` and Lewis weights w, at the cost of `lewis_weights`. ``"exact"`` solves n
        regressions, each a few tens of times ``n d^2`` operations, which is feasible for some thousand rows.
    rtol : float
        Relative error of the norms in exact sensitivities, which are rounded up accordingly.

    Returns
    -------
    ndarray, shape (n,)
        Sensitivities between 0 and 1.

    Raises
    ------
    InvalidProblem
        For p below 1 or infinite, and as for `ritz.LpRegression`.
    UnknownName
        For any other method.
    ConvergenceError
        If one of the regressions does not converge.

    Examples
    --------
    >>> A = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> lp_sensitivities(A, 4, "exact").round(5).tolist()
    [0.5, 0.5, 1.0]
    """
    p = check_exponent(p)
    if p == np.inf:
        raise InvalidProblem("p is inf; sensitivities need a finite p")
    basis = column_basis(check_matrix(A))
    if check_choice("method", method, ("bound", "exact")) == "bound":
        return sensitivity_bounds(basis, p)
    rows = np.vstack([block for _, block in basis.blocks()])
    return np.array([_sensitivity(rows, row, p, rtol) for row in range(rows.shape[0])])


def sensitivity_bounds(basis: ColumnBasis, p: float) -> np.ndarray:
    """Return upper bounds of the sensitivities of the matrix with a given basis; see `lp_sensitivities`."""
    rows, excess = basis.matrix.shape[0], max(0.5 * p - 1.0, 0.0)
    by_leverage = rows**excess * scores_in_basis(basis) ** (0.5 * p)
    by_lewis = basis.rank**excess * lewis_in_basis(basis, p)
    return np.minimum(np.minimum(by_leverage, by_lewis), 1.0)


def _sensitivity(rows: np.ndarray, row: int, p: float, rtol: float) -> float:
    """Return ``1 / min |Bz|_p^p`` over all z with ``b z = 1``, for one row b of an orthonormal B."""
    own = rows[row]
    size = float(np.linalg.norm(own))
    if size == 0.0:
        return 0.0
    reflection = own / size
    reflection[0] += np.copysign(1.0, reflection[0])  # a Householder reflection to the first coordinate
    turned = rows - np.outer(rows @ reflection, 2.0 / (reflection @ reflection) * reflection)
    fixed = turned[:, 0] / turned[row, 0]
    if rows.shape[1] == 1:
        return float(1.0 / (np.abs(fixed) ** p).sum())
    problem = LpRegression(turned[:, 1:], fixed, p)
    solution = Lp().prepare(problem).solve(rtol=rtol).uninterrupted()
    if not solution.converged:
        raise ConvergenceError(f"the regression for the sensitivity of row {row} did not converge", solution)
    return min(1.0, solution.stats["lower_bound"] ** -p)
