"""Features of a spectral mixture: polynomials, and tones with polynomial amplitudes."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.polynomial import chebyshev

__all__ = ["SpectralFeatures"]

KNEE = 20.0  # phase over the interval, in radians, beyond which the prior decays


@dataclass(frozen=True, eq=False)
class SpectralFeatures:
    r"""Functions on an interval whose random combinations are draws from a spectral mixture.

    A component of the mixture is the product of an envelope, whose lengthscale is comparable to the interval, and
    :math:`\cos\omega(x-x')`. It has the expansion :math:`\sum_k T_k(s)T_k(s')\cos\omega(x-x')` in Chebyshev
    polynomials of the coordinate s on [-1, 1], so its features are :math:`T_k(s)\cos\omega x` and
    :math:`T_k(s)\sin\omega x`. The component of frequency 0 has the features :math:`T_k(s)`.

    Parameters
    ----------
    lower, upper : float
        Ends of the interval.
    frequencies : tuple of float
        Angular frequencies, in radians per unit length.
    modulation : int
        Number of polynomials in the amplitude of each tone.
    low_order : int
        Number of polynomials of the component of frequency 0.
    decay : float
        Power of the frequency with which the prior standard deviation of tones in the source falls: 0 is
        scale-free, 4 prefers smooth solutions.
    modes : tuple of complex
        Exponents z of solutions :math:`e^{zx}` of the homogeneous equation, one of each conjugate pair. Decaying
        solutions are scaled to 1 at the end from which they decay.

    Examples
    --------
    >>> tone = SpectralFeatures(0.0, 2.0, (np.pi,), modulation=2, low_order=3)
    >>> tone.count, [block.shape for block in tone.evaluate(np.linspace(0.0, 2.0, 5), 2)]
    (7, [(5, 7), (5, 7), (5, 7)])
    """

    lower: float
    upper: float
    frequencies: tuple[float, ...] = ()
    modulation: int = 8
    low_order: int = 30
    decay: float = 0.0
    modes: tuple[complex, ...] = ()

    @property
    def count(self) -> int:
        """Number of features."""
        return self.low_order + 2 * self.modulation * len(self.frequencies) + sum(map(_parts, self.modes))

    @property
    def degree(self) -> int:
        """Degree of polynomials that approximate every feature to rounding."""
        fastest = max((*self.frequencies, *(abs(mode) for mode in self.modes)), default=0.0)
        phase = 0.5 * fastest * (self.upper - self.lower)  # Bessel functions decay for orders beyond their argument
        return int(phase + 8.0 * phase ** (1 / 3)) + max(self.modulation, self.low_order) + 30

    @property
    def prior(self) -> np.ndarray:
        """Prior standard deviation of the contribution of each feature to the source, shape (count,), at most 1."""
        length = self.upper - self.lower
        tones = np.repeat(self.frequencies, 2 * self.modulation)
        modes = np.zeros(sum(map(_parts, self.modes)))
        frequencies = np.concatenate([0.5 * np.pi * np.arange(self.low_order) / length, tones, modes])
        return (1.0 + (frequencies * length / KNEE) ** 2) ** (-0.5 * self.decay)

    def evaluate(self, points: np.ndarray, order: int = 0) -> list[np.ndarray]:
        """Return all features at points (P,): one array of shape (P, count) per derivative from 0 to `order`."""
        scale = 2.0 / (self.upper - self.lower)
        s = scale * (points - 0.5 * (self.lower + self.upper))
        amplitudes = _chebyshev(s, max(self.modulation, self.low_order), order, scale)
        blocks = [[amplitude[:, : self.low_order]] for amplitude in amplitudes]
        amplitudes = [amplitude[:, : self.modulation] for amplitude in amplitudes]
        centred = points - 0.5 * (self.lower + self.upper)
        for frequency in self.frequencies:
            for phase in (0.0, -0.5 * np.pi):  # cosine, sine
                tone = [
                    frequency**k * np.cos(frequency * centred + phase + 0.5 * np.pi * k)[:, None]
                    for k in range(order + 1)
                ]
                for k in range(order + 1):  # Leibniz
                    blocks[k].append(sum(comb(k, j) * amplitudes[j] * tone[k - j] for j in range(k + 1)))  # pyright: ignore
        for mode in self.modes:
            start = self.upper if mode.real > 0 else self.lower
            wave = np.exp(mode * (points - start))
            for k in range(order + 1):
                derivative = mode**k * wave
                blocks[k].append(np.stack([derivative.real, derivative.imag][: _parts(mode)], axis=1))
        return [np.concatenate(block, axis=1) for block in blocks]


def _parts(mode: complex) -> int:
    return 2 if mode.imag else 1


def _chebyshev(s: np.ndarray, count: int, order: int, scale: float) -> list[np.ndarray]:
    """Return the Chebyshev polynomials of s = scale x + constant, and their derivatives with respect to x."""
    table = np.cos(np.arange(count) * np.arccos(np.clip(s, -1.0, 1.0))[:, None])
    coefficients = np.eye(count)
    blocks = [table]
    for k in range(1, order + 1):
        coefficients = chebyshev.chebder(coefficients) if len(coefficients) > 1 else np.zeros((1, count))
        blocks.append(scale**k * table[:, : len(coefficients)] @ coefficients)
    return blocks
