"""Sampling of rows in proportion to scores that preserve l_p norms."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log
from typing import Any

import numpy as np

from ritz.arguments import check_choice
from ritz.errors import InvalidProblem
from ritz.problem_types.lp_regression import check_exponent, check_matrix

from ..column_space.column_basis import ColumnBasis, column_basis
from ..column_space.leverage_scores import scores_in_basis
from .lewis_weights import lewis_in_basis
from .sensitivities import sensitivity_bounds

__all__ = ["SCORES", "row_scores", "sample_rows", "sample_size", "sampling_probabilities"]


def _uniform(basis: ColumnBasis, p: float) -> np.ndarray:
    return np.ones(basis.matrix.shape[0])


def _leverage(basis: ColumnBasis, p: float) -> np.ndarray:
    return scores_in_basis(basis)


def _root_leverage(basis: ColumnBasis, p: float) -> np.ndarray:
    return scores_in_basis(basis) ** (0.5 * p)


def _both(basis: ColumnBasis, p: float) -> np.ndarray:
    sensitivity, leverage = sensitivity_bounds(basis, p), scores_in_basis(basis)
    return sensitivity / sensitivity.sum() + leverage / leverage.sum()


SCORES: dict[str, Callable[[ColumnBasis, float], np.ndarray]] = {
    "uniform": _uniform,
    "leverage": _leverage,
    "root-leverage": _root_leverage,
    "lewis": lewis_in_basis,
    "sensitivity": sensitivity_bounds,
    "sensitivity+leverage": _both,
}
"""Row scores by name, as functions of an orthonormal basis and p."""


def row_scores(A: Any, p: float, scores: str = "lewis") -> np.ndarray:
    r"""Return the scores in proportion to which rows are sampled.

    Parameters
    ----------
    A : array, sparse array, or torch tensor, shape (n, d)
        For regression with a right-hand side b, pass ``[A, b]``.
    p : float
        At least 1, finite.
    scores : str
        ``"uniform"``; ``"leverage"``, :math:`\tau`; ``"root-leverage"``, :math:`\tau^{p/2}`; ``"lewis"``;
        ``"sensitivity"``, upper bounds of the sensitivities; ``"sensitivity+leverage"``, both in equal parts
        :cite:`WoodruffYasuda2023,MunteanuOmlor2024`.

    Returns
    -------
    ndarray, shape (n,)
        Non-negative scores.

    Examples
    --------
    >>> row_scores(np.array([[1.0], [1.0], [2.0]]), 1, "root-leverage").round(3).tolist()
    [0.408, 0.408, 0.816]
    """
    p = check_exponent(p)
    if p == np.inf:
        raise InvalidProblem("p is inf, where sampling rows is useless: a single row can be the maximum")
    return SCORES[check_choice("scores", scores, SCORES)](column_basis(check_matrix(A)), p)


def sampling_probabilities(scores: np.ndarray, size: int) -> np.ndarray:
    """Return ``min(1, c scores)`` with the sum `size`, or 1 for all rows with a positive score if there are fewer.

    Examples
    --------
    >>> sampling_probabilities(np.array([1.0, 1.0, 8.0]), 2).tolist()
    [0.5, 0.5, 1.0]
    """
    if size >= np.count_nonzero(scores):
        return (scores > 0.0).astype(np.float64)
    ordered = np.sort(scores)[::-1]
    rest = np.cumsum(ordered[::-1])[::-1]  # sum of the scores from each position on
    certain = np.arange(size)
    factors = (size - certain) / rest[:size]  # the value of c if this many rows had probability 1
    first = int(np.flatnonzero(factors * ordered[:size] <= 1.0 + 1e-12)[0])
    return np.minimum(1.0, factors[first] * scores)


def sample_rows(probabilities: np.ndarray, p: float, seed: Any = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Keep each row with its probability q and give it the weight :math:`q^{-1/p}`.

    The p-th power of the norm of the weighted sample is then an unbiased estimate.

    Parameters
    ----------
    probabilities : ndarray, shape (n,)
    p : float
    seed : int or numpy.random.Generator

    Returns
    -------
    rows : ndarray of int, shape (m,)
        Ascending.
    weights : ndarray, shape (m,)

    Examples
    --------
    >>> sample_rows(np.array([1.0, 0.0, 1.0]), 2)
    (array([0, 2]), array([1., 1.]))
    """
    drawn = np.random.default_rng(seed).random(probabilities.size) < probabilities
    rows = np.flatnonzero(drawn)
    return rows, probabilities[rows] ** (-1.0 / p)


def sample_size(columns: int, eps: float, p: float, scores: str = "lewis", total: float | None = None) -> int:
    r"""Return how many rows preserve all norms to a factor ``1 ± eps`` by published bounds, with constants set to 1.

    This is the leading term times :math:`\varepsilon^{-2}\ln d`. The bounds hide constants and further powers of
    logarithms, but in all measurements far fewer rows than they require were enough.

    Parameters
    ----------
    columns : int
        Dimension d: the columns of A, plus one for b.
    eps : float
        Between 0 and 1.
    p : float
        At least 1, finite.
    scores : str
        ``"lewis"``: d for p <= 2, :math:`d^{p/2}` above :cite:`CohenPeng2015`; ``"root-leverage"``: d for p <= 2
        :cite:`WoodruffYasuda2023`; ``"sensitivity"``: :math:`d^{1-p/2}S` for p <= 2 :cite:`ChenDerezinski2021`,
        :math:`S^{2-2/p}` above :cite:`WoodruffYasuda2023`; ``"sensitivity+leverage"``: :math:`S+d` for p <= 2
        :cite:`MunteanuOmlor2024`, :math:`d^{2/p}S^{2-4/p}` above :cite:`WoodruffYasuda2023`.
    total : float, optional
        Sum S of the sensitivities; its upper bound :math:`d^{\max(1,p/2)}` if None.

    Raises
    ------
    InvalidProblem
        For numbers out of range, and for root leverage with p > 2, which has no bound independent of n.
    UnknownName
        For scores without a bound: ``"leverage"`` and ``"uniform"`` have none for p other than 2.

    Examples
    --------
    >>> sample_size(20, 0.5, 1), sample_size(20, 0.5, 4), sample_size(20, 0.5, 4, "sensitivity", total=30)
    (240, 4794, 1969)
    """
    p = check_exponent(p)
    if columns < 1 or not 0.0 < eps < 1.0 or p == np.inf:
        raise InvalidProblem(
            f"columns={columns!r}, eps={eps!r}, p={p!r}; columns must be positive, 0 < eps < 1 and p finite"
        )
    d = float(columns)
    S = d ** max(1.0, 0.5 * p) if total is None else float(total)
    low = p <= 2.0
    bounds = {
        "lewis": d if low else d ** (0.5 * p),
        "root-leverage": d,
        "sensitivity": d ** (1.0 - 0.5 * p) * S if low else S ** (2.0 - 2.0 / p),
        "sensitivity+leverage": S + d if low else d ** (2.0 / p) * S ** (2.0 - 4.0 / p),
    }
    check_choice("scores", scores, bounds)
    if scores == "root-leverage" and not low:
        raise InvalidProblem(f"p is {p:g}; root leverage scores have a bound for p <= 2 only, use scores='lewis'")
    return ceil(bounds[scores] * max(log(columns), 1.0) / eps**2)
