"""Vector operations on one level of a multigrid hierarchy."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np

from .grid_stencil import GridStencil
from .layout import Offset
from .off_grid_unknowns import OffGridUnknowns
from .work_arrays import WorkArrays

__all__ = ["GridLevel"]

Factors = tuple[Any, Any, Any]

BOUND = 2.0  # bound on the eigenvalues of D⁻¹A for a semi-definite A without positive off-diagonal entries
POWER_STEPS = 8  # each multiplies a norm of 1 by less than 5, so nothing overflows
PERIOD = 9973  # period of the random numbers, a prime so that they form no pattern on the grid
MARGIN = 1.1  # safety factor, because the power iteration stays below the largest eigenvalue


class GridLevel:
    """Products, smoothing and residuals on one grid, in one precision.

    Vectors hold the grid with its halo, then the off-grid unknowns. The smoother is a Chebyshev polynomial in D⁻¹A
    for the upper part of the spectrum :cite:`Adams2003`, which is symmetric and updates all cells at once.

    Parameters
    ----------
    stencil : GridStencil
    off_grid : OffGridUnknowns
    dtype : dtype
    degree : int
        Degree of the polynomial; each degree takes one product.
    ratio : float
        Ratio of the largest eigenvalue of D⁻¹A to the smallest one to smooth.
    """

    def __init__(self, stencil: GridStencil, off_grid: OffGridUnknowns, dtype: Any, degree: int, ratio: float):
        layout = self.layout = stencil.layout
        self.dtype, self.degree = np.dtype(dtype), degree
        self.size = layout.size + off_grid.count
        self.strides = np.array([layout.distance(offset) for offset in stencil.couplings], dtype=np.int64)
        self.couplings = _stacked(stencil, self.dtype)
        diagonal = np.zeros(self.size)
        layout.inside(diagonal)[...] = layout.inside(stencil.diagonal)
        diagonal[layout.size :] = off_grid.diagonal
        self.diagonal = diagonal.astype(self.dtype)
        inverse = np.divide(1.0, diagonal, out=diagonal, where=diagonal > 0)
        self.inverse = inverse.astype(self.dtype)
        rows, columns, values = off_grid.links(layout.size)
        self._links, self._has_off_grid = (rows, columns, values.astype(self.dtype)), off_grid.count > 0
        self._ones = np.ones(self.size if self._has_off_grid else 0, dtype=self.dtype)
        self._work = WorkArrays(self.dtype, self.size, self.size, self.size)  # two iterates and a residual
        largest = BOUND if _is_z_matrix(stencil) else MARGIN * self._largest_eigenvalue()
        self._factors = self._chebyshev_factors(largest, ratio)

    def vector(self) -> np.ndarray:
        """Return a vector of zeros."""
        return np.zeros(self.size, dtype=self.dtype)

    @cached_property
    def _tail(self) -> slice:
        return slice(self.layout.size, self.size)

    def _run(self, kernel: Any, arrays: int, *arguments: Any) -> None:
        """Run a kernel over all cells in parallel chunks; it reads and writes `arrays` arrays."""
        in_parallel_chunks, chunks, origin, end = self._loop
        in_parallel_chunks(kernel, chunks, arrays * self.diagonal.nbytes, origin, end, *arguments)

    @cached_property
    def _loop(self) -> tuple[Any, int, int, int]:
        from ritz.kernels.parallel_chunks import in_parallel_chunks

        from .kernels.grid_levels import CHUNK

        origin, end = self.layout.span
        return in_parallel_chunks, -(-(end - origin) // CHUNK), origin, end

    @cached_property
    def _passes(self) -> int:
        """Number of arrays that a Chebyshev step reads and writes."""
        return 5 + self.couplings.shape[0] * (self.couplings.shape[1] > 1)

    def _step(self, out: np.ndarray, x: np.ndarray, previous: np.ndarray, rhs: np.ndarray, factors: Factors) -> None:
        """Write ``x + momentum x - memory previous + rate D⁻¹(rhs - A x)``; `factors` holds momentum, memory, rate."""
        entries = self.inverse, self.couplings, self.strides
        momentum, memory, rate = factors
        tail = self._tail
        if self._has_off_grid:  # before the kernel overwrites `out`, which may be `previous`
            out[tail] = (
                (1 + momentum - rate) * x[tail] - memory * previous[tail] + rate * self.inverse[tail] * rhs[tail]
            )
        self._run(_kernels().chebyshev_step, self._passes, out, x, previous, rhs, *entries, *factors)
        if self._has_off_grid:
            _kernels().link_products(out, x, *self._links, rate * self.inverse)
        self.layout.refresh(out)

    def random(self) -> np.ndarray:
        """Return a random vector of norm 1 (0 if there are no unknowns)."""
        numbers = np.random.default_rng(0).random(PERIOD, dtype=np.float32) - np.float32(0.5)
        x = np.resize(numbers, self.size).astype(self.dtype)
        x *= self.inverse > 0
        x /= self.dtype.type(self.norm(x) or 1.0)
        self.layout.refresh(x)
        return x

    def norm(self, x: np.ndarray) -> float:
        """Return the Euclidean norm, counting cells at periodic ends twice."""
        return float(np.vdot(x, x)) ** 0.5

    def start(self) -> np.ndarray:
        """Return a starting vector of zeros, in a work array."""
        x = self._work.arrays[0]
        x[...] = 0
        return x

    def smooth(self, x: np.ndarray | None, rhs: np.ndarray) -> np.ndarray:
        """Return `x` after smoothing, in one of two work arrays; None is zero.

        The error is multiplied by the same polynomial for every `x`, so smoothing before and after a symmetric
        correction is symmetric.
        """
        previous, current, _ = self._work.arrays
        if x is current:
            previous, current = current, previous
        first, *others = self._factors
        if x is None:
            self._first_step(current, rhs, first[2])
        else:
            self._step(current, x, x, rhs, first)
        for number, factors in enumerate(others):
            if x is None and number == 0:  # the vector before is zero
                self._step(previous, current, rhs, rhs, (factors[0], self.dtype.type(0), factors[2]))
            else:
                self._step(previous, current, previous, rhs, factors)
            previous, current = current, previous
        return current

    def _chebyshev_factors(self, largest: float, ratio: float) -> list[Factors]:
        """Return momentum, memory and rate of each step of the three-term recurrence of Chebyshev polynomials."""
        middle, radius = 0.5 * largest * (1 + 1 / ratio), 0.5 * largest * (1 - 1 / ratio)
        rho = radius / middle
        steps = [(0.0, 0.0, 1.0 / middle)]
        for _ in range(1, self.degree):
            following = 1.0 / (2.0 * middle / radius - rho)
            steps.append((following * rho, following * rho, 2.0 * following / radius))
            rho = following
        number = self.dtype.type
        return [(number(a), number(b), number(c)) for a, b, c in steps]

    def _first_step(self, out: np.ndarray, rhs: np.ndarray, rate: Any) -> None:
        self._run(_kernels().scaled_step, 3, out, rhs, self.inverse, rate)
        if self._has_off_grid:
            tail = self._tail
            out[tail] = rate * self.inverse[tail] * rhs[tail]
        self.layout.refresh(out)

    def residual(self, x: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """Return ``rhs - A x``, in a work array."""
        out, entries = self._work.arrays[2], (self.diagonal, self.inverse, self.couplings, self.strides)
        self._run(_kernels().residual, self._passes + 1, out, x, rhs, *entries)
        if self._has_off_grid:
            tail = self._tail
            out[tail] = rhs[tail] - self.diagonal[tail] * x[tail]
            _kernels().link_products(out, x, *self._links, self._ones)
        self.layout.refresh(out)
        return out

    def _largest_eigenvalue(self) -> float:
        """Return a close lower bound on the largest eigenvalue of D⁻¹A, by power iteration."""
        x, zero, out = self.random(), self.vector(), self.vector()
        before = value = 1.0
        product = self.dtype.type(-1), self.dtype.type(0), self.dtype.type(-1)  # a step with these factors is D⁻¹A x
        for _ in range(POWER_STEPS):
            self._step(out, x, zero, zero, product)
            size = self.norm(out) or 1.0
            value, before = size / before, size
            x, out = out, x
        return value


@cache
def _kernels() -> Any:
    from .kernels import grid_levels

    return grid_levels


def _stacked(stencil: GridStencil, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the couplings, one row per offset; a single column if every coupling is constant between unknowns."""
    if not stencil.couplings:
        return np.zeros((0, 1), dtype=dtype)
    if len(stencil.couplings) <= 3:  # coarse grids have more, and are not uniform near the sides
        numbers = [_only_value(stencil, offset) for offset in stencil.couplings]
        if None not in numbers:
            return np.array(numbers, dtype=dtype)[:, None]
    stacked = np.empty((len(stencil.couplings), stencil.layout.size), dtype=dtype)
    for row, values in zip(stacked, stencil.couplings.values(), strict=True):
        row[:] = values
    return stacked


def _is_z_matrix(stencil: GridStencil) -> bool:
    """Return whether the stencil has at most 7 entries per row and no positive off-diagonal entry.

    The eigenvalue bound holds for larger stencils too, but is too far from their largest eigenvalue.
    """
    return len(stencil.couplings) <= 3 and all(values.max() <= 0.0 for values in stencil.couplings.values())


def _only_value(stencil: GridStencil, offset: Offset) -> float | None:
    """Return the coupling between any two unknowns that are `offset` apart, or None if it varies."""
    values, used = stencil.couplings[offset], stencil.diagonal > 0
    both = used & np.roll(used, -stencil.layout.distance(offset))
    smallest, largest = float(values.min()), float(values.max(initial=-np.inf, where=both))
    return smallest if smallest == largest else None
