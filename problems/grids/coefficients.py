"""Random diffusion coefficients: inclusions, log-normal fields, and rotated anisotropy."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, kron

from ritz.operators.stencils.boundary import Sides

from .obstacles import random_obstacles

__all__ = ["inclusions", "lognormal", "rotated_stiffness"]

INCLUSIONS = 12  # number of inclusions of each kind


def inclusions(shape: tuple[int, ...], contrast: float, seed: int) -> np.ndarray:
    """Return cell values of 1 with random balls, boxes and plates inside, half of them conducting, half insulating.

    The value in conducting inclusions is the square root of `contrast`, and in insulating ones its inverse, so the
    ratio of the largest to the smallest value is `contrast`.
    """
    conducting, insulating = (
        random_obstacles(shape, INCLUSIONS, int(state)) for state in np.random.SeedSequence(seed).generate_state(2)
    )
    return np.sqrt(contrast) ** (conducting.astype(float) - (insulating & ~conducting))


def lognormal(shape: tuple[int, ...], contrast: float, correlation_length: float, seed: int) -> np.ndarray:
    """Return the exponential of a Gaussian field, scaled so that its largest over its smallest value is `contrast`.

    The field has mean zero and covariance ``exp(-r^2 / (2 L^2))``, where L is `correlation_length` in units of the
    longest side. It is sampled by FFT on a torus that is longer by 4 L along each axis :cite:`DietrichNewsam1997`, so
    that opposite ends are uncorrelated. Takes O(n log n) time.
    """
    h = 1.0 / max(shape)
    padded = tuple(n + int(np.ceil(4 * correlation_length / h)) for n in shape)
    noise = np.random.default_rng(seed).standard_normal(padded)
    # The square root of a Gaussian spectrum is the spectrum of a Gaussian narrower by the square root of two.
    frequencies = [np.fft.fftfreq(n, h) for n in padded[:-1]] + [np.fft.rfftfreq(padded[-1], h)]
    factors = [np.exp(-((np.pi * correlation_length * frequency) ** 2)) for frequency in frequencies]
    spectrum = np.fft.rfftn(noise) * reduce(np.multiply.outer, factors)
    field = np.fft.irfftn(spectrum, padded, axes=range(len(shape)))[tuple(slice(n) for n in shape)]
    field -= field.mean()
    spread = np.ptp(field)
    return np.exp(field * (np.log(contrast) / spread if spread > 0 else 0.0))


def rotated_stiffness(shape: tuple[int, ...], h: float, sides: Sides, anisotropy: float, angle: float) -> csr_array:
    r"""Return the bilinear finite-element matrix of :math:`-\nabla\cdot K\nabla`, with 9 entries per row.

    K = R diag(1, anisotropy) Rᵀ, where R rotates by `angle`. The nodes have spacing `h`. Dirichlet sides lie one step
    beyond the outermost nodes, natural sides pass through them. The element integrals are divided by h², the volume of
    a node.
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    along, across = cosine**2 + anisotropy * sine**2, sine**2 + anisotropy * cosine**2
    mixed = (1 - anisotropy) * cosine * sine
    (stiff_x, mass_x, slope_x), (stiff_y, mass_y, slope_y) = (
        _line_elements(n, pair) for n, pair in zip(shape, sides, strict=True)
    )
    matrix: Any = along * kron(stiff_x, mass_y) + across * kron(mass_x, stiff_y)
    matrix = matrix + mixed * (kron(slope_x, slope_y.T) + kron(slope_x.T, slope_y))
    return csr_array(matrix / h**2)


def _line_elements(n: int, pair: tuple[str, str]) -> tuple[Any, Any, Any]:
    """Return the matrices of the integrals of φ'φ', φφ and φ'φ for linear elements of length 1."""
    periodic = pair[0] == "periodic"
    start, end = int(pair[0] == "dirichlet"), int(pair[1] == "dirichlet")
    elements = n if periodic else n - 1 + start + end
    left = np.arange(elements) - start
    right = (left + 1) % n if periodic else left + 1
    kept_left, kept_right = (left >= 0) & (left < n), (right >= 0) & (right < n)
    rows = np.arange(elements)
    to_left = csr_array((np.ones(kept_left.sum()), (rows[kept_left], left[kept_left])), shape=(elements, n))
    to_right = csr_array((np.ones(kept_right.sum()), (rows[kept_right], right[kept_right])), shape=(elements, n))
    slope, mean = to_right - to_left, (to_right + to_left) / 2
    # On an element, φ is its mean plus its slope times a centred variable of variance 1/12.
    variance = diags_array(np.full(elements, 1 / 12))
    return slope.T @ slope, mean.T @ mean + slope.T @ variance @ slope, slope.T @ mean
