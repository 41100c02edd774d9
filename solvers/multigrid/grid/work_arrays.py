"""Arrays to work in, for each thread its own."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

__all__ = ["WorkArrays"]


class WorkArrays(threading.local):
    """Arrays to work in, so that several threads can share a hierarchy.

    Every thread sees arrays of its own, which start as zeros, and which are freed when the thread ends. Copies and
    pickles do not hold the contents.

    Parameters
    ----------
    dtype : dtype
    *sizes : int
        Length of each array.

    Attributes
    ----------
    arrays : tuple of ndarray
        The arrays of the calling thread.

    Examples
    --------
    >>> work = WorkArrays(np.float32, 3, 2)
    >>> [array.size for array in work.arrays]
    [3, 2]
    """

    arrays: tuple[np.ndarray, ...]

    def __init__(self, dtype: Any, *sizes: int):  # called again by every thread that uses the object
        self._given = dtype, *sizes
        self.arrays = tuple(np.zeros(size, dtype=dtype) for size in sizes)

    def __reduce__(self) -> tuple[type[WorkArrays], tuple[Any, ...]]:
        return type(self), self._given
