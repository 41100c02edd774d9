"""The subsampled randomised Hadamard transform."""

from __future__ import annotations

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import Array
from ritz.errors import InvalidProblem
from ritz.operators.operator import through_numpy

from .hadamard import HadamardRows, padded_length, random_signs
from .sketch import Sketch

__all__ = ["SRHT"]


class SRHT(Sketch):
    """Random signs, an orthogonal transform that mixes all rows, and a sample of its rows :cite:`Tropp2011`.

    The sample is drawn without replacement. Applying it to an array of shape (m, k) takes O(m k log m) operations,
    regardless of its size, and the memory of a panel of 16 columns.

    Parameters
    ----------
    size, rows, seed
        See `Sketch`; `size` may not exceed the next power of two above `rows`.
    transform : str
        ``"hadamard"``, with padding to a power of two, or ``"cosine"``, SciPy's discrete cosine transform without
        padding.

    Examples
    --------
    >>> x = np.ones(1000)
    >>> bool(0.8 < np.linalg.norm(SRHT(500, 1000, seed=3) @ x) / np.linalg.norm(x) < 1.2)
    True
    """

    guarantees = frozenset({"l2", "linf"})

    def __init__(self, size: int, rows: int, seed: int = 0, transform: str = "hadamard"):
        super().__init__(size, rows, seed)
        check_choice("transform", transform, ("hadamard", "cosine"))
        length = padded_length(self.shape[1]) if transform == "hadamard" else self.shape[1]
        if self.shape[0] > length:
            raise InvalidProblem(f"size is {size}; it is at most {length}, the number of rows of the transform")
        generator = self._generator()
        self._signs = random_signs(generator, rows)
        self._sample = generator.permutation(length)[:size]
        self._hadamard = HadamardRows(length, self._sample) if transform == "hadamard" else None

    def _apply_rows(self, x: Array, start: int) -> Array:
        self._require_all_rows(x, start)
        if self._hadamard is not None:
            return self._hadamard(x, self._signs) / self.shape[0] ** 0.5
        return through_numpy(self._cosine, x)

    def _apply_transpose(self, x: Array) -> Array:
        if self._hadamard is not None:
            return self._hadamard.transpose(x, self._signs) / self.shape[0] ** 0.5
        return through_numpy(self._cosine_transpose, x)

    def _cosine(self, x: np.ndarray) -> np.ndarray:
        from scipy.fft import dct

        signed = (x.T * self._signs.astype(x.dtype)).T
        mixed: np.ndarray = dct(signed, axis=0, norm="ortho", overwrite_x=True)  # pyright: ignore
        return mixed[self._sample] * (self.shape[1] / self.shape[0]) ** 0.5

    def _cosine_transpose(self, y: np.ndarray) -> np.ndarray:
        from scipy.fft import idct

        spread = np.zeros((self.shape[1], *y.shape[1:]), y.dtype)
        spread[self._sample] = y * (self.shape[1] / self.shape[0]) ** 0.5
        mixed: np.ndarray = idct(spread, axis=0, norm="ortho", overwrite_x=True)  # pyright: ignore
        return (mixed.T * self._signs.astype(y.dtype)).T
