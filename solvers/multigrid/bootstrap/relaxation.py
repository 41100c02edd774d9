"""Smoothers for sparse matrices, applied before and after the coarse-level correction."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["SMOOTHERS", "ChebyshevSmoother", "GaussSeidelSmoother", "L1JacobiSmoother", "Smoother", "remainder"]


def remainder(matrix: Any, rhs: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return ``rhs - A x`` for vectors ``(n,)`` or blocks ``(n, k)``, in one pass over the matrix."""
    from ritz.kernels.parallel_chunks import in_parallel_chunks

    from .kernels.relaxation import block_residual, residual

    out, kernel = np.empty_like(rhs), residual if rhs.ndim == 1 else block_residual
    work = 2 * matrix.data.nbytes + 3 * rhs.nbytes
    in_parallel_chunks(kernel, rhs.shape[0], work, matrix.indptr, matrix.indices, matrix.data, rhs, x, out)
    return out


class Smoother(Protocol):
    """Relaxation of ``A x = b`` for vectors ``(n,)`` and blocks ``(n, k)`` of columns."""

    def before(self, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result of relaxation from zero, and its residual."""
        ...

    def after(self, rhs: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return `x`, which is overwritten, after relaxation by the adjoint of `before`."""
        ...


class GaussSeidelSmoother:
    """Gauss-Seidel, one forward sweep before and one backward sweep after: symmetric, for a little over two products.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
        Symmetric, with sorted columns.
    inverse : ndarray, shape (n,)
        Inverse of the diagonal; zero for unknowns that stay zero.
    """

    def __init__(self, matrix: Any, inverse: np.ndarray):
        from .kernels.relaxation import row_parts

        self._matrix, self._inverse = matrix, inverse
        self._upper = np.empty(inverse.size, dtype=matrix.indptr.dtype)
        row_parts(matrix.indptr, matrix.indices, self._upper)

    def before(self, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result of relaxation from zero, and its residual."""
        from .kernels.relaxation import block_first_sweep, first_sweep

        x, residual, A = np.empty_like(rhs), np.empty_like(rhs), self._matrix
        sweep = first_sweep if rhs.ndim == 1 else block_first_sweep
        sweep(A.indptr, self._upper, A.indices, A.data, self._inverse, rhs, x, residual)
        return x, residual

    def after(self, rhs: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return `x`, which is overwritten, after a backward sweep."""
        from .kernels.relaxation import backward_sweep, block_backward_sweep

        A = self._matrix
        sweep = backward_sweep if rhs.ndim == 1 else block_backward_sweep
        sweep(A.indptr, A.indices, A.data, self._inverse, rhs, x)
        return x


class L1JacobiSmoother:
    """Jacobi with the row sums of magnitudes as diagonal, which always converges for definite matrices.

    Parameters
    ----------
    matrix, inverse
        See `GaussSeidelSmoother`.
    """

    degree = 1

    def __init__(self, matrix: Any, inverse: np.ndarray):
        sums = abs(matrix).sum(axis=1)
        self._matrix = matrix
        self._inverse = np.divide(1.0, sums, out=np.zeros_like(inverse), where=inverse > 0)
        self._steps = _chebyshev_steps(self.degree)

    def before(self, rhs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the result of relaxation from zero, and its residual."""
        x = self._relax(np.zeros_like(rhs), rhs)
        return x, remainder(self._matrix, rhs, x)

    def after(self, rhs: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return `x`, which is overwritten, after the same relaxation."""
        return self._relax(x, remainder(self._matrix, rhs, x))

    def _relax(self, x: np.ndarray, residual: np.ndarray) -> np.ndarray:
        inverse = self._inverse if x.ndim == 1 else self._inverse[:, None]
        step = np.zeros_like(x)
        for number, (momentum, rate) in enumerate(self._steps):
            if number:
                residual = remainder(self._matrix, residual, step)
            step = momentum * step + rate * (inverse * residual)
            x += step
        return x


class ChebyshevSmoother(L1JacobiSmoother):
    """Chebyshev polynomial of degree three for the upper part of the spectrum, scaled as by `L1JacobiSmoother`.

    The spectrum of the scaled matrix ends at 1 for every matrix, so no eigenvalue has to be estimated
    :cite:`Adams2003`.
    """

    degree = 3


def _chebyshev_steps(degree: int, smallest: float = 0.1, largest: float = 1.0) -> list[tuple[float, float]]:
    """Return momentum and rate of each step; a single step has rate 1."""
    if degree == 1:
        return [(0.0, 1.0)]
    middle, radius = 0.5 * (largest + smallest), 0.5 * (largest - smallest)
    rho = radius / middle
    steps = [(0.0, 1.0 / middle)]
    for _ in range(1, degree):
        following = 1.0 / (2.0 * middle / radius - rho)
        steps.append((following * rho, 2.0 * following / radius))
        rho = following
    return steps


SMOOTHERS = {"gauss-seidel": GaussSeidelSmoother, "l1-jacobi": L1JacobiSmoother, "chebyshev": ChebyshevSmoother}
