"""Coefficients of blocks: one number a column, columns that are finished being left alone."""

from __future__ import annotations

from typing import Any

from ritz.backend import namespace

__all__ = ["any_nonpositive", "divide"]


def any_nonpositive(value: Any, norm: Any) -> bool:
    """Whether a column whose residual `norm` is not zero has a `value` that is zero or negative."""
    if isinstance(value, float):
        return value <= 0.0 and norm != 0.0
    return bool(((value <= 0) & (norm != 0)).any())


def divide(numerator: Any, denominator: Any) -> Any:
    """Return the quotient, zero where the denominator is zero (the column is solved exactly)."""
    if isinstance(denominator, float):
        return numerator / denominator if denominator != 0.0 else 0.0
    xp = namespace(denominator)
    one = xp.ones_like(denominator)
    quotient = numerator / xp.where(denominator != 0, denominator, one)
    return xp.where(denominator != 0, quotient, xp.zeros_like(denominator))
