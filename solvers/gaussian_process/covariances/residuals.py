"""Residuals of a function in a PDE."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE, MultiIndex

from .functionals import equation

__all__ = ["Mean", "equation_residual", "points_between"]

Mean: TypeAlias = Callable[[np.ndarray, MultiIndex], np.ndarray]
"""``mean(points, index)``: a derivative of u at points of shape (P, d)."""

GOLDEN = 0.5 * (5**0.5 - 1.0)
STEPS = {2: 1.324717957244746, 3: 1.2207440846057596}  # by dimension d, the root of r^(d+1) = r + 1
FEWEST, MOST = 50, 1000  # bounds of the number of points in between, in more than one dimension


def equation_residual(pde: PDE, mean: Mean, points: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the residual of the equation at points, shape (P,), and the norm of its largest term or source.

    Residuals are relative to that norm, which does not vanish with the source.

    Examples
    --------
    >>> bar = PDE((0.0, 1.0), {2: 1.0}, source=2.0)
    >>> square = lambda points, index: 2.0 * np.ones(len(points))
    >>> equation_residual(bar, square, np.array([[0.2], [0.3]]), np.full(2, 2.0))[0].tolist()
    [0.0, 0.0]
    """
    terms = [coefficients * mean(points, index) for index, coefficients in equation(pde, points).terms.items()]
    if pde.reaction is not None:
        terms.append(evaluate("reaction", pde.reaction[0], (mean(points, (0,) * pde.dimension),)))
    left = np.sum(terms, axis=0) - source
    return left, max(float(np.linalg.norm(part)) for part in [source, *terms]) or 1.0


def points_between(points: np.ndarray, domain: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return points of the box that differ from `points`: between them and the ends, or spread evenly for d > 1.

    Both follow a rule of irrational steps, which never falls on a grid: half-way between even points, every second
    alias of a tone still fits perfectly.
    """
    lower, upper = np.array(domain).T
    if len(lower) == 1:
        ordered = np.unique(np.concatenate([np.ravel(points), lower, upper]))
        share = 0.1 + 0.8 * (np.arange(1, len(ordered)) * GOLDEN % 1.0)
        return (ordered[:-1] + share * np.diff(ordered))[:, None]
    steps = STEPS[len(lower)] ** -np.arange(1.0, len(lower) + 1.0)
    share = (0.5 + np.arange(1, min(max(len(points), FEWEST), MOST) + 1)[:, None] * steps) % 1.0
    return lower + share * (upper - lower)
