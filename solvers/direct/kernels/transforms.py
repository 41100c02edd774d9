"""Real trigonometric transforms along one axis of a field, for many lines at a time.

Lines are read into a tile, in which each group of lines fills two vectors. The first is treated as real parts and the
second as imaginary parts, so one complex transform serves two sets of lines for any length.
"""

from __future__ import annotations

import numpy as np

from .fourier import Tables, compiled, fourier, inlined
from .vectors import lanes, load, reciprocal, store, transpose

__all__ = ["QUARTER", "ROTATED", "SINE", "Tables", "divide", "gather", "scatter", "transform"]

ROTATED, QUARTER, SINE = range(3)
TILE_ROWS = 160  # rows of two vectors each that fit into the innermost cache


@compiled
def gather(field: np.ndarray, tile: np.ndarray, line: int, count: int, lines: int, after: int, groups: int) -> None:
    """Read `lines` lines, starting at number `line`, into a tile; the field has shape (before, count, after)."""
    v = lanes(tile)
    width, row = 2 * v, 2 * v * groups
    for place in range(0, row, width):
        many = min(width, lines - place)
        first = ((line + place) // after) * count * after + (line + place) % after
        if many == width and after > 1 and (line + place) % after + width <= after:
            for j in range(count):
                store(tile, j * row + place, load(field, first + j * after))
                store(tile, j * row + place + v, load(field, first + j * after + v))
            continue
        start = 0
        if many == width and after == 1:
            start = count - count % v
            for j in range(0, start, v):
                for lane in (place, place + v):
                    transpose(field, (line + lane) * count + j, count, tile, j * row + lane, row)
        for lane in range(place, place + width):
            at = ((line + lane) // after) * count * after + (line + lane) % after
            if lane < lines:
                for j in range(start, count):
                    tile[j * row + lane] = field[at + j * after]
            else:
                for j in range(count):
                    tile[j * row + lane] = 0.0


@compiled
def scatter(field: np.ndarray, tile: np.ndarray, line: int, count: int, lines: int, after: int, groups: int) -> None:
    """Write a tile back to where `gather` read it."""
    v = lanes(tile)
    width, row = 2 * v, 2 * v * groups
    for place in range(0, row, width):
        many = min(width, lines - place)
        first = ((line + place) // after) * count * after + (line + place) % after
        if many == width and after > 1 and (line + place) % after + width <= after:
            for j in range(count):
                store(field, first + j * after, load(tile, j * row + place))
                store(field, first + j * after + v, load(tile, j * row + place + v))
            continue
        start = 0
        if many == width and after == 1:
            start = count - count % v
            for j in range(0, start, v):
                for lane in (place, place + v):
                    transpose(tile, j * row + lane, row, field, (line + lane) * count + j, count)
        for lane in range(place, place + many):
            at = ((line + lane) // after) * count * after + (line + lane) % after
            for j in range(start, count):
                field[at + j * after] = tile[j * row + lane]


@compiled
def _rotate_forward(y: np.ndarray, x: np.ndarray, n: int, cosine: np.ndarray, sine: np.ndarray, groups: int) -> None:
    """Write to `y` the real coefficients k and n - k of two sets of lines, given the complex ones."""
    v = lanes(x)
    width, row = 2 * v, 2 * v * groups
    for i in range(0, row, v):
        store(y, i, load(x, i))
    for k in range(1, n // 2 + 1):
        c, s = 0.5 * cosine[k], 0.5 * sine[k]
        for place in range(0, row, width):
            i, o = k * row + place, (n - k) * row + place
            ar, ai, br, bi = load(x, i), load(x, i + v), load(x, o), load(x, o + v)
            first_r, first_i, second_r, second_i = ar + br, ai - bi, ai + bi, br - ar
            store(y, o, first_r * s - first_i * c)
            store(y, o + v, second_r * s - second_i * c)
            store(y, i, first_r * c + first_i * s)
            store(y, i + v, second_r * c + second_i * s)


@compiled
def _rotate_backward(y: np.ndarray, x: np.ndarray, n: int, cosine: np.ndarray, sine: np.ndarray, groups: int) -> None:
    """Undo `_rotate_forward`, and exchange real and imaginary parts."""
    v = lanes(x)
    width, row = 2 * v, 2 * v * groups
    for i in range(0, row, width):
        store(y, i + v, load(x, i))
        store(y, i, load(x, i + v))
    for k in range(1, n // 2 + 1):
        c, s = cosine[k], sine[k]
        d, t = (c, s) if 2 * k < n else (0.0 * c, 0.0 * s)  # a coefficient that is its own partner is real
        for place in range(0, row, width):
            i, o = k * row + place, (n - k) * row + place
            ar, br, ai, bi = load(x, i), load(x, i + v), load(x, o), load(x, o + v)
            first_r, second_r = ar * c + ai * s, br * c + bi * s
            first_i, second_i = ar * t - ai * d, br * t - bi * d
            store(y, o + v, first_r + second_i)
            store(y, o, second_r - first_i)
            store(y, i + v, first_r - second_i)
            store(y, i, first_i + second_r)


@compiled
def _rotated(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    n, v = tables.length, lanes(tile)
    row = 2 * v * groups
    for j in range(n):
        i, w = tables.order[j] * row, tables.weight[j]
        for part in range(0, row, v):
            store(other, j * row + part, load(tile, i + part) * w)
    tile, other = fourier(other, tile, n, tables, pairs, groups)
    _rotate_forward(other, tile, n, tables.cosine, tables.sine, groups)
    return other, tile


@compiled
def _rotated_back(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    n, v = tables.length, lanes(tile)
    width, row = 2 * v, 2 * v * groups
    _rotate_backward(other, tile, n, tables.cosine, tables.sine, groups)
    tile, other = fourier(other, tile, n, tables, pairs, groups)
    for j in range(n):
        o, i, w = tables.order[j] * row, j * row, tables.unweight[j]
        for place in range(0, row, width):
            store(other, o + place, load(tile, i + place + v) * w)
            store(other, o + place + v, load(tile, i + place) * w)
    return other, tile


@compiled
def _quarter(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a cosine transform of type IV, its own inverse up to a factor, by one of type II and a recurrence."""
    v = lanes(tile)
    row = 2 * v * groups
    tile, other = _rotated(tile, other, pairs, tables, groups)
    for part in range(0, row, v):
        x = load(tile, part) * 0.5
        store(tile, part, x)
        for at in range(row + part, tables.length * row, row):
            x = load(tile, at) - x
            store(tile, at, x)
    return tile, other


@compiled
def _sine(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a sine transform of type I, its own inverse up to a factor, of n - 1 rows :cite:`Press2007`."""
    n, v = tables.length, lanes(tile)
    width, row = 2 * v, 2 * v * groups
    for part in range(0, row, v):
        store(other, part, load(tile, 0) * 0.0)
    for j in range(1, n):
        i, o, w = (j - 1) * row, (n - j - 1) * row, tables.weight[j]
        for part in range(0, row, v):
            a, b = load(tile, i + part), load(tile, o + part)
            store(other, j * row + part, (a + b) * w + (a - b) * 0.5)
    tile, other = fourier(other, tile, n, tables, pairs, groups)
    for place in range(0, row, width):
        re, im = load(tile, place) * 0.5, load(tile, place + v) * 0.5
        store(other, place, re)
        store(other, place + v, im)
        for k in range(1, (n + 1) // 2):
            i, o, at = k * row + place, (n - k) * row + place, 2 * k * row + place
            ar, ai, br, bi = load(tile, i), load(tile, i + v), load(tile, o), load(tile, o + v)
            store(other, at - row, (bi - ai) * 0.5)
            store(other, at - row + v, (ar - br) * 0.5)
            if 2 * k < n - 1:
                re, im = re + (ar + br) * 0.5, im + (ai + bi) * 0.5
                store(other, at, re)
                store(other, at + v, im)
    return other, tile


@compiled
def _there(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    if tables.kind == ROTATED:
        return _rotated(tile, other, pairs, tables, groups)
    if tables.kind == QUARTER:
        return _quarter(tile, other, pairs, tables, groups)
    return _sine(tile, other, pairs, tables, groups)


@compiled
def _back(
    tile: np.ndarray, other: np.ndarray, pairs: np.ndarray, tables: Tables, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    if tables.kind == ROTATED:
        return _rotated_back(tile, other, pairs, tables, groups)
    if tables.kind == SINE:
        return _sine(tile, other, pairs, tables, groups)
    _change_signs(tile, tables, groups)  # undoes the signs that the forward transform applies
    tile, other = _quarter(tile, other, pairs, tables, groups)
    _change_signs(tile, tables, groups)
    return tile, other


@compiled
def _change_signs(tile: np.ndarray, tables: Tables, groups: int) -> None:
    v = lanes(tile)
    row = 2 * v * groups
    for j in range(tables.length):
        i, w = tables.order[j] * row, tables.unweight[j]
        for at in range(i, i + row, v):
            store(tile, at, load(tile, at) * w)


@inlined
def _tile_rows(count: int, tables: Tables) -> tuple[int, int]:
    """Return the number of rows of a tile, and of groups of lines for which it fits into the innermost cache."""
    rows = max(count, tables.length, tables.filter.shape[0])
    return rows, max(1, TILE_ROWS // rows)


@compiled
def transform(field: np.ndarray, count: int, lines: int, after: int, tables: Tables, back: bool) -> None:
    """Transform the lines of a field of shape (before, count, after) in place; `back` inverts this up to a factor.

    Parameters
    ----------
    field : ndarray, shape (before * count * after,)
    count, lines, after : int
        Length of a line, number of lines, and distance between consecutive numbers of a line.
    tables : Tables
    back : bool
    """
    rows, groups = _tile_rows(count, tables)
    row = 2 * lanes(field) * groups
    tile, other = np.empty(rows * row, field.dtype), np.empty(rows * row, field.dtype)
    pairs = np.empty(rows * row, field.dtype)
    for line in range(0, lines, row):
        many = min(row, lines - line)
        gather(field, tile, line, count, many, after, groups)
        if back:
            tile, other = _back(tile, other, pairs, tables, groups)
        else:
            tile, other = _there(tile, other, pairs, tables, groups)
        scatter(field, tile, line, count, many, after, groups)


@compiled
def divide(
    field: np.ndarray,
    count: int,
    lines: int,
    after: int,
    tables: Tables,
    eigenvalues: np.ndarray,
    shifts: np.ndarray,
    factor: float,
) -> None:
    """Transform the lines of a field, divide by eigenvalues and transform back, tile by tile.

    Parameters
    ----------
    field, count, lines, after, tables
        As for `transform`.
    eigenvalues : ndarray, shape (count,)
    shifts : ndarray, shape (lines or more,)
        Added to the eigenvalues of each line; padded to whole tiles. The result is zero where the sum is zero.
    factor : float
        Multiplies the result.
    """
    v = lanes(field)
    rows, groups = _tile_rows(count, tables)
    row = 2 * v * groups
    tile, other = np.empty(rows * row, field.dtype), np.empty(rows * row, field.dtype)
    pairs = np.empty(rows * row, field.dtype)
    for line in range(0, lines, row):
        many = min(row, lines - line)
        gather(field, tile, line, count, many, after, groups)
        tile, other = _there(tile, other, pairs, tables, groups)
        for k in range(count):
            for part in range(0, row, v):
                inverse = reciprocal(load(shifts, line + part) + eigenvalues[k])
                store(tile, k * row + part, load(tile, k * row + part) * inverse * factor)
        tile, other = _back(tile, other, pairs, tables, groups)
        scatter(field, tile, line, count, many, after, groups)
