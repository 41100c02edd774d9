"""Cheap tests of the properties that an operator promises."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem
from ritz.operators.operator import Operator

__all__ = ["asymmetry"]

SHORT = 1000  # length up to which random vectors are kept


def asymmetry(operator: Operator, seed: int = 0) -> float:
    """Measure how far a square operator is from symmetric, by means of two products.

    ``x . A y`` is compared with ``y . A x`` for two random vectors. Both are scaled by the inverse square root of the
    diagonal, if that is known, to give entries of very different size the same weight. Rounding errors in the terms
    of an inner product are independent and add up as a root mean square, so one wrong entry in a million still shows.

    Returns
    -------
    float
        The difference relative to the root mean square of the inner products, or 0.0 if it is within rounding error.

    Examples
    --------
    >>> from ritz.operators import Dense
    >>> asymmetry(Dense(np.array([[2.0, 1.0], [1.0, 3.0]])))
    0.0
    """
    x, y = _random_pair(operator.shape[0], seed)
    scale = _inverse_root_diagonal(operator)
    x, y = ((scale * vector).astype(operator.dtype, copy=False) for vector in (x, y))
    with np.errstate(over="ignore", invalid="ignore"):
        terms = [(a * np.asarray(operator @ b)).astype(np.float64) for a, b in ((x, y), (y, x))]
        size = float(sum(np.linalg.norm(each) for each in terms))
        if not 1e-140 < size < 1e140:  # squares may have left the range of float64
            largest = max(float(np.abs(each).max(initial=0.0)) for each in terms) or 1.0
            terms = [each / largest for each in terms]
            size = float(sum(np.linalg.norm(each) for each in terms))
        difference = abs(float(terms[0].sum() - terms[1].sum()))
    level = 100.0 * machine_epsilon(operator.dtype)
    return 0.0 if difference <= level * size else difference / size


def _random_pair(length: int, seed: int) -> np.ndarray:
    return _short_pair(length, seed) if length <= SHORT else _draw_pair(length, seed)


def _draw_pair(length: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((2, length))


_short_pair = lru_cache(maxsize=16)(_draw_pair)  # drawing takes longer than multiplying by a small matrix


def _inverse_root_diagonal(operator: Operator) -> np.ndarray | float:
    from ritz.operators.matrix_free import MatrixFree

    if isinstance(operator, MatrixFree):
        return 1.0
    try:
        diagonal = np.abs(operator.diagonal())
    except InvalidProblem:
        return 1.0
    return np.where(diagonal > 0, diagonal, 1.0) ** -0.5
