"""Consistency of data whose PDE determines u only up to a constant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ritz.errors import InvalidProblem
from ritz.operators import Operator

__all__ = ["left_nullvector", "remove_inconsistency"]

BALANCE = 1e-9  # relative size of w A that counts as rounding
INCONSISTENT = 0.05  # share of the data too large to be a discretisation error


def left_nullvector(operator: Operator, candidate: np.ndarray, factors: Sequence[Any] | None) -> np.ndarray:
    """Return quadrature weights ``w > 0`` with ``w A = 0`` for an operator that maps constants to zero.

    Parameters
    ----------
    operator : Operator, shape (n, n)
    candidate : ndarray, shape (n,)
        Weights to try first.
    factors : sequence of matrix, optional
        One matrix per axis if the operator is their Kronecker sum; then `w` is a product of one vector per axis.

    Raises
    ------
    InvalidProblem
        If no such vector exists or none is found.
    """
    if _balances(operator, candidate):
        return candidate
    if factors is not None:
        weights = reduce(np.multiply.outer, [_left_nullvector_of(factor) for factor in factors]).ravel()
        if _balances(operator, weights) and weights.min() > 0:
            return weights
    raise InvalidProblem(
        "no side is Dirichlet and there is no term in u itself, so u is determined only up to a constant, and this"
        " scheme cannot tell whether the data are consistent: make one side Dirichlet, or add a term {(0, ..., 0): c}"
    )


def _balances(operator: Operator, weights: np.ndarray) -> bool:
    size = np.abs(operator.diagonal()).max() * np.abs(weights).max()
    return bool(np.abs(operator.rmatvec(weights)).max() <= BALANCE * size)


def _left_nullvector_of(matrix: Any) -> np.ndarray:
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import spsolve

    transposed = csc_array(matrix).T.tocsc()
    weights = np.ones(transposed.shape[0])
    middle = len(weights) // 2  # this weight is set to one, because weights at the ends differ from the others
    rest = np.delete(np.arange(len(weights)), middle)
    weights[rest] = np.asarray(spsolve(transposed[rest][:, rest], -transposed[rest][:, [middle]].toarray().ravel()))
    return weights / weights.mean()


def remove_inconsistency(rhs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return `rhs` minus a constant such that ``weights @ rhs`` vanishes.

    If the PDE is solvable, that constant is a discretisation error.

    Raises
    ------
    InvalidProblem
        If the constant is too large for that.
    """
    excess = float(weights @ rhs) / float(weights.sum())
    size = float(weights @ np.abs(rhs)) / float(weights.sum())
    if abs(excess) > INCONSISTENT * size:
        raise InvalidProblem(
            f"the data are inconsistent: no side is Dirichlet, so source and normal_derivative must balance, but the"
            f" source is {excess:.3g} too large on average (its mean size is {size:.3g})"
        )
    return rhs - excess
