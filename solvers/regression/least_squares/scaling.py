"""Least-squares problems whose squares overflow or vanish, in units in which they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from scipy.sparse import diags_array, issparse

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Diagonal, Operator
from ritz.problem_types.least_squares import LeastSquares, RowBlocks, row_blocks

from ..column_space.unlike_rows import powers_of_two

__all__ = ["OutOfRange", "check_range", "largest_entries", "prepare_in_range"]

LARGEST = 1e120  # largest entry whose square, summed and squared again, is far from overflowing
SPREAD = 1e100  # ratio of the lengths of columns up to which one unit suits all
PANEL = 32  # columns of an operator formed at a time


class OutOfRange(InvalidProblem):
    """A has columns whose squares overflow or vanish."""


Prepared = TypeVar("Prepared")


def check_range(matrix: np.ndarray) -> None:
    """Raise `OutOfRange` if the squares of a column overflow or vanish, and `InvalidProblem` for NaN or infinity."""
    largest = np.abs(matrix).max(axis=0)
    if not np.isfinite(largest).all():
        if np.isfinite(matrix).all() or not np.isnan(largest).any():
            raise OutOfRange("products with A overflow: scale A and b")
        raise InvalidProblem("A has entries that are NaN or infinite, or its products overflow")
    outside = (largest > LARGEST) | ((largest > 0.0) & (largest < 1.0 / LARGEST))
    if outside.any():
        column = int(outside.argmax())
        raise OutOfRange(
            f"column {column} of A has entries up to {largest[column]:.0e}, whose squares are out of range"
        )


def prepare_in_range(problem: LeastSquares, prepare: Callable[[LeastSquares], Prepared]) -> Prepared:
    """Return ``prepare(problem)``, or the same for a copy of A with scaled columns if their squares are out of range.

    All columns are scaled alike, which keeps the solution of least norm, unless there is no ridge penalty and they
    differ too much for that.
    """
    try:
        return prepare(problem)
    except OutOfRange:
        largest = largest_entries(problem.A)
    if not np.isfinite(largest).all():
        raise InvalidProblem("A has entries that are NaN or infinite, or its products overflow")
    used = largest > 0.0
    longest = max(float(largest.max()), problem.ridge**0.5)
    if problem.ridge or longest / SPREAD < largest[used].min(initial=longest):
        largest = np.full_like(largest, longest)
    units = powers_of_two(largest)
    # The root is divided, because the square of the unit may itself be out of range.
    ridge = (problem.ridge**0.5 / float(units[0])) ** 2
    scaled = replace(problem, A=_columns_times(problem.A, 1.0 / units), ridge=ridge, exact=None)
    made: Any = prepare(scaled)
    return replace(made, scale=1.0 / units)


def largest_entries(A: Any) -> np.ndarray:
    """Return the magnitude of the largest entry of each column."""
    largest = np.zeros(A.shape[1])
    for _, block in row_blocks(A):
        if isinstance(block, Operator):
            for j in range(0, A.shape[1], PANEL):
                unit = np.eye(A.shape[1], min(PANEL, A.shape[1] - j), -j)
                largest[j : j + PANEL] = np.abs(to_numpy(block @ unit)).max(axis=0)
        elif issparse(block):
            largest = np.maximum(largest, abs(block).max(axis=0).toarray().ravel())
        else:
            largest = np.maximum(largest, to_numpy(abs(block)).max(axis=0))
    return largest


def _columns_times(A: Any, factors: np.ndarray) -> Any:
    """Return A with column j multiplied by ``factors[j]``."""
    if isinstance(A, RowBlocks):
        return RowBlocks(lambda: (_columns_times(block, factors) for _, block in A.blocks()), A.shape[0])
    if isinstance(A, Operator):
        return A @ Diagonal(factors)
    if issparse(A):
        return (A @ diags_array(factors)).tocsr()
    scale: Array = asarray_like(factors, A) if is_torch_array(A) else factors
    return A * scale
