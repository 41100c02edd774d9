"""Detection of frequencies in one-dimensional data by the periodogram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .spectral_features import SpectralFeatures

__all__ = ["Tones", "find_tones"]

PADDING = 8  # points of the periodogram per data point
AMPLITUDE = 3  # polynomials in the amplitude of a tone during the search
TREND = 4  # polynomials removed first
NOISE = 25.0  # power relative to the median above which a peak is not white noise
CORRECTIONS = 3
FEWEST = 4  # points in which a tone can be found


@dataclass(frozen=True, eq=False)
class Tones:
    """Tones found in data, in descending order of amplitude.

    Parameters
    ----------
    frequencies : ndarray, shape (q,)
        Angular frequencies, in radians per unit length.
    amplitudes : ndarray, shape (q,)
        Amplitude of each tone (root mean square over the columns of the data).
    residual : float
        Norm of the remainder, relative to that of the data.
    nyquist : float
        Highest angular frequency resolved by the points.
    """

    frequencies: np.ndarray
    amplitudes: np.ndarray
    residual: float
    nyquist: float


def find_tones(points: np.ndarray, data: np.ndarray, max_components: int = 15, tolerance: float = 1e-13) -> Tones:
    """Return the tones in data, found by orthogonal matching pursuit.

    Each step finds the highest peak of the periodogram (Hann window), corrects its frequency by the drift of the
    phase over the interval, and subtracts the tone, whose amplitude is a polynomial, by least squares together with
    all previous tones. The search ends when nothing but noise remains.

    Parameters
    ----------
    points : ndarray, shape (N,)
        Increasing points. Equally spaced points use a fast Fourier transform, others O(N^2) time.
    data : ndarray, shape (N,) or (N, c)
        The power of the columns is added up.
    max_components : int
    tolerance : float
        Norm of the remainder, relative to the data, that ends the search.

    Returns
    -------
    Tones

    Examples
    --------
    >>> x = np.linspace(0.0, 1.0, 100)
    >>> found = find_tones(x, np.sin(40.0 * x) + 0.1 * x * np.cos(90.0 * x))
    >>> found.frequencies[:2].round().tolist()
    [40.0, 90.0]
    """
    columns = np.reshape(data, (len(points), -1))
    if len(points) < FEWEST:
        return Tones(np.zeros(0), np.zeros(0), float(columns.any()), 0.0)
    total = float(np.linalg.norm(columns))
    nyquist = np.pi * (len(points) - 1) / (points[-1] - points[0])
    periodogram = _periodogram(points, nyquist)
    basis = np.linalg.qr(_block(points, 0.0, min(TREND, len(points))))[0]
    rest = _remove(basis, columns)
    frequencies: list[float] = []
    amplitudes: list[float] = []
    while len(frequencies) < max_components and np.linalg.norm(rest) > tolerance * total:
        tested, power = periodogram(rest)
        peak = 1 + int(np.argmax(power[1:-1]))
        if power[peak] < NOISE * np.median(power):
            break
        frequency = _corrected(points, rest, tested[peak], tested[1], nyquist)
        block = _remove(basis, _block(points, frequency, AMPLITUDE))
        directions, triangle = np.linalg.qr(block)
        sizes = np.abs(triangle.diagonal())
        directions = _remove(basis, directions[:, sizes > 1e-10 * sizes.max()])
        taken = directions.T @ rest
        frequencies.append(frequency)
        amplitudes.append(float(np.linalg.norm(taken) * np.sqrt(2.0 / columns.size)))
        basis = np.hstack([basis, directions])
        rest = rest - directions @ taken
        if basis.shape[1] + 2 * AMPLITUDE > len(points):
            break
    left = float(np.linalg.norm(rest)) / total if total else 0.0
    order = np.argsort(amplitudes)[::-1]
    return Tones(np.array(frequencies)[order], np.array(amplitudes)[order], left, nyquist)


def _block(points: np.ndarray, frequency: float, count: int) -> np.ndarray:
    tones = (frequency,) if frequency else ()
    order = 0 if frequency else count
    return SpectralFeatures(points[0], points[-1], tones, modulation=count, low_order=order).evaluate(points)[0]


def _remove(basis: np.ndarray, columns: np.ndarray) -> np.ndarray:
    for _ in range(2):  # repeated against rounding
        columns = columns - basis @ (basis.T @ columns)
    return columns


def _corrected(points: np.ndarray, data: np.ndarray, frequency: float, step: float, nyquist: float) -> float:
    """Return the frequency at which the phase of the tone in `data` does not drift."""
    half = 0.5 * (points[-1] - points[0])
    limit = nyquist * (1.0 - 0.5 / len(points))
    start = frequency
    for _ in range(CORRECTIONS):
        block = _block(points, frequency, 2)
        cosine, cosine_slope, sine, sine_slope = np.linalg.lstsq(block, data, rcond=None)[0]
        power = float(cosine @ cosine + sine @ sine)
        drift = float(cosine @ sine_slope - sine @ cosine_slope) / power if power else 0.0
        # a cos(w x) + b sin(w x) has the phase -arctan(b / a), which drifts by this much over half the interval
        frequency = float(
            np.clip(frequency - drift / half, max(start - 8 * step, 0.5 * step), min(start + 8 * step, limit))
        )
    return frequency


def _periodogram(points: np.ndarray, nyquist: float) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a function that maps data to frequencies and power."""
    from scipy.fft import next_fast_len, rfft

    count = len(points)
    steps = np.diff(points)
    window = np.hanning(count + 2)[1:-1, None]
    if np.ptp(steps) <= 1e-8 * steps.max():
        padded: Any = next_fast_len(PADDING * count, real=True)
        tested = 2 * np.pi * np.arange(padded // 2 + 1) / (padded * steps.mean())
        return lambda data: (tested, (np.abs(np.asarray(rfft(window * data, padded, axis=0))) ** 2).sum(axis=1))
    tested = np.linspace(0.0, nyquist, PADDING * count // 2 + 1)
    kernel = np.exp(-1j * np.outer(tested, points - points[0])) * np.gradient(points)
    return lambda data: (tested, (np.abs(kernel @ (window * data)) ** 2).sum(axis=1))
