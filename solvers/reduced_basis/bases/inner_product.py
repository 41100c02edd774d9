"""Inner products of states, and coordinates in which they are Euclidean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.problem_types.parametric.snapshots import apply_product, check_product

__all__ = ["Coordinates", "checked_states", "coordinates", "inner", "norms"]

DIGITS = 1e-10  # smallest eigenvalue of a Gram matrix used in one pass, relative to the largest
NOTHING = 1e-14  # relative size of the remainder of a state that counts as represented


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Coordinates of states in an orthonormal basis of their span: ``states = values @ directions``.

    The rows of `values` have the same norms, angles, projections and singular values in the Euclidean inner product as
    the states have in theirs, at a cost that depends only on the number of states.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
    directions : ndarray, shape (rank, n)
        Rows, orthonormal in the inner product.
    """

    values: np.ndarray
    directions: np.ndarray


def checked_states(states: Any) -> np.ndarray:
    """Return states as a floating-point array, one per row.

    Raises
    ------
    InvalidProblem
        If the array is not two-dimensional, is empty, is not numeric, or has entries that are NaN or infinite; the
        message names their rows.
    """
    rows = np.asarray(to_numpy(states))
    if rows.ndim != 2 or 0 in rows.shape:
        raise InvalidProblem(f"states have shape {rows.shape}; they must be (count, n), one row per state")
    if rows.dtype.kind not in "biufc":
        raise InvalidProblem(f"states have dtype {rows.dtype}; they must be real or complex numbers")
    rows = rows.astype(np.result_type(rows.dtype, np.float64), copy=False)
    wrong = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if wrong.size:
        raise InvalidProblem(f"states {_few(wrong)} have entries that are NaN or infinite")
    return rows


def inner(first: np.ndarray, second: np.ndarray, product: Operator | None = None) -> np.ndarray:
    """Return the inner products ``<u, v>``, conjugate-linear in v, of the rows of two arrays.

    Examples
    --------
    >>> inner(np.array([[1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 1.0]])).tolist()
    [[3.0, 2.0]]
    """
    if len(second) < len(first):  # the product is symmetric and real
        return first @ apply_product(product, second.T).conj()
    return apply_product(product, first.T).T @ second.conj().T


def norms(states: np.ndarray, product: Operator | None = None) -> np.ndarray:
    """Return the norm of every row.

    Raises
    ------
    InvalidProblem
        If a squared norm is negative, because the product is not positive definite.
    """
    return _lengths(np.einsum("ij,ij->i", apply_product(product, states.T).T, states.conj()).real)


def coordinates(
    states: Any, product: Any = None, *, rank: int | None = None, negligible: float = NOTHING
) -> Coordinates:
    """Return the coordinates of states in an orthonormal basis of their span or of its most important part.

    The eigenvectors of the Gram matrix give the directions, but resolve only half of the digits. The remainders of the
    states are therefore treated in the same way until nothing is left, and directions that are ten orders of magnitude
    weaker than the strongest are as orthonormal as these. Three passes of O(count^2 n), all matrix products.

    Parameters
    ----------
    states : array, shape (count, n)
        Real or complex, one per row. Rows count by their size.
    product : Operator or matrix, optional
        Inner product, symmetric positive definite; Euclidean by default.
    rank : int, optional
        Number of leading principal directions to find; all by default.
    negligible : float
        Size of the remainders that need not be represented, relative to the largest state.

    Examples
    --------
    >>> found = coordinates(np.array([[3.0, 4.0, 0.0], [6.0, 8.0, 0.0]]))
    >>> found.values.shape, np.abs(found.values).round(12).ravel().tolist()
    ((2, 1), [5.0, 10.0])
    """
    rows = checked_states(states)
    operator = check_product(product, rows.shape[1])
    limit = min(*rows.shape, len(rows) if rank is None else rank)
    found = np.empty((0, rows.shape[1]), dtype=rows.dtype)
    remaining, largest = rows, 0.0
    while True:
        gram = inner(remaining, remaining, operator)
        largest = largest or float(_lengths(np.real(np.diagonal(gram))).max())
        eigenvalues, vectors = np.linalg.eigh(gram)
        if eigenvalues[-1] <= (negligible * largest) ** 2 * len(rows):
            break
        strong = eigenvalues > DIGITS * eigenvalues[-1]
        leading = (vectors[:, strong] / np.sqrt(eigenvalues[strong]))[:, ::-1][:, : limit - len(found)]
        fresh = leading.conj().T @ remaining
        for _ in range(2):  # the second pass removes the rounding errors of the first
            fresh = fresh - inner(fresh, found, operator) @ found
            fresh = _orthonormalised(fresh, operator)
        found = np.concatenate([found, fresh])
        if len(found) == limit:
            break
        remaining = rows - inner(rows, found, operator) @ found
    return Coordinates(inner(rows, found, operator), found)


def _orthonormalised(rows: np.ndarray, product: Operator | None) -> np.ndarray:
    from scipy.linalg import solve_triangular

    factor = np.linalg.cholesky(inner(rows, rows, product))
    return np.asarray(solve_triangular(factor, rows, lower=True))


def _lengths(squares: np.ndarray) -> np.ndarray:
    if squares.min() < 0.0:
        raise InvalidProblem(
            f"product is not positive definite: <u, u> = {squares.min():.3g} for state {squares.argmin()}"
        )
    return np.sqrt(squares)


def _few(indices: np.ndarray) -> str:
    shown = ", ".join(str(index) for index in indices[:5])
    return shown + (f" and {indices.size - 5} more" if indices.size > 5 else "")
