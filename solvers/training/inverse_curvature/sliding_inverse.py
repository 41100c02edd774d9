"""The inverse of the damped empirical Fisher matrix over a sliding window of gradients."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_solve

from ritz.arguments import check_integer
from ritz.backend import Array, asarray_like, is_torch_array, namespace, numpy_dtype, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag

from .rows import check_damping
from .woodbury_inverse import cholesky_factor

__all__ = ["SlidingInverse"]

CACHED = 2**17  # numbers that fit into the cache


class SlidingInverse(Operator):
    r"""The inverse of :math:`\lambda I+\frac1k\sum_ig_ig_i^T` over the latest gradients: M-FAC's dynamic algorithm.

    The gradients are stored in a ring buffer, where a new one replaces the oldest :cite:`FrantarEtAl2021`. An update
    takes one pass over them, for one row of their inner products, and m³/3 operations for the Cholesky factor. A
    product takes two passes; both together also take two, as they share the inner products with the new gradient.
    While the buffer fills up, k is the number of gradients so far; M-FAC counts the missing ones as zeros, which makes
    its first steps as long as 1/λ. In float32, a λ below about 1e-7 times the mean square of the gradients is lost in
    the rounding of their inner products.

    Parameters
    ----------
    size : int
        Number d of parameters.
    window : int
        Number m of gradients kept.
    damping : float
        Damping λ, positive.

    Examples
    --------
    >>> inverse = SlidingInverse(3, window=2, damping=0.5)
    >>> for g in np.eye(3):
    ...     inverse.update(g)
    >>> (inverse @ np.ones(3)).round(12).tolist()  # the first gradient is forgotten
    [2.0, 1.0, 1.0]
    """

    def __init__(self, size: int, window: int, damping: float):
        size = check_integer("size", size)
        self.window, self.damping = check_integer("window", window), check_damping(damping)
        self.shape, self.dtype = (size, size), np.dtype(np.float64)
        self.tags = frozenset({Tag.SYMMETRIC, Tag.POSITIVE_DEFINITE})
        self.updates = 0
        self._ring: Array = None
        self._gram = np.zeros((self.window, self.window))
        self._cholesky: tuple[np.ndarray, bool] | None = None

    @property
    def gradients(self) -> Array:
        """The stored gradients in the order of the ring buffer, shape (k, d)."""
        return self._ring[: min(self.updates, self.window)]

    def latest(self) -> Array:
        """Return a copy of the stored gradients, oldest first."""
        slot = self.updates % self.window if self.updates > self.window else 0
        return namespace(self._ring).concat([self.gradients[slot:], self.gradients[:slot]])

    def update(self, gradient: Array) -> None:
        """Add a gradient, shape (d,), NumPy or torch; the first one sets the array type and dtype of all."""
        slot = self._store(gradient)
        self._renew(slot, self.gradients @ self._ring[slot])

    def update_and_multiply(self, gradient: Array, x: Array | None = None) -> Array:
        """Add a gradient and return the product of the new inverse with `x`, or with the gradient itself.

        The latter is formed as a combination of the stored gradients. Without a difference of large numbers, it keeps
        its accuracy even if λ is tiny compared with the squares of the gradients.
        """
        slot = self._store(gradient)
        g = self._ring[slot]
        if x is None:
            self._renew(slot, self.gradients @ g)
            count = len(self.gradients)
            weights = asarray_like(count * self._solve(np.eye(1, count, slot)[0]), g)
            return asarray_like(self.gradients.T @ weights, gradient)
        y = asarray_like(x, g)
        own, other = 0.0, 0.0
        width = max(1, CACHED // self.window)
        for first in range(0, self.shape[0], width):  # the second product finds the gradients in the cache
            part = self.gradients[:, first : first + width]
            own = own + part @ g[first : first + width]
            other = other + part @ y[first : first + width]
        self._renew(slot, own)
        return asarray_like(self._complete(y, other), x)

    def _store(self, gradient: Array) -> int:
        if tuple(gradient.shape) != self.shape[:1]:
            raise InvalidProblem(f"gradient has shape {tuple(gradient.shape)}; it must be ({self.shape[0]},)")
        if self._ring is None:
            arrays = namespace(gradient)
            where = {"device": gradient.device} if is_torch_array(gradient) else {}
            self._ring = arrays.zeros((self.window, self.shape[0]), dtype=gradient.dtype, **where)
            self.dtype = numpy_dtype(gradient)
        slot = self.updates % self.window
        self._ring[slot] = asarray_like(gradient.detach() if is_torch_array(gradient) else gradient, self._ring)
        self.updates += 1
        return slot

    def _renew(self, slot: int, products: Array) -> None:
        row = to_numpy(products).astype(np.float64)
        count = len(row)
        if not np.isfinite(row).all():
            raise InvalidProblem("gradient is NaN or infinite, or its square overflows, which would spoil the inverse")
        self._gram[slot, :count] = self._gram[:count, slot] = row
        self._cholesky = cholesky_factor(self._gram[:count, :count], count * self.damping)

    def _complete(self, x: Array, products: Array) -> Array:
        solved = self._solve(to_numpy(products).astype(np.float64))
        return (x - self.gradients.T @ asarray_like(solved, self._ring)) / self.damping

    def _solve(self, x: np.ndarray) -> np.ndarray:
        assert self._cholesky is not None
        return cho_solve(self._cholesky, x, check_finite=False)

    def _apply(self, x: Array) -> Array:
        if not self.updates:
            return x / self.damping
        y = asarray_like(x.detach() if is_torch_array(x) else x, self._ring)
        found = self._complete(y, self.gradients @ y)
        return asarray_like(found if is_torch_array(x) else to_numpy(found), x)
