"""Random vectors with individual seeds, which do not depend on how many are drawn at a time."""

from __future__ import annotations

import numpy as np

__all__ = ["gaussian", "rademacher"]


def rademacher(size: int, first: int, count: int, seed: int) -> np.ndarray:
    """Return vectors of random signs as columns.

    Parameters
    ----------
    size : int
        Length of a vector.
    first, count : int
        The columns are numbers `first` to ``first + count - 1`` of the sequence of vectors.
    seed : int

    Examples
    --------
    >>> together = rademacher(5, 0, 4, seed=3)
    >>> bool((together[:, 2:] == rademacher(5, 2, 2, seed=3)).all())
    True
    """
    signs = np.empty((size, count))
    for column in range(count):
        signs[:, column] = _generator(seed, first + column).integers(0, 2, size)
    signs *= 2.0
    signs -= 1.0
    return signs


def gaussian(size: int, first: int, count: int, seed: int) -> np.ndarray:
    """Return vectors of independent standard normal numbers as columns; see `rademacher`."""
    columns = [_generator(seed, number).standard_normal(size) for number in range(first, first + count)]
    return np.stack(columns, axis=1)


def _generator(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng((seed, number))
