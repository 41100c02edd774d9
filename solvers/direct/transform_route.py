"""Routes for separable systems: a method for each axis, chosen by cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import product
from math import prod
from typing import Any

import numpy as np

from .transform_lines import DENSE_LIMIT, Line
from .transform_single import single_line
from .transform_tables import fourier_cost, scale, tables

__all__ = ["RESONANCE", "WAYS", "SeparableSolve", "cheapest_route", "route_cost"]

WAYS = ("fast", "dense", "tridiagonal")
"""Fast transforms, products with the matrix of eigenvectors, or elimination (along at most one axis)."""

# Nanoseconds per number on one core with 64-byte vectors in float64; float32 takes half as long.
MOVE = 0.3  # reading a field into tiles and writing it back
TRANSFORM = 0.25  # ordering and rotating coefficients, in addition to moves and passes
ELIMINATE, CYCLIC = 0.45, 0.45  # elimination, and the extra cost of cyclic lines
DIVIDE = 0.3
PRODUCT = (1.0, 0.034)  # constant, and per row of a dense matrix

RESONANCE = 1e-14  # eigenvalues below this share of the largest count as zero
PADDING = 8192  # number of shifts that kernels may read beyond the last line


def route_cost(lines: Sequence[Line], route: Sequence[str]) -> float:
    """Return the estimated nanoseconds per number for one solve."""
    total, solved = 0.0, _solve_axis(route)
    for axis, (line, way) in enumerate(zip(lines, route, strict=True)):
        if way == "tridiagonal":
            total += ELIMINATE + CYCLIC * line.cyclic + MOVE
        elif way == "dense":
            total += 2.0 * (PRODUCT[0] + PRODUCT[1] * line.count)
        else:
            total += 2.0 * (TRANSFORM + fourier_cost(line.count + (line.kind == "DST-I")))
            total += MOVE + DIVIDE if axis == solved else 2.0 * MOVE
    return total + (DIVIDE + MOVE if solved is None else 0.0)


def _solve_axis(route: Sequence[str]) -> int | None:
    """Return the axis whose lines are solved while in the tile: the tridiagonal axis or the last fast one."""
    if "tridiagonal" in route:
        return list(route).index("tridiagonal")
    fast = [axis for axis, way in enumerate(route) if way == "fast"]
    return fast[-1] if fast else None


def cheapest_route(
    lines: Sequence[Line], definite: bool, wanted: Sequence[str], eliminate: bool = False
) -> tuple[str, ...]:
    """Return the cheapest possible method for each axis.

    Parameters
    ----------
    lines : sequence of Line
    definite : bool
        Whether the operator is definite and elimination without pivoting therefore stable.
    wanted : sequence of str
        One of `WAYS`, or "any", for each axis.
    eliminate : bool
        Whether to require elimination along one axis.

    Returns
    -------
    tuple of str
        One of `WAYS` for each axis; empty if no route is possible.
    """
    choices: list[list[str]] = []
    for line, way in zip(lines, wanted, strict=True):
        possible = {
            "fast": line.kind is not None,
            "dense": line.count <= DENSE_LIMIT,
            "tridiagonal": definite and line.bands is not None,
        }
        choices.append([name for name in WAYS if possible[name] and way in (name, "any")])
    counts = (1,) if eliminate else (0, 1)
    routes = [route for route in product(*choices) if route.count("tridiagonal") in counts]
    return min(routes, key=lambda route: route_cost(lines, route), default=())


class SeparableSolve:
    """Solver for a sum of symmetric one-dimensional operators and a multiple of the identity.

    Parameters
    ----------
    lines : sequence of Line
        One per axis, slowest axis first.
    shift : float
    route : sequence of str
        One of `WAYS` for each axis.
    dtype : dtype
        float32 or float64, the precision of all computations.
    singular : bool
        Whether there are null vectors. Consistent right-hand sides then get one of their solutions; that of minimum
        norm if all axes are dense.
    """

    def __init__(self, lines: Sequence[Line], shift: float, route: Sequence[str], dtype: Any, singular: bool):
        self._dtype = np.dtype(dtype)
        shape = [line.count for line in lines]
        solved = _solve_axis(route)
        self._transforms = [
            _transform(line, way, prod(shape[:axis]), prod(shape[axis + 1 :]), self._dtype)
            for axis, (line, way) in enumerate(zip(lines, route, strict=True))
            if axis != solved
        ]
        values = [
            _cleaned(line.eigenvectors[0] if way == "dense" else line.eigenvalues, singular)
            for axis, (line, way) in enumerate(zip(lines, route, strict=True))
            if axis != solved
        ]
        sums = np.asarray(reduce(np.add.outer, values, np.asarray(shift)), dtype=np.float64).ravel()
        if singular and solved is None:
            sums[np.abs(sums) <= RESONANCE * np.abs(sums).max(initial=0.0)] = 0.0
        factor = 1.0 / prod(
            scale(str(line.kind), line.count) for line, way in zip(lines, route, strict=True) if way == "fast"
        )
        if solved is None:
            inverse = np.divide(1.0, sums, out=np.zeros_like(sums), where=sums != 0).astype(dtype)
            self._solve = lambda field: np.multiply(field, inverse, out=field)
            return
        after = prod(shape[solved + 1 :])
        self._solve = _line_solve(lines[solved], route[solved], sums, after, factor, self._dtype, singular)

    def __call__(self, rhs: np.ndarray) -> np.ndarray:
        """Return the solution for right-hand sides ``(n,)`` or ``(n, k)``."""
        if rhs.ndim == 2:
            return np.stack([self(column) for column in rhs.T], axis=1)
        field = np.array(rhs, self._dtype)
        for transform in self._transforms:
            field = transform(field, False)
        self._solve(field)
        for transform in self._transforms[::-1]:
            field = transform(field, True)
        return field


def _cleaned(eigenvalues: np.ndarray, singular: bool) -> np.ndarray:
    """Return the eigenvalues; for a singular operator, those that are zero up to rounding are set to zero."""
    if not singular:
        return eigenvalues
    largest = np.abs(eigenvalues).max()
    return np.where(np.abs(eigenvalues) <= 1e-14 * len(eigenvalues) * largest, 0.0, eigenvalues)


def _transform(
    line: Line, way: str, before: int, after: int, dtype: np.dtype
) -> Callable[[np.ndarray, bool], np.ndarray]:
    """Return the transform along one axis as ``function(field, back)``, which may work in place."""
    if way == "fast":
        from .kernels import transforms as kernels

        table = tables(str(line.kind), line.count, dtype.name)

        def fast(field: np.ndarray, back: bool) -> np.ndarray:
            kernels.transform(field, line.count, before * after, after, table, back)
            return field

        return fast
    vectors = line.eigenvectors[1].astype(dtype)

    def dense(field: np.ndarray, back: bool) -> np.ndarray:
        if after == 1:
            return np.matmul(field.reshape(before, line.count), vectors.T if back else vectors).ravel()
        return np.matmul(vectors if back else vectors.T, field.reshape(before, line.count, after)).ravel()

    return dense


def _line_solve(
    line: Line, way: str, sums: np.ndarray, after: int, factor: float, dtype: np.dtype, singular: bool
) -> Callable[[np.ndarray], Any]:
    """Return a function that solves in place along one axis of a field; `sums` are eigenvalues of the other axes."""
    if way == "tridiagonal" and sums.size == 1 and line.count > 2:
        assert line.bands is not None
        return single_line(line.bands[0] + sums[0], line.bands[1], dtype, singular)
    shifts = np.ones(sums.size + PADDING, dtype)
    shifts[: sums.size] = sums
    if way == "fast":
        from .kernels import transforms as kernels

        table, values = tables(str(line.kind), line.count, dtype.name), line.eigenvalues.astype(dtype)
        return lambda field: kernels.divide(field, line.count, sums.size, after, table, values, shifts, factor)
    from .kernels.tridiagonal import solve_lines, solve_rings

    assert line.bands is not None
    eliminate = solve_rings if line.cyclic else solve_lines
    diagonal, couplings = (band.astype(dtype) for band in line.bands)
    pinned = int(np.abs(sums).argmin()) if singular else -1
    return lambda field: eliminate(field, line.count, sums.size, after, diagonal, couplings, shifts, factor, pinned)
