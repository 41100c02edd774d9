"""Discretisation errors: estimates from one solution, and differences from solutions on finer grids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["LARGE", "Resolution", "compare_with_finer_grids", "relative_difference", "sentence"]

LARGE = 1e-2  # relative discretisation error that is warned of
SETTLED = 0.2  # change from one finer grid to the next, relative to the error, below which they tell the error
DIFFERENT = 0.5  # relative difference of successive solutions from which nothing can be extrapolated


@dataclass(frozen=True)
class Resolution:
    """How well a grid resolves a solution.

    Parameters
    ----------
    error : float
        Estimated discretisation error, relative to the solution.
    needed : tuple of int, optional
        Unknowns along each axis for an error below `LARGE`; None if unknown.
    beyond : tuple of int, optional
        Largest shape tried, which does not resolve the solution.
    """

    error: float
    needed: tuple[int, ...] | None = None
    beyond: tuple[int, ...] | None = None


def compare_with_finer_grids(
    x: np.ndarray,
    shape: tuple[int, ...],
    finer: Callable[[tuple[int, ...]], np.ndarray | None],
    *,
    order: int | None,
    ratio: float,
    fewest: int,
    most: int,
) -> Resolution | None:
    """Return the error of a solution by comparison with solutions on successively finer grids, None without any.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Solution at the unknowns.
    shape : tuple of int
        Unknowns along each axis.
    finer : callable
        ``finer(shape)`` returns the solution on another grid, at the unknowns of `x`, or None if it cannot be had.
    order : int or None
        Order of accuracy, or None if errors fall exponentially.
    ratio : float
        Ratio of the shapes of successive grids. Uniform grids whose shapes are no multiples share no aliases.
    fewest : int
        Minimum number of finer grids, if they can be had.
    most : int
        Maximum number of unknowns of a finer grid.
    """
    found: list[tuple[tuple[int, ...], np.ndarray]] = [(shape, x)]
    change = math.inf
    for tried in _finer_shapes(shape, ratio, most):
        values = finer(tried)
        if values is None or not np.isfinite(values).all():
            break
        found.append((tried, values))
        change = relative_difference(found[-2][1], values)
        error = relative_difference(x, values)
        if len(found) > fewest and change <= LARGE / 3 and (change <= SETTLED * error or error <= LARGE / 3):
            break
    if len(found) == 1:
        return None
    last, reference = found[-1]
    errors = [relative_difference(values, reference) for _, values in found]
    error = max(errors[0], 0.5 * max(errors))  # where data are rough, the coarsest grid may be close by chance
    if order is not None:  # the finest solution has an error too
        error /= 1.0 - (shape[0] / last[0]) ** order
    if change < LARGE:
        needed = next(tried for (tried, _), left in zip(found, errors, strict=True) if left < LARGE)
        return Resolution(error, needed)
    if order is None or change > DIFFERENT:
        return Resolution(error, beyond=last)
    ratio = (change / LARGE) ** (1 / order)
    return Resolution(error, tuple(math.ceil(count * ratio) for count in last))


def relative_difference(x: np.ndarray, reference: np.ndarray) -> float:
    """Return ``||x - reference|| / ||reference||``, and 0 if both vanish."""
    size = float(np.abs(reference).max(initial=0.0)) or float(np.abs(x).max(initial=0.0))
    if size == 0.0:
        return 0.0
    norm = float(np.linalg.norm(reference / size))
    return float(np.linalg.norm((x - reference) / size)) / (norm or 1.0)


def sentence(shape: tuple[int, ...], resolution: Resolution) -> str:
    """Return what to tell the user of a grid that is too coarse."""
    text = (
        f"{_times(shape)} unknowns do not resolve the solution: its relative discretisation error is about"
        f" {resolution.error:.1e}."
    )
    if resolution.needed is not None:
        return f"{text} About {_times(resolution.needed)} unknowns would bring it below {LARGE:g}"
    if resolution.beyond is not None:
        return f"{text} Even {_times(resolution.beyond)} are too few: give a larger shape, or use 'gp' if it oscillates"
    return f"{text} Give a larger shape"


def _finer_shapes(shape: tuple[int, ...], ratio: float, most: int) -> Iterator[tuple[int, ...]]:
    while True:
        shape = tuple(math.ceil(ratio * count) + 1 for count in shape)
        if math.prod(shape) > most:
            return
        yield shape


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
