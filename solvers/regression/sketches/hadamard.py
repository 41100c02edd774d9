"""Rows of the Walsh-Hadamard transform, in NumPy and torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array, numpy_dtype
from ritz.errors import InvalidProblem

__all__ = ["HadamardRows", "padded_length", "random_signs", "scale_rows"]

RUN = 2048  # rows transformed in the cache at a time


def padded_length(rows: int) -> int:
    """Return the smallest power of two that is at least `rows`."""
    return 1 << (int(rows) - 1).bit_length()


def random_signs(generator: np.random.Generator, shape: Any) -> np.ndarray:
    """Return independent random signs."""
    return 2.0 * generator.integers(0, 2, shape, dtype=np.int8) - 1.0


def scale_rows(x: Array, scale: np.ndarray) -> Array:
    """Return `x`, shape (m,) or (m, k), with row i multiplied by ``scale[i]``."""
    return x * asarray_like(scale, x).reshape(-1, *[1] * (x.ndim - 1))


class HadamardRows:
    """Selected rows of the Hadamard matrix H, whose entries are 1 and -1.

    Parameters
    ----------
    length : int
        Size N of H, a power of two.
    rows : ndarray of int, optional
        Indices of the rows; all if None.

    Examples
    --------
    >>> transform = HadamardRows(4, np.array([0, 3]))
    >>> transform(np.eye(4), np.ones(4)).tolist()
    [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, -1.0, 1.0]]
    """

    def __init__(self, length: int, rows: np.ndarray | None = None):
        if length & (length - 1) or length < 1:
            raise InvalidProblem(f"length is {length}; it must be a power of two")
        self.length = length
        self.rows = np.arange(length) if rows is None else rows
        run = min(RUN, length)
        remainder = self.rows % run
        order = np.argsort(remainder, kind="stable")
        starts = np.concatenate(
            ([0], np.cumsum(np.bincount(remainder, minlength=run)), [length // run]), dtype=np.int64
        )
        self._plan = (run, starts, (self.rows // run)[order], order)

    def __call__(self, x: Array, signs: np.ndarray) -> Array:
        """Return these rows of H times ``signs * x``, padded with zeros, in N k log N operations."""
        if is_torch_array(x):
            return self._torch(x, signs)
        from .kernels.hadamard import hadamard_rows

        columns = np.asarray(x).reshape(x.shape[0], -1)
        out = np.empty((len(self.rows), columns.shape[1]), columns.dtype)
        hadamard_rows(out, columns, signs, *self._plan)
        return out.reshape(len(self.rows), *x.shape[1:])

    def transpose(self, y: Array, signs: np.ndarray) -> Array:
        """Return the transpose of this map applied to `y`, shape ``(len(signs), ...)``."""
        spread = asarray_like(np.zeros((self.length, *y.shape[1:]), numpy_dtype(y)), y)
        if is_torch_array(y):
            import torch

            spread.index_add_(0, torch.as_tensor(self.rows, device=y.device), y)
        else:
            np.add.at(spread, self.rows, y)
        first = HadamardRows(self.length, np.arange(len(signs)))
        transformed = first(spread, np.ones(self.length))
        return scale_rows(transformed, signs)

    def _torch(self, x: Any, signs: np.ndarray) -> Any:
        import torch

        columns = scale_rows(x.reshape(x.shape[0], -1), signs)
        values = torch.nn.functional.pad(columns, (0, 0, 0, self.length - x.shape[0]))
        half = 1
        while half < self.length:
            pairs = values.reshape(self.length // (2 * half), 2, half, -1)
            values = torch.stack((pairs[:, 0] + pairs[:, 1], pairs[:, 0] - pairs[:, 1]), dim=1)
            half *= 2
        values = values.reshape(self.length, -1)
        chosen = values[torch.as_tensor(self.rows, device=x.device)]
        return chosen.reshape(len(self.rows), *x.shape[1:])
