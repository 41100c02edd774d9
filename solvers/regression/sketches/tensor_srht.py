"""A Hadamard sketch that is applied to Kronecker products without forming them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, numpy_dtype, to_numpy
from ritz.operators import Kronecker

from .hadamard import HadamardRows, padded_length, random_signs, scale_rows
from .sketch import Sketch

__all__ = ["TensorSRHT"]


class TensorSRHT(Sketch):
    r"""Products of the rows of two transforms: :math:`S(x\otimes y)=\sqrt{1/s}\,(P_1HD_1x)\odot(P_2HD_2y)`.

    See :cite:`AhleEtAl2020`. For ``Kronecker(A1, A2)`` it transforms only the factors, which takes
    O((n1 d1 + n2 d2) log n) operations and s d1 d2 for the products, whereas forming the matrix would take n1 n2 d1 d2.
    Any other array with n1 n2 rows is transformed as a whole.

    Parameters
    ----------
    size : int
        Number of rows s of S.
    factors : tuple of int
        Numbers of rows (n1, n2) of the two factors; the first belongs to the slow axis.
    seed : int

    Examples
    --------
    >>> S, a, b = TensorSRHT(50, (8, 9)), np.ones((8, 2)), np.ones((9, 3))
    >>> bool(np.allclose(S @ Kronecker(a, b), S @ np.kron(a, b)))
    True
    """

    guarantees = frozenset({"l2", "linf"})

    def __init__(self, size: int, factors: tuple[int, int], seed: int = 0):
        super().__init__(size, factors[0] * factors[1], seed)
        self.factors = (int(factors[0]), int(factors[1]))
        generator = self._generator()
        self._signs = [random_signs(generator, rows) for rows in self.factors]
        lengths = [padded_length(rows) for rows in self.factors]
        self._samples = [generator.integers(0, length, size) for length in lengths]
        self._sampled = [HadamardRows(*pair) for pair in zip(lengths, self._samples, strict=True)]
        # The Kronecker product of two Hadamard matrices is the next larger one.
        self._lengths = (lengths[0], lengths[1])
        self._pairs = HadamardRows(lengths[0] * lengths[1], self._samples[0] * lengths[1] + self._samples[1])
        self._grid_signs = np.multiply.outer(*self._signs)

    def uses_factors_of(self, A: Any) -> bool:
        """Return whether A is a Kronecker product of two factors with the right numbers of rows."""
        return isinstance(A, Kronecker) and tuple(factor.shape[0] for factor in A.factors) == self.factors

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Kronecker) and self.uses_factors_of(other):
            parts = zip(self._sampled, other.factors, self._signs, strict=True)
            first, second = (transform(to_numpy(A.to_dense()), signs) for transform, A, signs in parts)
            return np.einsum("si,sj->sij", first, second).reshape(self.shape[0], -1) / self.shape[0] ** 0.5
        return super().__matmul__(other)

    def _apply_rows(self, x: Array, start: int) -> Array:
        self._require_all_rows(x, start)
        (n1, n2), (length1, length2) = self.factors, self._lengths
        padded = asarray_like(np.zeros((length1, length2, *x.shape[1:]), numpy_dtype(x)), x)
        padded[:n1, :n2] = scale_rows(x, self._grid_signs.ravel()).reshape(n1, n2, *x.shape[1:])
        flat = padded.reshape(length1 * length2, *x.shape[1:])
        return self._pairs(flat, np.ones(length1 * length2)) / self.shape[0] ** 0.5

    def _apply_transpose(self, x: Array) -> Array:
        (n1, n2), (length1, length2) = self.factors, self._lengths
        flat = self._pairs.transpose(x, np.ones(length1 * length2)) / self.shape[0] ** 0.5
        kept = flat.reshape(length1, length2, *x.shape[1:])[:n1, :n2].reshape(n1 * n2, *x.shape[1:])
        return scale_rows(kept, self._grid_signs.ravel())
