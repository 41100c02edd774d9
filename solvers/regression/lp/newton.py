"""Newton's method for l_p regression with 1 < p < inf, whose steps are weighted least-squares problems."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from scipy.optimize import brentq

from ritz.solution import Status

from ..column_space.column_basis import ColumnBasis, solve_gram

__all__ = ["lp_newton"]

GROWTH = 1.6  # growth of the exponent per step, from 2 up to p
FLOOR = 1e-12  # lower bound of residuals in the weights, relative to the largest


def lp_newton(
    basis: ColumnBasis, b: np.ndarray, p: float, z: np.ndarray
) -> Generator[tuple[np.ndarray, np.ndarray, np.ndarray], None, Status]:
    r"""Yield coordinates, residual and a dual vector, starting from `z`.

    The direction is that of iteratively reweighted least squares, :math:`\delta=(B^TWB)^{-1}B^TWr` with
    :math:`W=|r|^{p-2}`. A line search finds its length; near the solution this is :math:`1/(p-1)`, which makes the step
    a Newton step. The dual vector :math:`y=W(r-B\delta)` is orthogonal to all columns by construction. Each step takes
    ``n d^2`` operations.

    For p > 2 the exponent grows from 2 to p by a constant factor per step, as in the homotopy of
    :cite:`AdilPengSachdeva2019`, because far from the solution the weights of a large p depend on few rows. Rows of
    high leverage, whose residuals are tiny at first, would have no weight. A multiple of the mean weight is therefore
    added to all weights in the matrix; it grows tenfold after a step that had to be shortened and shrinks to a tenth
    after any other :cite:`Marquardt1963`.

    For p below 1.01 the weights span so many orders of magnitude that rounding may end the iteration early.
    """
    exponent, damping = min(p, 2.0), 1e-3 if p > 2.0 else 0.0
    while True:
        r = b - basis.apply(z)
        size = float(np.abs(r).max())
        relative = np.maximum(np.abs(r) / size, FLOOR)
        weights = relative ** (exponent - 2.0)
        weights /= weights.max()
        damped = weights + damping * float(np.average(weights, weights=relative**2))
        try:
            step = solve_gram(basis.gram(damped), basis.transpose(weights * r))
        except ValueError:  # includes LinAlgError
            yield z, r, r
            return Status.STAGNATED
        change = basis.apply(step)
        yield z, r, weights * r - damped * change
        length = step_length(r / size, change / size, exponent)
        z = z + length * step
        damping *= 0.1 if length >= 0.5 / (exponent - 1.0) else 10.0
        exponent = min(p, GROWTH * exponent)


def step_length(r: np.ndarray, change: np.ndarray, p: float) -> float:
    r"""Return an approximate minimiser t of :math:`\|r-t\,c\|_p`, or Newton's ``1 / (p - 1)`` if it is close enough."""

    def slope(t: float) -> float:
        rest = r - t * change
        return -float((np.sign(rest) * np.abs(rest) ** (p - 1.0)) @ change)

    low, high, steepest = 0.0, 1.0 / (p - 1.0), slope(0.0)
    end = slope(high)
    if abs(end) <= 0.1 * abs(steepest):
        return high
    while end < 0.0 and high < 1e6:
        low, high = high, 2.0 * high
        end = slope(high)
    if end < 0.0 or steepest >= 0.0:  # the sign of the slope is lost to rounding
        return high if steepest < 0.0 else 0.0
    return brentq(slope, low, high, xtol=1e-3 * high)  # pyright: ignore[reportReturnType]
