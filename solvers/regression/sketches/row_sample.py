"""A sketch that draws rows with given probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ritz.backend import Array, asarray_like, is_torch_array, to_numpy
from ritz.errors import InvalidProblem

from .hadamard import scale_rows
from .sketch import Sketch

__all__ = ["RowSample"]


class RowSample(Sketch):
    """Rows drawn independently with replacement, each divided by the root of its expected count.

    With leverage scores as weights, O(d log d) rows preserve the lengths of all vectors of the range
    :cite:`Woodruff2014`. Unlike the other sketches it depends on A, and it may miss a large residual altogether.

    Parameters
    ----------
    size : int
        Number of rows to draw.
    weights : array, shape (rows,)
        Non-negative weights; probabilities are proportional to them.
    seed : int

    Examples
    --------
    >>> RowSample(4, np.array([0.0, 1.0])).to_dense().tolist()
    [[0.0, 0.5], [0.0, 0.5], [0.0, 0.5], [0.0, 0.5]]
    """

    def __init__(self, size: int, weights: Any, seed: int = 0):
        weights = np.asarray(to_numpy(weights), dtype=np.float64)
        total = float(weights.sum()) if weights.ndim == 1 and len(weights) else np.nan
        if not (0.0 < total < np.inf) or (weights < 0.0).any():
            raise InvalidProblem("weights must be a vector of non-negative finite numbers that are not all zero")
        super().__init__(size, len(weights), seed)
        probabilities = weights / total
        self.sample = self._generator().choice(len(weights), size=size, p=probabilities)
        self._scale = 1.0 / np.sqrt(size * probabilities[self.sample])

    def _apply_rows(self, x: Array, start: int) -> Array:
        inside = (self.sample >= start) & (self.sample < start + x.shape[0])
        chosen, scale = np.where(inside, self.sample - start, 0), np.where(inside, self._scale, 0.0)
        return scale_rows(x[_index(chosen, x)], scale)

    def _apply_sparse(self, x: Any, start: int) -> csr_array:
        inside = np.flatnonzero((self.sample >= start) & (self.sample < start + x.shape[0]))
        entries = (self._scale[inside], (inside, self.sample[inside] - start))
        return csr_array(csr_array(entries, shape=(self.shape[0], x.shape[0])) @ x)

    def _apply_transpose(self, x: Array) -> Array:
        scaled = scale_rows(x, self._scale)
        spread = asarray_like(np.zeros((self.shape[1], *x.shape[1:])), x)
        if is_torch_array(x):
            return spread.index_add_(0, _index(self.sample, x), scaled)
        np.add.at(spread, self.sample, scaled)
        return spread


def _index(index: np.ndarray, x: Array) -> Any:
    """Return `index` as an array or tensor that indexes `x`."""
    if not is_torch_array(x):
        return index
    import torch

    return torch.as_tensor(index, device=x.device)
