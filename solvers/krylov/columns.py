"""Coefficients for blocks of vectors, one per column; finished columns are left alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial, wraps
from typing import Any

from ritz.backend import Array, namespace, to_numpy
from ritz.iteration import Method
from ritz.operators import Operator
from ritz.solution import Status

__all__ = ["any_nonpositive", "by_columns", "columns_apart", "divide", "larger", "where_active"]


def any_nonpositive(value: Any, norm: Any, active: Any = None) -> bool:
    """Return whether any unfinished column has a zero or negative `value`.

    Parameters
    ----------
    value : float, or array (k,)
    norm : float, or array (k,)
        Residual norms; a column with norm zero is solved.
    active : array (k,), optional
        Zero for finished columns, as sent by the driver of the iteration.
    """
    if isinstance(value, float):
        return value <= 0.0 and norm != 0.0
    suspect = (value <= 0) & (norm != 0)
    return bool((suspect if active is None else suspect & (active != 0)).any())


def divide(numerator: Any, denominator: Any, active: Any = None) -> Any:
    """Return the quotient; zero where the denominator is zero (solved exactly) or the column is not `active`."""
    if isinstance(denominator, float):
        return numerator / denominator if denominator != 0.0 else 0.0
    xp = namespace(denominator)
    nonzero = denominator != 0
    if active is not None:
        nonzero = nonzero & (active != 0)
    quotient = numerator / xp.where(nonzero, denominator, xp.ones_like(denominator))
    return xp.where(nonzero, quotient, xp.zeros_like(denominator))


def where_active(value: Any, active: Any) -> Any:
    """Return `value`, with zeros for columns that are not `active`."""
    return value if active is None else value * active


def larger(left: Any, right: Any) -> Any:
    """Return the larger of two numbers, or the maximum per column."""
    return max(left, right) if isinstance(left, float) else namespace(left).maximum(left, right)


def by_columns(method: Method) -> Method:
    """Extend a method for vectors to blocks by advancing each unfinished column by one step in turn.

    A column whose method ends early is left as it is. The block ends with its status once no other column can advance.
    """

    def block_method(
        A: Operator, b: Array, x: Array, M: Operator | None = None
    ) -> Generator[tuple[Any, Any], Any, Status | None]:
        if b.ndim == 1:
            return (yield from method(A, b, x, M))
        count = b.shape[1]
        own = [x[:, j] for j in range(count)]
        columns = [method(A, b[:, j], own[j], M) for j in range(count)]
        iterates, norms = map(list, zip(*(next(column) for column in columns), strict=True))
        failures: dict[int, Status | None] = {}
        while True:
            in_place = all(iterates[j] is own[j] for j in range(count))
            active = yield (x if in_place else _assembler(iterates)), namespace(b).asarray(norms)
            working = [j for j in range(count) if to_numpy(active)[j]]
            for j in working:
                if j in failures:
                    continue
                try:
                    iterates[j], norms[j] = next(columns[j])
                except StopIteration as end:
                    failures[j] = end.value
            if working and all(j in failures for j in working):
                return failures[working[0]]

    return block_method


def columns_apart(method: Callable[..., Generator[tuple[Any, Any], Any, Status]]) -> Callable[..., Any]:
    """Let a method for blocks go on column by column, from where it is, once it has failed for any of them."""

    @wraps(method)
    def robust_method(
        A: Operator, b: Array, x: Array, M: Operator | None = None, **options: Any
    ) -> Generator[tuple[Any, Any], Any, Status | None]:
        status = yield from method(A, b, x, M, **options)
        if b.ndim == 1 or b.shape[1] == 1:
            return status
        return (yield from by_columns(partial(method, **options))(A, b, x, M))

    return robust_method


def _assembler(iterates: list[Any]) -> Any:
    def assemble() -> Array:
        columns = [iterate() if callable(iterate) else iterate for iterate in iterates]
        return namespace(columns[0]).stack(columns, axis=1)

    return assemble
