"""One level of a multigrid cycle: what is done with vectors there."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from .detached import Detached
from .grid_stencil import GridStencil
from .layout import Offset

__all__ = ["Level"]

POWER_STEPS = 8  # from a norm of 1 by factors below 5, so no overflow
PERIOD = 9973  # of random numbers; a prime has no pattern on the grid
MARGIN = 1.1  # the power iteration stays below the largest eigenvalue


class Level:
    """Products, smoothing and residuals on one grid, in one precision, over vectors of the grid with its halo.

    Unknowns off the grid follow at the end of a vector. Smoothing is by polynomials in D⁻¹A that are smallest on the
    upper part of its spectrum (Chebyshev) :cite:`Adams2003`: symmetric, and every cell at once.

    Parameters
    ----------
    stencil : GridStencil
    detached : Detached
    dtype : dtype
    degree : int
        Of the polynomial; each takes one product.
    ratio : float
        Of the largest eigenvalue of D⁻¹A to the smallest one that smoothing aims at.
    """

    def __init__(self, stencil: GridStencil, detached: Detached, dtype: Any, degree: int, ratio: float):
        layout = self.layout = stencil.layout
        self.dtype, self.degree = np.dtype(dtype), degree
        self.size = layout.size + detached.count
        self.strides = np.array([layout.distance(offset) for offset in stencil.couplings], dtype=np.int64)
        self.couplings = _stacked(stencil, self.dtype)
        diagonal = np.zeros(self.size)
        layout.inside(diagonal)[...] = layout.inside(stencil.diagonal)
        diagonal[layout.size :] = detached.diagonal
        self.diagonal = diagonal.astype(self.dtype)
        inverse = np.divide(1.0, diagonal, out=diagonal, where=diagonal > 0)
        self.inverse = inverse.astype(self.dtype)
        rows, columns, values = detached.links(layout.size)
        self.links = (rows, columns, values.astype(self.dtype)) if rows.size else None
        self._ones = np.ones(self.size if rows.size else 0, dtype=self.dtype)
        self._pair, self._residual = (self.vector(), self.vector()), self.vector()
        largest = MARGIN * self._largest_eigenvalue()
        self._middle, self._radius = 0.5 * largest * (1 + 1 / ratio), 0.5 * largest * (1 - 1 / ratio)

    def vector(self) -> np.ndarray:
        """Return a vector of zeros."""
        return np.zeros(self.size, dtype=self.dtype)

    @cached_property
    def _tail(self) -> slice:
        return slice(self.layout.size, self.size)

    def run(self, kernel: Any, arrays: int, *arguments: Any) -> Any:
        """Run a kernel over the cells of the grid, on as many threads as `arrays` passes over them are worth."""
        from ritz.kernels.grid_levels import CHUNK
        from ritz.kernels.slabs import in_slabs

        origin, end = self.layout.span
        return in_slabs(kernel, -(-(end - origin) // CHUNK), arrays * self.diagonal.nbytes, origin, end, *arguments)

    def _step(self, out: np.ndarray, x: np.ndarray, previous: np.ndarray, rhs: np.ndarray, *factors: float) -> None:
        """Write ``x + momentum x - memory previous + rate D⁻¹(rhs - A x)``."""
        from ritz.kernels import grid_levels as kernels

        momentum, memory, rate = (self.dtype.type(factor) for factor in factors)
        tail = self._tail
        ends = (1 + momentum - rate) * x[tail] - memory * previous[tail] + rate * self.inverse[tail] * rhs[tail]
        passes = 5 + self.couplings.shape[0] * (self.couplings.shape[1] > 1)
        self.run(
            kernels.chebyshev_step, passes, out, x, previous, rhs, self.inverse, self.couplings, self.strides,
            momentum, memory, rate,
        )  # fmt: skip
        if self.links is not None:
            out[tail] = ends
            kernels.link_products(out, x, *self.links, rate * self.inverse)
        self.layout.refresh(out)

    def random(self) -> np.ndarray:
        """Return a vector of random numbers, its norm 1 (or 0 if there is no unknown)."""
        numbers = np.random.default_rng(0).random(PERIOD, dtype=np.float32) - np.float32(0.5)
        x = np.resize(numbers, self.size).astype(self.dtype)
        x *= self.inverse > 0
        x /= self.dtype.type(self.norm(x) or 1.0)
        self.layout.refresh(x)
        return x

    def norm(self, x: np.ndarray) -> float:
        """Return the Euclidean norm, in which cells at periodic ends count twice."""
        return float(np.vdot(x, x)) ** 0.5

    def start(self) -> np.ndarray:
        """Return zeros to start from, in an array that is this level's own."""
        self._pair[0][...] = 0
        return self._pair[0]

    def smooth(self, x: np.ndarray | None, rhs: np.ndarray) -> np.ndarray:
        """Return `x` after smoothing, in one of two arrays that are this level's own; None is zero.

        The error is multiplied by the same polynomial whatever `x` is, so that smoothing before and after a symmetric
        correction is symmetric.
        """
        previous, current = self._pair if x is not self._pair[1] else self._pair[::-1]
        rate, rho = 1.0 / self._middle, self._radius / self._middle
        if x is None:
            self._first_step(current, rhs, self.dtype.type(rate))
        else:
            self._step(current, x, x, rhs, 0.0, 0.0, rate)
        for step in range(1, self.degree):
            following = 1.0 / (2.0 * self._middle / self._radius - rho)
            factors = following * rho, 2.0 * following / self._radius
            if x is None and step == 1:
                self._step(previous, current, rhs, rhs, factors[0], 0.0, factors[1])
            else:
                self._step(previous, current, previous, rhs, factors[0], *factors)
            previous, current, rho = current, previous, following
        return current

    def _first_step(self, out: np.ndarray, rhs: np.ndarray, rate: float) -> None:
        from ritz.kernels.grid_levels import scaled_step

        tail = self._tail
        self.run(scaled_step, 3, out, rhs, self.inverse, rate)
        out[tail] = rate * self.inverse[tail] * rhs[tail]
        self.layout.refresh(out)

    def residual(self, x: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Return ``rhs - A x``, in an array that is this level's own."""
        from ritz.kernels import grid_levels as kernels

        out, tail = self._residual, self._tail
        self.run(kernels.residual, 6, out, x, rhs, self.diagonal, self.inverse, self.couplings, self.strides)
        if self.links is not None:
            out[tail] = rhs[tail] - self.diagonal[tail] * x[tail]
            kernels.link_products(out, x, *self.links, self._ones)
        self.layout.refresh(out)
        return out

    def _largest_eigenvalue(self) -> float:
        """Return a lower bound, close to it, of the largest eigenvalue of D⁻¹A."""
        x, zero, out = self.random(), self.vector(), self.vector()
        before = value = 1.0
        for _ in range(POWER_STEPS):
            self._step(out, x, zero, zero, -1.0, 0.0, -1.0)
            size = self.norm(out) or 1.0
            value, before = size / before, size
            x, out = out, x
        return value


def _stacked(stencil: GridStencil, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the couplings, one row an offset; one column where each is the same between all unknowns that touch."""
    numbers = [_only_value(stencil, offset) for offset in stencil.couplings]
    if not numbers:
        return np.zeros((0, 1), dtype=dtype)
    if None not in numbers:
        return np.array(numbers, dtype=dtype)[:, None]
    stacked = np.empty((len(numbers), stencil.layout.size), dtype=dtype)
    for row, values in zip(stacked, stencil.couplings.values(), strict=True):
        row[:] = values
    return stacked


def _only_value(stencil: GridStencil, offset: Offset) -> float | None:
    """Return the coupling that any two unknowns have which are `offset` apart, None if it differs."""
    values, used = stencil.couplings[offset], stencil.diagonal > 0
    both = used & np.roll(used, -stencil.layout.distance(offset))
    smallest, largest = float(values.min()), float(values.max(initial=-np.inf, where=both))
    return smallest if smallest == largest else None
