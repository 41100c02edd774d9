"""Fast transforms that diagonalise second differences along an axis, with their eigenvalues, tables and costs."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .kernels.transforms import Tables

__all__ = ["eigenvalues", "fast_kind", "fourier_cost", "scale", "tables"]

# Nanoseconds per number for one pass of each radix, measured on tiles of two float64 vectors. For odd radices r >= 7,
# it is PASS_ODD[0] + PASS_ODD[1] * r.
PASS = {2: 0.07, 3: 0.10, 4: 0.09, 5: 0.11}
PASS_ODD = (0.20, 0.011)


def fast_kind(sides: tuple[str, str], centering: str) -> str | None:
    """Return the transform for the boundary conditions at both ends of an axis, or None if none is fast."""
    if sides[0] == "periodic":
        return "DFT"
    if sides == ("neumann", "neumann"):
        return "DCT-II"
    if centering == "vertex":
        return "DST-I" if sides == ("dirichlet", "dirichlet") else None
    if sides == ("dirichlet", "dirichlet"):
        return "DST-II"
    return "DCT-IV" if sides[0] == "neumann" else "DST-IV"


def eigenvalues(kind: str, n: int) -> np.ndarray:
    """Return the eigenvalues of second differences with unit coupling, in the order of the coefficients."""
    k = np.arange(n)
    angles = {
        "DFT": 2 * np.pi * np.minimum(k, n - k) / n,
        "DCT-II": np.pi * k / n,
        "DST-II": np.pi * (n - k) / n,  # computed as a DCT-II with alternating signs, which reverses the order
        "DCT-IV": np.pi * (k + 0.5) / n,
        "DST-IV": np.pi * (n - k - 0.5) / n,
        "DST-I": np.pi * (k + 1) / (n + 1),
    }
    return 4.0 * np.sin(0.5 * angles[kind]) ** 2


def scale(kind: str, n: int) -> float:
    """Return the factor that a transform followed by its inverse multiplies by."""
    return {"DST-I": 0.5 * (n + 1), "DCT-IV": 0.5 * n, "DST-IV": 0.5 * n}.get(kind, float(n))


def fourier_cost(n: int) -> float:
    """Return the nanoseconds per number of a complex transform of length `n`."""
    return min(_pass_cost(n), _convolution(n)[1])


@cache
def tables(kind: str, n: int, dtype: str) -> Tables:
    """Return the tables of a transform of `n` numbers; O(n log n) time, cached."""
    from .kernels.transforms import QUARTER, ROTATED, SINE, Tables

    length = n + 1 if kind == "DST-I" else n
    order, weight, unweight = np.arange(length), np.ones(length), np.ones(length)
    angle = np.zeros(length // 2 + 1)
    if kind == "DST-I":
        weight = np.sin(np.pi * order / length)
    elif kind != "DFT":
        order = np.concatenate([order[::2], order[1::2][::-1]])  # :cite:`Makhoul1980`
        angle = np.pi * np.arange(length // 2 + 1) / (2 * length)
        if kind.startswith("DST"):
            unweight = np.where(order % 2, -1.0, 1.0)
        weight = unweight.copy()
        if kind.endswith("IV"):
            weight *= 2.0 * np.cos(np.pi * (2 * order + 1) / (4 * length))
    chirp = filtered = np.zeros((0, 2))
    inner = length
    if _pass_cost(length) > _convolution(length)[1]:
        inner = _convolution(length)[0]
        chirp, filtered = _chirp(length, inner)
    radices = _radices(inner)
    twiddles, roots = _twiddles(inner, radices)
    arrays = [values.astype(dtype) for values in (twiddles, roots, chirp, filtered)]
    rotation = [values.astype(dtype) for values in (weight, unweight, np.cos(angle), np.sin(angle))]
    number = SINE if kind == "DST-I" else QUARTER if kind.endswith("IV") else ROTATED
    fields: tuple[Any, ...] = (number, length, np.array(radices, dtype=np.int64), *arrays, order, *rotation)
    return Tables(*fields)


def _chirp(n: int, inner: int) -> tuple[np.ndarray, np.ndarray]:
    angle = np.pi * (np.arange(n) ** 2 % (2 * n)) / n
    wave = np.exp(1j * angle)
    around = np.zeros(inner, dtype=complex)
    around[:n] = wave
    around[inner - n + 1 :] = wave[1:][::-1]
    return _pairs(wave.conj()), _pairs(np.fft.fft(around) / inner)


def _twiddles(n: int, radices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    twiddles, roots, blocks = [np.zeros((0, 2))], [np.zeros((0, 2))], n
    for r in radices:
        powers = np.multiply.outer(np.arange(blocks // r), np.arange(1, r)).ravel()
        twiddles.append(_pairs(np.exp(-2j * np.pi * powers / blocks)))
        roots.append(_pairs(np.exp(2j * np.pi * np.arange(r) / r)))
        blocks //= r
    return np.concatenate(twiddles), np.concatenate(roots)


def _pairs(values: Any) -> np.ndarray:
    return np.stack([values.real, values.imag], axis=-1)


@cache
def _radices(n: int) -> tuple[int, ...]:
    """Return the radices of a transform of length `n`: fours, then primes."""
    found: list[int] = []
    for factor in (4, 2, 3, *range(5, n + 1, 2)):
        while n % factor == 0:
            found.append(factor)
            n //= factor
        if n == 1:
            break
    return tuple(found)


def _pass_cost(n: int) -> float:
    return sum(PASS.get(r, PASS_ODD[0] + PASS_ODD[1] * r) for r in _radices(n))


@cache
def _convolution(n: int) -> tuple[int, float]:
    """Return the cheapest length of a convolution for `n` numbers, and its cost in nanoseconds per number."""
    powers = range(1 + math.ceil(math.log2(4 * n)))
    lengths = {2**a * 3**b * 5**c for a in powers for b in range(4) for c in range(4)}
    costs = {m: m / n * (2 * _pass_cost(m) + 0.1) + 0.1 for m in lengths if 2 * n - 1 <= m <= 4 * n}
    best = min(costs, key=costs.__getitem__)
    return best, costs[best]
