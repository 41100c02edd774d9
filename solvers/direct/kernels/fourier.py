"""Complex Fourier transforms of many lines at a time.

A tile has one row per index along the lines. A row holds, for each group of lines, a vector of real parts and a vector
of imaginary parts. The passes, one per radix, are those of Stockham's fast Fourier transform
:cite:`Swarztrauber1987`, which needs no reordering; to the first pass, groups look like lines already interleaved.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .vectors import lanes, load, store

__all__ = ["Tables", "compiled", "fourier", "inlined"]

compiled = njit(cache=True, error_model="numpy")
inlined = njit(inline="always", error_model="numpy")

HALF_ROOT_3 = 0.5 * 3.0**0.5
COS_5 = ((5.0**0.5 - 1.0) / 4.0, (-(5.0**0.5) - 1.0) / 4.0)
SIN_5 = (0.9510565162951535721164, 0.5877852522924731291687)


class Tables(NamedTuple):
    """Tables for a transform of one length, in the dtype of the field.

    Parameters
    ----------
    kind : int
        `ROTATED` (Fourier, cosine and sine transforms, which differ in order, weight and rotation), `QUARTER` or
        `SINE`.
    length : int
        Length n of the complex transform.
    radices : ndarray of int
        Factors of n, or of the length m of the convolution that replaces the transform, in the order of the passes.
    twiddles, roots : ndarray, shape (..., 2)
        For each pass of radix r on m blocks, cosine and negative sine of 2 pi p t / (r m) for p < m and 0 < t < r; and
        cosine and sine of 2 pi t / r for t < r.
    chirp, filter : ndarray, shape (n, 2) and (m, 2), or empty
        Complex factors before and after the convolution, and those between its two transforms.
    order : ndarray of int, shape (n,)
        Index along a line of the number in each place of the complex transform.
    weight, unweight : ndarray, shape (n,)
        Factors of these numbers in the forward and in the backward transform.
    cosine, sine : ndarray, shape (n // 2 + 1,)
        Rotation of the coefficients k and n - k.
    """

    kind: int
    length: int
    radices: np.ndarray
    twiddles: np.ndarray
    roots: np.ndarray
    chirp: np.ndarray
    filter: np.ndarray
    order: np.ndarray
    weight: np.ndarray
    unweight: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray


@inlined
def _store_product(y: np.ndarray, at: int, re: Any, im: Any, w: np.ndarray, row: int) -> None:
    """Store the product of a complex number and the one in a row of `w`."""
    wr, wi = w[row, 0], w[row, 1]
    store(y, at, re * wr - im * wi)
    store(y, at + lanes(y), re * wi + im * wr)


@compiled
def _pass_2(x: np.ndarray, y: np.ndarray, m: int, s: int, w: np.ndarray) -> None:
    v = lanes(x)
    width = 2 * v
    hop, step = s * m * width, s * width
    for p in range(m):
        for q in range(s):
            i, o = (q + s * p) * width, (q + 2 * s * p) * width
            ar, ai = load(x, i), load(x, i + v)
            br, bi = load(x, i + hop), load(x, i + hop + v)
            store(y, o, ar + br)
            store(y, o + v, ai + bi)
            _store_product(y, o + step, ar - br, ai - bi, w, p)


@compiled
def _pass_3(x: np.ndarray, y: np.ndarray, m: int, s: int, w: np.ndarray) -> None:
    v = lanes(x)
    width = 2 * v
    hop, step = s * m * width, s * width
    for p in range(m):
        for q in range(s):
            i, o = (q + s * p) * width, (q + 3 * s * p) * width
            ar, ai = load(x, i), load(x, i + v)
            br, bi = load(x, i + hop), load(x, i + hop + v)
            cr, ci = load(x, i + 2 * hop), load(x, i + 2 * hop + v)
            sr, si = br + cr, bi + ci
            dr, di = (br - cr) * HALF_ROOT_3, (bi - ci) * HALF_ROOT_3
            store(y, o, ar + sr)
            store(y, o + v, ai + si)
            er, ei = ar - sr * 0.5, ai - si * 0.5
            _store_product(y, o + step, er + di, ei - dr, w, 2 * p)
            _store_product(y, o + 2 * step, er - di, ei + dr, w, 2 * p + 1)


@compiled
def _pass_4(x: np.ndarray, y: np.ndarray, m: int, s: int, w: np.ndarray) -> None:
    v = lanes(x)
    width = 2 * v
    hop, step = s * m * width, s * width
    for p in range(m):
        for q in range(s):
            i, o = (q + s * p) * width, (q + 4 * s * p) * width
            ar, ai = load(x, i), load(x, i + v)
            br, bi = load(x, i + hop), load(x, i + hop + v)
            cr, ci = load(x, i + 2 * hop), load(x, i + 2 * hop + v)
            dr, di = load(x, i + 3 * hop), load(x, i + 3 * hop + v)
            er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
            gr, gi, hr, hi = br + dr, bi + di, br - dr, bi - di
            store(y, o, er + gr)
            store(y, o + v, ei + gi)
            _store_product(y, o + step, fr + hi, fi - hr, w, 3 * p)
            _store_product(y, o + 2 * step, er - gr, ei - gi, w, 3 * p + 1)
            _store_product(y, o + 3 * step, fr - hi, fi + hr, w, 3 * p + 2)


@compiled
def _pass_5(x: np.ndarray, y: np.ndarray, m: int, s: int, w: np.ndarray) -> None:
    v = lanes(x)
    width = 2 * v
    hop, step = s * m * width, s * width
    c1, c2, s1, s2 = COS_5[0], COS_5[1], SIN_5[0], SIN_5[1]
    for p in range(m):
        for q in range(s):
            i, o = (q + s * p) * width, (q + 5 * s * p) * width
            ar, ai = load(x, i), load(x, i + v)
            br, bi = load(x, i + hop), load(x, i + hop + v)
            er, ei = load(x, i + 4 * hop), load(x, i + 4 * hop + v)
            cr, ci = load(x, i + 2 * hop), load(x, i + 2 * hop + v)
            dr, di = load(x, i + 3 * hop), load(x, i + 3 * hop + v)
            fr, fi, gr, gi = br + er, bi + ei, br - er, bi - ei
            hr, hi, kr, ki = cr + dr, ci + di, cr - dr, ci - di
            store(y, o, ar + fr + hr)
            store(y, o + v, ai + fi + hi)
            ur, ui = ar + fr * c1 + hr * c2, ai + fi * c1 + hi * c2
            wr, wi = gr * s1 + kr * s2, gi * s1 + ki * s2
            _store_product(y, o + step, ur + wi, ui - wr, w, 4 * p)
            _store_product(y, o + 4 * step, ur - wi, ui + wr, w, 4 * p + 3)
            ur, ui = ar + fr * c2 + hr * c1, ai + fi * c2 + hi * c1
            wr, wi = gr * s2 - kr * s1, gi * s2 - ki * s1
            _store_product(y, o + 2 * step, ur + wi, ui - wr, w, 4 * p + 1)
            _store_product(y, o + 3 * step, ur - wi, ui + wr, w, 4 * p + 2)


@compiled
def _pass_odd(
    x: np.ndarray, y: np.ndarray, m: int, s: int, w: np.ndarray, r: int, roots: np.ndarray, pairs: np.ndarray
) -> None:
    """Perform a pass of any odd radix; `pairs` stores the sums and differences of inputs t and r - t."""
    v = lanes(x)
    width = 2 * v
    hop, step = s * m * width, s * width
    half = r // 2
    for p in range(m):
        for q in range(s):
            i, o = (q + s * p) * width, (q + r * s * p) * width
            ar, ai = load(x, i), load(x, i + v)
            tr, ti = ar, ai
            for t in range(1, half + 1):
                fr, fi = load(x, i + t * hop), load(x, i + t * hop + v)
                br, bi = load(x, i + (r - t) * hop), load(x, i + (r - t) * hop + v)
                place = 2 * (t - 1) * width
                tr, ti = tr + (fr + br), ti + (fi + bi)
                store(pairs, place, fr + br)
                store(pairs, place + v, fi + bi)
                store(pairs, place + 2 * v, fr - br)
                store(pairs, place + 3 * v, fi - bi)
            store(y, o, tr)
            store(y, o + v, ti)
            for k in range(1, half, 2):
                _two_odd_outputs(y, o, step, ar, ai, k, k + 1, p, w, r, roots, pairs)
            if half % 2:
                _two_odd_outputs(y, o, step, ar, ai, half, half, p, w, r, roots, pairs)


@inlined
def _two_odd_outputs(
    y: np.ndarray,
    o: int,
    step: int,
    ar: Any,
    ai: Any,
    k: int,
    also: int,
    p: int,
    w: np.ndarray,
    r: int,
    roots: np.ndarray,
    pairs: np.ndarray,
) -> None:
    """Write outputs k, `also`, r - k and r - `also` of an odd radix; two pairs share the reads."""
    v = lanes(y)
    er, ei, dr, di = ar, ai, ar * 0.0, ar * 0.0
    fr, fi, gr, gi = ar, ai, ar * 0.0, ar * 0.0
    first, second = 0, 0
    for t in range(r // 2):
        first += k
        first -= r if first >= r else 0
        second += also
        second -= r if second >= r else 0
        place = 4 * t * v
        c, z = roots[first, 0], roots[second, 0]
        plus_r, plus_i = load(pairs, place), load(pairs, place + v)
        er, ei, fr, fi = er + plus_r * c, ei + plus_i * c, fr + plus_r * z, fi + plus_i * z
        c, z = roots[first, 1], roots[second, 1]
        minus_r, minus_i = load(pairs, place + 2 * v), load(pairs, place + 3 * v)
        dr, di, gr, gi = dr + minus_r * c, di + minus_i * c, gr + minus_r * z, gi + minus_i * z
    _store_product(y, o + k * step, er + di, ei - dr, w, p * (r - 1) + k - 1)
    _store_product(y, o + (r - k) * step, er - di, ei + dr, w, p * (r - 1) + r - k - 1)
    _store_product(y, o + also * step, fr + gi, fi - gr, w, p * (r - 1) + also - 1)
    _store_product(y, o + (r - also) * step, fr - gi, fi + gr, w, p * (r - 1) + r - also - 1)


@compiled
def _passes(
    x: np.ndarray, y: np.ndarray, n: int, tables: Tables, pairs: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Transform `n` complex rows of `x`, using `y` as a second tile; return the result and the other tile."""
    m, s, at, root = n, groups, 0, 0
    for r in tables.radices:
        m //= r
        w = tables.twiddles[at:]
        if r == 4:
            _pass_4(x, y, m, s, w)
        elif r == 2:
            _pass_2(x, y, m, s, w)
        elif r == 3:
            _pass_3(x, y, m, s, w)
        elif r == 5:
            _pass_5(x, y, m, s, w)
        else:
            _pass_odd(x, y, m, s, w, r, tables.roots[root:], pairs)
        at += m * (r - 1)
        root += r
        s *= r
        x, y = y, x
    return x, y


@compiled
def fourier(
    x: np.ndarray, y: np.ndarray, n: int, tables: Tables, pairs: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Like `_passes`, for any length: by a convolution :cite:`Bluestein1970` if the tables hold a chirp."""
    length = tables.filter.shape[0]
    if length == 0:
        return _passes(x, y, n, tables, pairs, groups)
    v = lanes(x)
    width, row = 2 * v, 2 * v * groups
    for j in range(n):
        for i in range(j * row, (j + 1) * row, width):
            _store_product(x, i, load(x, i), load(x, i + v), tables.chirp, j)
    for i in range(n * row, length * row, v):
        store(x, i, load(x, 0) * 0.0)
    x, y = _passes(x, y, length, tables, pairs, groups)
    for j in range(length):  # swapping real and imaginary parts turns the forward transform into the inverse
        a, b = tables.filter[j, 0], tables.filter[j, 1]
        for i in range(j * row, (j + 1) * row, width):
            re, im = load(x, i), load(x, i + v)
            store(x, i, re * b + im * a)
            store(x, i + v, re * a - im * b)
    x, y = _passes(x, y, length, tables, pairs, groups)
    for j in range(n):
        for i in range(j * row, (j + 1) * row, width):
            _store_product(x, i, load(x, i + v), load(x, i), tables.chirp, j)
    return x, y
