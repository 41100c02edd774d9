"""Tridiagonal systems along one axis of a field, for two vectors of lines at a time."""

from __future__ import annotations

import numpy as np
from numba import njit

from .transforms import gather, scatter
from .vectors import lanes, load, reciprocal, store

__all__ = ["solve_lines", "solve_rings"]


@njit(cache=True, error_model="numpy")
def solve_lines(
    field: np.ndarray,
    count: int,
    lines: int,
    after: int,
    diagonal: np.ndarray,
    coupling: np.ndarray,
    shifts: np.ndarray,
    factor: float,
    pinned: int,
) -> None:
    """Solve a symmetric tridiagonal system along every line of a field of shape (before, count, after), in place.

    Uses elimination without pivoting :cite:`Thomas1949`. The pivots are computed on the fly, since reading them from
    memory would take no less time.

    Parameters
    ----------
    field : ndarray, shape (before * count * after,)
    count, lines, after : int
    diagonal, coupling : ndarray, shape (count,)
        Diagonal of the matrix, and the negated entry between each row and the next; the last is not read.
    shifts : ndarray, shape (lines or more,)
        Added to the diagonal of each line; padded to whole tiles.
    factor : float
        Multiplies the result.
    pinned : int
        Line with a singular matrix, whose last unknown is set to zero; -1 if there is none.
    """
    v = lanes(field)
    width = 2 * v
    last = count - 1
    tile, inverse = np.empty(count * width, field.dtype), np.empty(count * width, field.dtype)
    for line in range(0, lines, width):
        many = min(width, lines - line)
        gather(field, tile, line, count, many, after, 1)
        shift, also = load(shifts, line), load(shifts, line + v)
        x, y = load(tile, 0) * 0.0, load(tile, 0) * 0.0
        e, f, c = x, y, diagonal[0] * 0
        for j in range(count):
            at = j * width
            e, f = reciprocal(shift + diagonal[j] - e * (c * c)), reciprocal(also + diagonal[j] - f * (c * c))
            store(inverse, at, e)
            store(inverse, at + v, f)
            if j == last and 0 <= pinned - line < width:
                inverse[at + pinned - line] = 0
                e, f = load(inverse, at), load(inverse, at + v)
            x, y = (load(tile, at) + x * c) * e, (load(tile, at + v) + y * c) * f
            store(tile, at, x)
            store(tile, at + v, y)
            c = coupling[j]
        x, y = x * factor, y * factor
        store(tile, last * width, x)
        store(tile, last * width + v, y)
        for j in range(last - 1, -1, -1):
            at, c = j * width, coupling[j]
            x = load(tile, at) * factor + x * (load(inverse, at) * c)
            y = load(tile, at + v) * factor + y * (load(inverse, at + v) * c)
            store(tile, at, x)
            store(tile, at + v, y)
        scatter(field, tile, line, count, many, after, 1)


@njit(cache=True, error_model="numpy")
def solve_rings(
    field: np.ndarray,
    count: int,
    lines: int,
    after: int,
    diagonal: np.ndarray,
    coupling: np.ndarray,
    shifts: np.ndarray,
    factor: float,
    pinned: int,
) -> None:
    """Like `solve_lines`, with the last unknown of a line coupled to the first by ``coupling[count - 1]``.

    The last unknown is solved for at the end, by its own equation: all others depend on it linearly.
    """
    v = lanes(field)
    width = 2 * v
    m = count - 1
    near, far = coupling[m - 1], coupling[m]
    tiny = far * coupling.dtype.type(1e-30)  # keeps the decaying responses from becoming subnormal, which is slow
    tile, inverse = np.empty(count * width, field.dtype), np.empty(count * width, field.dtype)
    response = np.empty(count * width, field.dtype)
    for line in range(0, lines, width):
        many = min(width, lines - line)
        gather(field, tile, line, count, many, after, 1)
        shift, also = load(shifts, line), load(shifts, line + v)
        x, e = load(tile, 0) * 0.0, load(tile, 0) * 0.0
        y, f, z, w, c = x, e, x, x, far * 0
        for j in range(m):
            at = j * width
            d = diagonal[j]
            e, f = reciprocal(shift + d - e * (c * c)), reciprocal(also + d - f * (c * c))
            source = (far if j == 0 else tiny) + (near if j == m - 1 else tiny)
            x, y = (load(tile, at) + x * c) * e, (load(tile, at + v) + y * c) * f
            z, w = (z * c + source) * e, (w * c + source) * f
            store(inverse, at, e)
            store(inverse, at + v, f)
            store(tile, at, x)
            store(tile, at + v, y)
            store(response, at, z)
            store(response, at + v, w)
            c = coupling[j]
        at = m * width
        x_end, y_end = load(tile, at) + x * near, load(tile, at + v) + y * near
        e_end, f_end = shift + diagonal[m] - z * near, also + diagonal[m] - w * near
        for j in range(m - 2, -1, -1):
            at, c = j * width, coupling[j]
            e, f = load(inverse, at) * c, load(inverse, at + v) * c
            x, y = load(tile, at) + x * e, load(tile, at + v) + y * f
            z, w = load(response, at) + z * e, load(response, at + v) + w * f
            store(tile, at, x)
            store(tile, at + v, y)
            store(response, at, z)
            store(response, at + v, w)
        at = m * width
        store(inverse, at, reciprocal(e_end - z * far))
        store(inverse, at + v, reciprocal(f_end - w * far))
        if 0 <= pinned - line < width:
            inverse[at + pinned - line] = 0
        x_end = (x_end + x * far) * load(inverse, at) * factor
        y_end = (y_end + y * far) * load(inverse, at + v) * factor
        store(tile, at, x_end)
        store(tile, at + v, y_end)
        for j in range(m):
            at = j * width
            store(tile, at, load(tile, at) * factor + load(response, at) * x_end)
            store(tile, at + v, load(tile, at + v) * factor + load(response, at + v) * y_end)
        scatter(field, tile, line, count, many, after, 1)
