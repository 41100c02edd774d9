"""Sketches with independent entries, which are drawn afresh for each product instead of stored."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Generator
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, is_torch_array

from .sketch import Sketch

__all__ = ["Gaussian", "Rademacher"]

BLOCK = 512  # columns drawn at a time


class IndependentEntries(Sketch):
    """A dense sketch with independent entries of mean zero and variance ``1 / size``."""

    guarantees = frozenset({"l2", "linf"})

    @abstractmethod
    def _entries(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Return `count` columns of unit variance."""

    def _blocks(self, start: int, stop: int) -> Generator[tuple[slice, np.ndarray]]:
        """Yield the columns from `start` to `stop` in blocks, each with its slice."""
        for block in range(start // BLOCK, -(-stop // BLOCK)):
            left = block * BLOCK
            count = min(BLOCK, self.shape[1] - left)
            entries = self._entries(self._generator(block), count)
            first, last = max(start, left), min(stop, left + count)
            yield slice(first - start, last - start), entries[:, first - left : last - left] / self.shape[0] ** 0.5

    def _apply_rows(self, x: Array, start: int) -> Array:
        total: Any = 0.0
        for inside, entries in self._blocks(start, start + x.shape[0]):
            total = total + asarray_like(entries, x) @ x[inside]
        return total

    def _apply_sparse(self, x: Any, start: int) -> np.ndarray:
        total = np.zeros((x.shape[1], self.shape[0]))
        for inside, entries in self._blocks(start, start + x.shape[0]):
            total += x[inside].T @ entries.T
        return total.T

    def _apply_transpose(self, x: Array) -> Array:
        parts = [asarray_like(entries, x).T @ x for _, entries in self._blocks(0, self.shape[1])]
        if is_torch_array(x):
            import torch

            return torch.cat(parts)
        return np.concatenate(parts)


class Gaussian(IndependentEntries):
    """Independent normal entries, the sketch with the strongest theory :cite:`Woodruff2014`.

    With s rows, applying it to an array of shape (m, k) takes 2 s m k operations, and about as long again to draw s m
    numbers.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.

    Examples
    --------
    >>> (Gaussian(400, 1000, seed=1) @ np.ones(1000)).round(1).shape
    (400,)
    """

    def _entries(self, generator: np.random.Generator, count: int) -> np.ndarray:
        return generator.standard_normal((count, self.shape[0])).T


class Rademacher(IndependentEntries):
    """Independent signs, which are cheaper to draw than the entries of `Gaussian` :cite:`Woodruff2014`.

    With s rows, applying it to an array of shape (m, k) takes 2 s m k operations.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`.

    Examples
    --------
    >>> float(abs(Rademacher(4, 10).to_dense()).max())
    0.5
    """

    def _entries(self, generator: np.random.Generator, count: int) -> np.ndarray:
        bits = np.unpackbits(np.frombuffer(generator.bytes(-(-count * self.shape[0] // 8)), dtype=np.uint8))
        return 2.0 * bits[: count * self.shape[0]].reshape(count, self.shape[0]).T - 1.0
