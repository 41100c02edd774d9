"""Decay of the Chebyshev and Fourier coefficients of a collocation solution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ritz.problem_types.pde.discretisation import Axis

__all__ = ["next_coefficients"]

BLOCK = 4  # coefficients looked at together; even and odd functions have zeros among them
STEEPEST = 0.1  # least factor by which the decay is taken to become steeper
ROUNDING = 0.3  # relative rounding error of a solution on n nodes, in units of n^2 times the machine epsilon


def next_coefficients(axes: Sequence[Axis], nodal: np.ndarray) -> float:
    """Return the size of the first coefficients left out, relative to all, along the axis where it is largest.

    It is extrapolated from the last coefficients. Where these decay geometrically or faster, the error of the
    solution is of that size, and at least of that of rounding.

    Parameters
    ----------
    axes : sequence of Axis
        Axes of Chebyshev or Fourier collocation.
    nodal : ndarray, shape (N1, N2, ...)
        Values at all nodes.
    """
    rounding = ROUNDING * np.finfo(np.float64).eps * max(nodal.shape) ** 2
    found = [_next(_spectrum(axis.periodic, np.moveaxis(nodal, number, 0))) for number, axis in enumerate(axes)]
    return max(rounding, *found) if nodal.any() else 0.0


def _spectrum(periodic: bool, values: np.ndarray) -> np.ndarray:
    """Return the root mean square of each coefficient over the other axes."""
    from scipy.fft import dct, rfft

    lines = values.reshape(len(values), -1) / (float(np.abs(values).max()) or 1.0)
    coefficients = np.asarray(rfft(lines, axis=0) if periodic else dct(lines, type=1, axis=0))
    if not periodic:
        coefficients[[0, -1]] *= 0.5
    return np.sqrt((np.abs(coefficients) ** 2).mean(axis=1))


def _next(spectrum: np.ndarray) -> float:
    whole = float(np.linalg.norm(spectrum))
    if whole == 0.0:
        return 0.0
    last, before, first = (
        float(spectrum[max(len(spectrum) - (k + 1) * BLOCK, 0) : len(spectrum) - k * BLOCK].max(initial=0.0))
        for k in range(3)
    )
    if not 0.0 < last < before < first:
        return max(last, 0.0) / whole
    decay = last / before
    return last * decay * max(min(decay / (before / first), 1.0), STEEPEST) / whole
