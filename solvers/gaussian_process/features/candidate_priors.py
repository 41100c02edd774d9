"""Candidate priors for an equation: features of different frequencies and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ritz.problem_types.pde.fields import evaluate
from ritz.problem_types.pde.pde import PDE

from ..grid_data import GridData
from .homogeneous_modes import homogeneous_modes
from .periodogram import Tones, find_tones
from .spectral_features import SpectralFeatures

__all__ = ["data_spectra", "flat_frame", "given_features", "highest_tones", "tone_features", "tried_features"]

COUNTS = (1, 2, 4, 8, 15)  # numbers of tones along each axis
SIZES = ((8, 30), (5, 12), (8, 24))  # numbers of polynomials in the amplitudes of tones, and of frequency 0
SHARE = 0.7  # maximum number of functions per point along an axis
SAME = 0.5  # frequencies closer than this, in periods over the axis, are merged
FRAMES = {  # by dimension: highest frequency of a frame relative to the Nyquist frequency, and decay of its prior
    1: ((0.25, 0.0), (0.5, 0.0), (0.5, 4.0), (0.75, 4.0)),
    2: ((0.25, 0.0), (0.5, 0.0), (0.6, 0.0), (0.7, 4.0)),
    3: ((0.25, 0.0), (0.5, 0.0), (0.6, 0.0), (0.7, 4.0)),
}
EXTENSION = 1.47  # period of a flat frame, relative to the length of the axis
FINEST, LINES = 4097, (0.231, 0.557, 0.819)  # points of a line in the search for tones, and places of the lines
WIDEST = 400  # maximum number of frequencies of a flat frame


def data_spectra(data: GridData, max_components: int) -> tuple[Tones, ...]:
    """Return the tones along each axis in the source and the boundary values.

    The frequencies of u show in its source or, if that vanishes, in its boundary values.
    """
    found: list[Tones] = []
    for axis, points in enumerate(data.axes):
        spectra = [find_tones(points, lines, max_components) for lines in data.lines(axis)]
        found.append(_merge(spectra, points, max_components))
    return tuple(found)


def highest_tones(pde: PDE, max_components: int, share: float) -> np.ndarray:
    """Return the highest frequency along each axis in the source and the boundary values, from a few fine lines.

    Tones whose amplitude is below `share` of the strongest do not count.
    """
    found = np.zeros(pde.dimension)
    for axis, (lower, upper) in enumerate(pde.domain):
        points = np.linspace(lower, upper, FINEST)
        others = [number for number in range(pde.dimension) if number != axis]
        sides = [place for other in others for place in (0.0, 1.0) if pde.sides[other][int(place)] == "dirichlet"]
        for name, places in (("source", LINES if others else LINES[:1]), ("boundary", sides)):
            if not places or not callable(getattr(pde, name)):
                continue
            coordinates = [
                np.broadcast_to(points[:, None], (FINEST, len(places)))
                if number == axis
                else np.broadcast_to(low + np.array(places) * (high - low), (FINEST, len(places)))
                for number, (low, high) in enumerate(pde.domain)
            ]
            tones = find_tones(points, evaluate(name, getattr(pde, name), coordinates), max_components)
            strong = tones.frequencies[tones.amplitudes > share * tones.amplitudes.max(initial=0.0)]
            found[axis] = max(found[axis], strong.max(initial=0.0))
    return found


def tried_features(data: GridData, spectra: Sequence[Tones]) -> Iterator[tuple[SpectralFeatures, ...]]:
    """Yield features along each axis, first of an increasing number of tones, then frames of all frequencies.

    On small grids, tones are also tried with fewer polynomials, and with more than a third of the number of points.
    """
    yield from _tones(data, spectra, *SIZES[0])
    crowded = min(data.shape) // 3 < SIZES[0][1]
    for modulation, low_order in SIZES[1:] if crowded else ():
        yield from _tones(data, spectra, modulation, low_order, crowded=True)
    wider = {decay: band for band, decay in FRAMES[data.dimension]}
    for band, decay in FRAMES[data.dimension]:
        frame = tuple(flat_frame(data, axis, band, decay) for axis in range(data.dimension))
        if band < wider[decay] and max(len(part.frequencies) for part in frame) == WIDEST:
            continue  # identical to the wider frame
        yield frame


def given_features(data: GridData, frequencies: Sequence[np.ndarray]) -> Iterator[tuple[SpectralFeatures, ...]]:
    """Yield features of given frequencies with different numbers of polynomials."""
    for modulation, low_order in SIZES:
        yield tuple(tone_features(data, axis, frequencies, modulation, low_order) for axis in range(data.dimension))


def _tones(
    data: GridData, spectra: Sequence[Tones], modulation: int, low_order: int, crowded: bool = False
) -> Iterator[tuple[SpectralFeatures, ...]]:
    """Yield features of an increasing number of tones, limited by the tones found and the number of points."""
    before = -1
    for count in COUNTS:
        frequencies = [spectrum.frequencies[:count] for spectrum in spectra]
        if sum(map(len, frequencies)) == before:
            return
        before = sum(map(len, frequencies))
        features = tuple(
            tone_features(data, axis, frequencies, modulation, low_order if crowded else min(low_order, points // 3))
            for axis, points in enumerate(data.shape)
        )
        fits = all(part.count <= SHARE * points for part, points in zip(features, data.shape, strict=True))
        if not fits and count > COUNTS[0]:
            return
        yield features


def tone_features(
    data: GridData, axis: int, frequencies: Sequence[np.ndarray], modulation: int, low_order: int
) -> SpectralFeatures:
    """Return the features along one axis, given the frequencies along all axes."""
    lower, upper = data.pde.domain[axis]
    modes = homogeneous_modes(data, axis, frequencies)
    return SpectralFeatures(lower, upper, tuple(frequencies[axis].tolist()), modulation, max(low_order, 3), modes=modes)


def flat_frame(data: GridData, axis: int, band: float, decay: float) -> SpectralFeatures:
    """Return features of evenly spaced frequencies, which assume no knowledge of the solution.

    Frequencies reach up to `band` times the Nyquist frequency of the grid. They are periodic on an interval longer
    than the axis, a Fourier extension.
    """
    lower, upper = data.pde.domain[axis]
    spacing = 2 * np.pi / (EXTENSION * (upper - lower))
    nyquist = np.pi * (data.shape[axis] - 1) / (upper - lower)
    count = min(int(band * nyquist / spacing), WIDEST)
    low_order = max(3, min(8, data.shape[axis] // 3))
    frequencies = tuple(spacing * np.arange(1, count + 1))
    return SpectralFeatures(lower, upper, frequencies, modulation=1, low_order=low_order, decay=decay)


def _merge(spectra: Sequence[Tones], points: np.ndarray, most: int) -> Tones:
    """Return the tones of all spectra, with amplitudes relative to the strongest of each spectrum."""
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
    return Tones(frequencies, amplitudes, residual, nyquist)
