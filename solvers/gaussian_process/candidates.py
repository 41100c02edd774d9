"""Priors that are tried on an equation: which frequencies, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .features import Features
from .grid_data import GridData
from .modes import homogeneous_modes
from .spectrum import Spectrum, find_frequencies

__all__ = ["data_spectra", "flat_frame", "tone_features", "tried_features"]

COUNTS = (1, 2, 4, 8, 15)  # tones along each axis
MODULATION, LOW_ORDER = 8, 30
FEWEST = (4, 12)  # the same where points are few
SHARE = 0.6  # most functions along an axis, by points
SKETCH = 12  # random combinations of the lines of a grid that the periodogram is of
SAME = 0.5  # distance of frequencies, in periods over the axis, that are one
FRAMES = {  # by dimension, highest frequency of a flat frame, by that which the grid resolves, and decay of its prior
    1: ((0.25, 0.0), (0.5, 0.0), (0.5, 4.0), (0.75, 4.0)),
    2: ((0.25, 0.0), (0.5, 0.0)),
    3: ((0.25, 0.0), (0.5, 0.0)),
}
EXTENSION = 1.47  # length of the interval that a flat frame is periodic on, by that of the axis
WIDEST = 400  # frequencies of a flat frame


def data_spectra(data: GridData, max_components: int, seed: int = 0) -> tuple[Spectrum, ...]:
    """Return the tones along each axis in the source and the boundary values.

    The equation is data: what u is made of is seen in its source, or where that vanishes in its boundary values. Of
    the lines of a grid along an axis random combinations are looked at, a sketch that keeps their mean power.
    """
    generator = np.random.default_rng(seed)
    found: list[Spectrum] = []
    for axis, points in enumerate(data.axes):
        along = [
            np.moveaxis(data.values_on(condition, other), axis, 0).reshape(len(points), -1)
            for other in range(data.dimension)
            if other != axis
            for condition in data.conditions[other]
            if condition.side
        ]
        groups = [np.moveaxis(data.source, axis, 0).reshape(len(points), -1)]
        if along:
            groups.append(np.concatenate(along, axis=1))
        spectra = [find_frequencies(points, _sketch(group, generator), max_components) for group in groups if group.any()]
        found.append(_merge(spectra, points, max_components))
    return tuple(found)


def tried_features(data: GridData, spectra: Sequence[Spectrum]) -> Iterator[tuple[Features, ...]]:
    """Yield the features along each axis, with more and more tones, and at last with frames of all frequencies."""
    before: tuple[Features, ...] = ()
    for count in COUNTS:
        frequencies = [spectrum.frequencies[:count] for spectrum in spectra]
        features = tuple(
            tone_features(data, axis, frequencies, before[axis] if before else None)
            for axis in range(data.dimension)
        )
        if before and all(len(a.frequencies) == len(b.frequencies) for a, b in zip(features, before, strict=True)):
            break
        yield features
        before = features
    for band, decay in FRAMES[data.dimension]:
        yield tuple(flat_frame(data, axis, band, decay) for axis in range(data.dimension))


def tone_features(
    data: GridData, axis: int, frequencies: Sequence[np.ndarray], otherwise: Features | None = None
) -> Features:
    """Return features of given frequencies, polynomials as the points allow; `otherwise` if they allow too few."""
    lower, upper = data.pde.domain[axis]
    tones = tuple(frequencies[axis].tolist())
    room = int(SHARE * data.shape[axis])
    modes = homogeneous_modes(data, axis, frequencies)
    for modulation in range(MODULATION, FEWEST[0] - 1, -1):
        low_order = min(LOW_ORDER, max(FEWEST[1], data.shape[axis] // 3))
        features = Features(lower, upper, tones, modulation, low_order, modes=modes)
        if features.count <= room:
            return features
    if otherwise is not None:
        return otherwise
    low_order = max(3, min(FEWEST[1], room - 2 * FEWEST[0] * len(tones)))
    return Features(lower, upper, tones, FEWEST[0], low_order, modes=modes)


def flat_frame(data: GridData, axis: int, band: float, decay: float) -> Features:
    """Return features of evenly spaced frequencies: a mixture that knows no frequency of the solution.

    Frequencies reach up to `band` times that which the grid resolves. What they leave of the solution is smooth on
    an interval longer than the axis, on which they are periodic.
    """
    lower, upper = data.pde.domain[axis]
    spacing = 2 * np.pi / (EXTENSION * (upper - lower))
    nyquist = np.pi * (data.shape[axis] - 1) / (upper - lower)
    count = min(int(band * nyquist / spacing), WIDEST)
    low_order = max(3, min(8, data.shape[axis] // 3))
    frequencies = tuple(spacing * np.arange(1, count + 1))
    return Features(lower, upper, frequencies, modulation=1, low_order=low_order, decay=decay)


def _sketch(lines: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    if lines.shape[1] <= SKETCH:
        return lines
    return lines @ (generator.standard_normal((lines.shape[1], SKETCH)) / SKETCH**0.5)


def _merge(spectra: Sequence[Spectrum], points: np.ndarray, most: int) -> Spectrum:
    """Return the tones of all spectra, each relative to the strongest of its own."""
    nyquist = np.pi * (len(points) - 1) / (points[-1] - points[0])
    tones = [
        (amplitude / spectrum.amplitudes[0], frequency)
        for spectrum in spectra
        for frequency, amplitude in zip(spectrum.frequencies, spectrum.amplitudes, strict=True)
    ]
    kept: list[tuple[float, float]] = []
    for amplitude, frequency in sorted(tones, reverse=True):
        apart = 2 * np.pi * SAME / (points[-1] - points[0])
        if len(kept) < most and all(abs(frequency - other) > apart for _, other in kept):
            kept.append((amplitude, frequency))
    residual = max((spectrum.residual for spectrum in spectra), default=0.0)
    amplitudes, frequencies = np.array(kept).reshape(-1, 2).T
    return Spectrum(frequencies, amplitudes, residual, nyquist)
