"""Exponential solutions of a homogeneous equation along one axis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from ritz.problem_types.pde.pde import MultiIndex

from ..grid_data import GridData

__all__ = ["homogeneous_modes"]

SLOW = 2.0  # change of the exponent over the axis below which polynomials approximate the solution
SAME = 0.1  # exponents closer than this over the axis are merged
TONES = 3  # frequencies of each other axis to combine
MOST = 4  # maximum number of exponents, for the strongest tones


def homogeneous_modes(data: GridData, axis: int, frequencies: Sequence[np.ndarray]) -> tuple[complex, ...]:
    """Return exponents z such that ``exp(z x)`` along an axis, times tones along the others, is a solution.

    These parts of the solution do not show in the source: free waves, and boundary layers forced by the boundary
    values. Coefficients are averaged over the grid.

    Parameters
    ----------
    data : GridData
    axis : int
    frequencies : sequence of ndarray
        Angular frequencies along each axis, in descending order of importance.

    Returns
    -------
    tuple of complex
        One of each conjugate pair. Exponents that change little over the axis are left out; so are, in more than one
        dimension, those that change within less than a cell.

    Examples
    --------
    >>> from ritz import PDE
    >>> from ritz.solvers.gaussian_process.grid_data import grid_data
    >>> wave = grid_data(PDE((0.0, 1.0), {2: 1.0, 0: 900.0}), [np.linspace(0.0, 1.0, 50)])
    >>> [complex(np.round(mode, 9)) for mode in homogeneous_modes(wave, 0, [np.zeros(0)])]
    [30j]
    """
    lower, upper = data.pde.domain[axis]
    fastest = (
        2 * np.pi * data.shape[axis] if data.dimension > 1 else np.inf
    )  # limits the degree of the polynomials that approximate it
    means = {index: float(values.mean()) for index, values in data.coefficients.items()}
    if data.pde.reaction is not None:
        zero = (0,) * data.dimension
        means[zero] = means.get(zero, 0.0) + float(data.pde.reaction[1](np.zeros(1))[0])
    others = [(0.0,) if other == axis else (*found[:TONES].tolist(), 0.0) for other, found in enumerate(frequencies)]
    combined = sorted(itertools.product(*(range(len(tones)) for tones in others)), key=sum)  # strongest first
    found: list[complex] = []
    for ranks in combined:
        for root in _roots(means, axis, [tones[rank] for tones, rank in zip(others, ranks, strict=True)]):
            change = abs(root) * (upper - lower)
            known = any(abs(root - other) * (upper - lower) < SAME for other in found)
            if SLOW <= change <= fastest and not known and len(found) < MOST:
                found.append(root)
    return tuple(found)


def _roots(means: Mapping[MultiIndex, float], axis: int, tones: Sequence[float]) -> list[complex]:
    """Return the exponents along an axis for given tones along the others, in the upper half-plane."""
    degree = max(index[axis] for index in means)
    polynomial = np.zeros(degree + 1, dtype=complex)
    for index, mean in means.items():
        factors = [(1j * tone) ** order for n, (tone, order) in enumerate(zip(tones, index, strict=True)) if n != axis]
        polynomial[degree - index[axis]] += mean * np.prod(factors)
    roots: list[complex] = []
    for root in np.roots(polynomial):
        rounding = 1e-9 * abs(root)
        real, imaginary = float(root.real), abs(float(root.imag))
        roots.append(complex(real if abs(real) > rounding else 0.0, imaginary if imaginary > rounding else 0.0))
    return roots
