"""A sketch that adds up Hadamard transforms of blocks of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array, is_torch_array

from .hadamard import HadamardRows, padded_length, random_signs, scale_rows
from .sketch import Sketch

__all__ = ["BlockSRHT"]

BLOCK = 1024  # least number of rows per block


class BlockSRHT(Sketch):
    """The sum of a small `SRHT` for each block of rows, with additional signs :cite:`Balabanov2023`.

    Blocks need not be in memory together, and each is transformed in the cache, with O(m k log size) operations. All
    blocks share one sample of rows.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.

    Examples
    --------
    >>> (BlockSRHT(100, 5000) @ np.ones((5000, 2))).shape
    (100, 2)
    """

    guarantees = frozenset({"l2", "linf"})

    def __init__(self, size: int, rows: int, seed: int = 0):
        super().__init__(size, rows, seed)
        self._block = max(BLOCK, padded_length(size))
        generator = self._generator()
        self._signs = random_signs(generator, rows)
        self._transform = HadamardRows(self._block, generator.permutation(self._block)[:size])
        self._outer = random_signs(generator, (-(-rows // self._block), size)) / size**0.5

    def _apply_rows(self, x: Array, start: int) -> Array:
        total: Any = 0.0
        stop = start + x.shape[0]
        for block in range(start // self._block, -(-stop // self._block)):
            left = block * self._block
            first, last = max(start, left), min(stop, left + self._block)
            part, signs = x[first - start : last - start], self._signs[first:last]
            if first > left:  # the block begins in earlier rows
                part = _below_zeros(part, first - left)
                signs = np.concatenate((np.ones(first - left), signs))
            mixed = self._transform(part, signs)
            total = total + scale_rows(mixed, self._outer[block])
        return total

    def _apply_transpose(self, x: Array) -> Array:
        parts: list[Any] = []
        for block, outer in enumerate(self._outer):
            signs = self._signs[block * self._block : (block + 1) * self._block]
            parts.append(self._transform.transpose(scale_rows(x, outer), signs))
        if is_torch_array(x):
            import torch

            return torch.cat(parts)
        return np.concatenate(parts)


def _below_zeros(x: Array, count: int) -> Array:
    shape = (count, *x.shape[1:])
    if is_torch_array(x):
        import torch

        return torch.cat((x.new_zeros(shape), x))
    return np.concatenate((np.zeros(shape, x.dtype), x))
