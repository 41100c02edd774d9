"""Reference minima of l_p regression: rational arithmetic for p = 1 and inf, extended precision between."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
from regression_references import LONG, householder


def least(A: np.ndarray, b: np.ndarray, p: float) -> float:
    """Return the minimum of ``|Ax - b|_p`` for a small matrix of full column rank."""
    if p == 1.0:
        return float(_least_sum(A, b))
    if p == math.inf:
        return float(_least_maximum(A, b))
    return _least_between(A, b, p)


def _solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction] | None:
    """Return the solution of a square system by Gauss-Jordan elimination, or None if it is singular."""
    n = len(rows)
    system = [[*row, value] for row, value in zip(rows, right, strict=True)]
    for k in range(n):
        pivot = next((i for i in range(k, n) if system[i][k]), None)
        if pivot is None:
            return None
        system[k], system[pivot] = system[pivot], system[k]
        system[k] = [value / system[k][k] for value in system[k]]
        for i in range(n):
            if i != k and system[i][k]:
                factor = system[i][k]
                system[i] = [value - factor * other for value, other in zip(system[i], system[k], strict=True)]
    return [row[n] for row in system]


def _rational(A: np.ndarray, b: np.ndarray) -> tuple[list[list[Fraction]], list[Fraction]]:
    return [[Fraction(float(value)) for value in row] for row in A], [Fraction(float(value)) for value in b]


def _least_sum(A: np.ndarray, b: np.ndarray) -> Fraction:
    """The minimum is attained where as many residuals vanish as there are unknowns."""
    rows, right = _rational(A, b)
    found: list[Fraction] = []
    for chosen in combinations(range(len(rows)), A.shape[1]):
        x = _solve([rows[i] for i in chosen], [right[i] for i in chosen])
        if x is not None:
            residuals = (
                sum(a * v for a, v in zip(row, x, strict=True)) - c for row, c in zip(rows, right, strict=True)
            )
            found.append(sum((abs(r) for r in residuals), Fraction(0)))
    return min(found)


def _least_maximum(A: np.ndarray, b: np.ndarray) -> Fraction:
    """The minimum is the largest of those of one row more than there are unknowns."""
    rows, right = _rational(A, b)
    d = A.shape[1]
    largest = Fraction(0)
    for chosen in combinations(range(len(rows)), d + 1):
        for last in chosen:  # y with A'y = 0, whose entry at `last` is 1
            others = [i for i in chosen if i != last]
            y = _solve([[rows[i][j] for i in others] for j in range(d)], [-rows[last][j] for j in range(d)])
            if y is not None:
                value = abs(sum((c * right[i] for c, i in zip(y, others, strict=True)), right[last]))
                largest = max(largest, value / (1 + sum((abs(c) for c in y), Fraction(0))))
                break
    return largest


def _least_between(A: np.ndarray, b: np.ndarray, p: float) -> float:
    """Reweighted least squares in extended precision, with a line search by bisection of steps."""
    long_A, long_b = A.astype(LONG), b.astype(LONG)
    x = householder(A, b)

    def norm(r: np.ndarray) -> np.floating:
        size = np.abs(r).max()
        return size * ((np.abs(r) / size) ** LONG(p)).sum() ** (1 / LONG(p)) if size else size

    value = norm(long_b - long_A @ x)
    for _ in range(300):
        r = long_b - long_A @ x
        weights = np.maximum(np.abs(r) / np.abs(r).max(), LONG(1e-17)) ** ((LONG(p) - 2) / 2)
        step = householder(weights[:, None] * long_A, weights * r)
        before, length = value, LONG(2) / min(p - 1, 1)
        while length > 1e-6:
            trial = norm(long_b - long_A @ (x + length * step))
            if trial < value:
                x, value = x + length * step, trial
                break
            length /= 2
        if not value < before * (1 - LONG(1e-17)):
            break
    return float(value)
