"""Exponential solutions of a homogeneous equation along one axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from .grid_data import GridData

__all__ = ["homogeneous_modes"]

SLOW = 2.0  # change of the exponent over the axis below which polynomials follow the solution
MOST = 3  # frequencies of each other axis that are combined


def homogeneous_modes(data: GridData, axis: int, frequencies: Sequence[np.ndarray]) -> tuple[complex, ...]:
    """Return exponents z for which ``exp(z x)`` along an axis, times tones along the others, is a solution.

    They are what the source does not show: waves that an equation carries without a source, layers at the ends that
    boundary values force. Coefficients are averaged over the grid.

    Parameters
    ----------
    data : GridData
    axis : int
    frequencies : sequence of ndarray
        Angular frequencies of each axis, the most important first.

    Returns
    -------
    tuple of complex
        One of each conjugate pair; those that change little over the axis, or within less than a cell, are left out.

    Examples
    --------
    >>> from ritz import PDE
    >>> from .grid_data import grid_data
    >>> wave = grid_data(PDE((0.0, 1.0), {2: 1.0, 0: 900.0}), [np.linspace(0.0, 1.0, 50)])
    >>> [complex(np.round(mode, 9)) for mode in homogeneous_modes(wave, 0, [np.zeros(0)])]
    [30j]
    """
    lower, upper = data.pde.domain[axis]
    means = {index: float(values.mean()) for index, values in data.coefficients.items()}
    if data.pde.reaction is not None:
        zero = (0,) * data.dimension
        means[zero] = means.get(zero, 0.0) + float(data.pde.reaction[1](np.zeros(1))[0])
    others = [(0.0,) if other == axis else (0.0, *found[:MOST].tolist()) for other, found in enumerate(frequencies)]
    degree = max(index[axis] for index in means)
    found: list[complex] = []
    for tones in itertools.product(*others):
        polynomial = np.zeros(degree + 1, dtype=complex)
        for index, mean in means.items():
            factor = np.prod(
                [(1j * tone) ** order for n, (tone, order) in enumerate(zip(tones, index, strict=True)) if n != axis]
            )
            polynomial[degree - index[axis]] += mean * factor
        for root in np.roots(polynomial):
            real, imaginary = float(root.real), abs(float(root.imag))
            if abs(real) < 1e-9 * abs(root):
                real = 0.0
            if imaginary < 1e-9 * abs(root):
                imaginary = 0.0
            mode = complex(real, imaginary)
            length = upper - lower
            fastest = 2 * np.pi * data.shape[axis]
            known = any(abs(mode - other) * length < 0.1 for other in found)
            if SLOW <= abs(mode) * length <= fastest and not known:
                found.append(mode)
    return tuple(found)
