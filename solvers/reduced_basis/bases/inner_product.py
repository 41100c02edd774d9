"""Inner products of states, and states in coordinates in which the product is Euclidean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator
from ritz.problem_types.parametric.snapshots import apply_product, check_product

__all__ = ["Coordinates", "checked_states", "coordinates", "inner", "norms"]

DIGITS = 1e-10  # eigenvalues of a Gram matrix, relative to the largest, that are taken in one pass
NOTHING = 1e-14  # relative size of what is left of a state when it counts as represented


@dataclass(frozen=True, eq=False)
class Coordinates:
    """States by their coordinates in an orthonormal basis of their span: ``states = values @ directions``.

    Norms, angles, projections and singular values of the rows of `values` in the Euclidean inner product are those of
    the states in theirs, at a cost that depends on the number of states alone.

    Parameters
    ----------
    values : ndarray, shape (count, rank)
    directions : ndarray, shape (rank, n)
        Rows, orthonormal in the inner product.
    """

    values: np.ndarray
    directions: np.ndarray


def checked_states(states: Any) -> np.ndarray:
    """Return states as a floating-point array with a row for each.

    Raises
    ------
    InvalidProblem
        If it is not two-dimensional, is empty, holds no numbers, or NaN or infinite entries; with the rows that do.
    """
    rows = np.asarray(to_numpy(states))
    if rows.ndim != 2 or 0 in rows.shape:
        raise InvalidProblem(f"states have shape {rows.shape}; they must be (count, n), a row for each state")
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
        If the square of one is negative, so that the product is not positive definite.
    """
    return _lengths(np.einsum("ij,ij->i", apply_product(product, states.T).T, states.conj()).real)


def coordinates(
    states: Any, product: Any = None, *, rank: int | None = None, negligible: float = NOTHING
) -> Coordinates:
    """Return states in an orthonormal basis of their span, or of what is most important of it.

    Directions are found by the eigenvectors of the Gram matrix, which resolve half of the digits; what they leave of
    the states is treated in the same way again, until nothing is left. So directions that are weak by ten orders of
    magnitude are as orthonormal as the strong ones. Three passes of O(count^2 n), all of them products of matrices.

    Parameters
    ----------
    states : array, shape (count, n)
        Real or complex, a row for each. Rows count by their size.
    product : Operator or matrix, optional
        Symmetric positive definite; Euclidean if left out.
    rank : int, optional
        Leading principal directions that are enough.
    negligible : float
        Size, relative to the largest state, of what need not be compressed.

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
        for _ in range(2):  # the second time for the rounding errors of the first
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
