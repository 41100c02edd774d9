"""Dissimilarity measures between states."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.errors import InvalidProblem
from ritz.problem_types.parametric.snapshots import check_product

from ..bases.inner_product import checked_states, coordinates, inner, norms

__all__ = ["DISSIMILARITIES", "deflated", "dissimilarities", "standardised"]

DISSIMILARITIES = ("sine", "chord", "euclidean", "relative")


def dissimilarities(
    states: Any,
    others: Any = None,
    *,
    kind: str = "sine",
    product: Any = None,
    block: int = 1024,
) -> np.ndarray:
    """Return the dissimilarities between states and others, or among the states themselves.

    Parameters
    ----------
    states : array, shape (count, n)
        Real or complex, one per row.
    others : array, shape (m, n), optional
        `states` themselves by default.
    kind : str
        * ``"sine"``: sine of the angle between u and v, which is the relative error of projecting u onto the line of v
          :cite:`DanielCasenaveAkkariKetataRyckelynck2022`. Independent of size, sign and phase.
        * ``"chord"``: ``|u / |u| - v / |v||``. Independent of size only.
        * ``"euclidean"``: ``|u - v|``, the energy norm if `product` is the energy inner product.
        * ``"relative"``: ``|u - v| / max(|u|, |v|)``.
    product : Operator or matrix, optional
        Inner product, symmetric positive definite; Euclidean by default.
    block : int
        Rows handled at a time; working memory is at most ``block (n + m)`` numbers besides the result.

    Raises
    ------
    InvalidProblem
        For zero states (unless kind is ``"euclidean"``), NaN, shapes that do not fit, or a product that is not an inner
        product.

    Examples
    --------
    >>> states = np.array([[1.0, 0.0], [-2.0, 0.0], [1.0, 1.0]])
    >>> dissimilarities(states).round(4).tolist()
    [[0.0, 0.0, 0.7071], [0.0, 0.0, 0.7071], [0.7071, 0.7071, 0.0]]
    >>> dissimilarities(states, kind="chord").round(4)[0].tolist()
    [0.0, 2.0, 0.7654]
    """
    check_choice("dissimilarity", kind, DISSIMILARITIES)
    rows = checked_states(states)
    columns = rows if others is None else checked_states(others)
    if columns.shape[1] != rows.shape[1]:
        raise InvalidProblem(f"states have {rows.shape[1]} entries and others {columns.shape[1]}; they must agree")
    operator = check_product(product, rows.shape[1])
    row_norms, column_norms = norms(rows, operator), norms(columns, operator)
    if kind != "euclidean":
        for name, lengths in (("states", row_norms), ("others", column_norms)):
            zero = np.flatnonzero(lengths <= 1e-300)
            if zero.size:
                raise InvalidProblem(f"{name} has a zero row, {zero[0]}, which has no direction; drop zero states")
    result = np.empty((len(rows), len(columns)))
    for first in range(0, len(rows), block):
        part = slice(first, first + block)
        products = inner(rows[part], columns, operator)
        sizes = row_norms[part, None], column_norms
        if kind == "sine":
            result[part] = _sine(np.abs(products) / (sizes[0] * sizes[1]))
        elif kind == "chord":
            result[part] = np.sqrt(np.maximum(2.0 - 2.0 * np.real(products) / (sizes[0] * sizes[1]), 0.0))
        else:
            squares = sizes[0] ** 2 + sizes[1] ** 2 - 2.0 * np.real(products)
            result[part] = np.sqrt(np.maximum(squares, 0.0))
            if kind == "relative":
                result[part] /= np.maximum(sizes[0], sizes[1])
    if others is None:
        np.fill_diagonal(result, 0.0)
        result = 0.5 * (result + result.T)
    return result


def deflated(states: Any, modes: int | str, *, product: Any = None) -> np.ndarray:
    """Return states without their components in the leading directions they share.

    Sines between states with one large common component are all small; the remainders without it tell the states
    apart.

    Parameters
    ----------
    states : array, shape (count, n)
    modes : int or ``"mean"``
        Number of leading modes of the normalised states to remove; ``"mean"`` removes the direction of their mean.
    product : Operator or matrix, optional

    Examples
    --------
    >>> deflated(np.array([[10.0, 1.0, 0.0], [10.0, 0.0, 1.0]]), "mean").round(2).tolist()
    [[0.0, 0.5, -0.5], [0.0, -0.5, 0.5]]
    """
    rows = checked_states(states)
    operator = check_product(product, rows.shape[1])
    lengths = norms(rows, operator)[:, None]
    unit = rows / np.where(lengths > 0.0, lengths, 1.0)
    if modes == "mean":
        directions = coordinates(unit.mean(axis=0, keepdims=True), operator).directions
    elif isinstance(modes, int) and modes >= 0:
        if modes == 0:
            return rows
        found = coordinates(unit, operator)
        directions = np.linalg.svd(found.values, full_matrices=False)[2][:modes] @ found.directions
    else:
        raise InvalidProblem(f"modes is {modes!r}; it must be a number of leading modes, 0 or more, or 'mean'")
    return rows - inner(rows, directions, operator) @ directions


def standardised(parameters: Any) -> np.ndarray:
    """Return parameters scaled to mean 0 and standard deviation 1, which makes their distances comparable.

    Examples
    --------
    >>> standardised(np.array([[1.0, 5.0], [3.0, 5.0]])).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """
    points = np.asarray(parameters, dtype=np.float64)
    deviations = points.std(axis=0)
    return (points - points.mean(axis=0)) / np.where(deviations > 0.0, deviations, 1.0)


def _sine(cosines: np.ndarray) -> np.ndarray:
    return np.sqrt(np.clip(1.0 - cosines**2, 0.0, 1.0))
