"""A sketch of Hadamard mixing and normally weighted sums of groups."""

from __future__ import annotations

import numpy as np

from ritz.backend import Array
from ritz.errors import InvalidProblem

from .hadamard import HadamardRows, padded_length, random_signs
from .scatter import Scatter
from .sketch import Sketch

__all__ = ["GaussianPooled"]


class GaussianPooled(Sketch):
    """The balanced Gaussian-pooled transform of :cite:`SongZhang2026`.

    Random signs and a Hadamard transform spread every column over N rows. These are permuted, multiplied by independent
    normal numbers, and added up in `size` groups of equal size. O(N k log N) operations.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.
    padding : int
        A power of two by which the next power of two above `rows` is multiplied to give N. The published bound
        requires more than 1; no difference was measured.

    Examples
    --------
    >>> (GaussianPooled(10, 100) @ np.ones(100)).shape
    (10,)
    """

    guarantees = frozenset({"l2", "linf"})

    def __init__(self, size: int, rows: int, seed: int = 0, padding: int = 1):
        super().__init__(size, rows, seed)
        if padding < 1 or padding & (padding - 1):
            raise InvalidProblem(f"padding is {padding}; it must be a power of two")
        length = padding * padded_length(max(rows, size))
        generator = self._generator()
        self._signs = random_signs(generator, rows)
        self._transform = HadamardRows(length)
        groups = np.empty(length, dtype=np.int32)
        groups[generator.permutation(length)] = np.arange(length) * size // length
        weights = generator.standard_normal(length) / length**0.5
        self._pool = Scatter(size, groups[:, None], weights[:, None])

    def _apply_rows(self, x: Array, start: int) -> Array:
        self._require_all_rows(x, start)
        return self._pool.apply(self._transform(x, self._signs))

    def _apply_transpose(self, x: Array) -> Array:
        return self._transform.transpose(self._pool.transpose(x), self._signs)
