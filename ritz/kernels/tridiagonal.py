"""Tridiagonal systems along one axis of a field, as many lines at a time as two vectors hold."""

from __future__ import annotations

import numpy as np
from numba import njit

from ritz.kernels.transforms import gather, scatter
from ritz.kernels.vectors import lanes, load, reciprocal, store

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
    """Solve a symmetric tridiagonal system for every line of a field of shape (before, count, after), in place.

    Elimination without pivoting :cite:`Thomas1949`. The pivots are computed with the rest: reading them from memory
    would take no less time.

    Parameters
    ----------
    field : ndarray, shape (before * count * after,)
    count, lines, after : int
    diagonal, coupling : ndarray, shape (count,)
        Diagonal of the matrix, and minus its entry between each row and the next; the last one is not read.
    shifts : ndarray, shape (at least lines, to the next full tile)
        Added to the diagonal in each line.
    factor : float
        Multiplies the result.
    pinned : int
        A line whose matrix is singular, where the last unknown is set to zero; -1 if there is none.
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
    """Do the same for lines whose last unknown is coupled with the first, by ``coupling[count - 1]``.

    The last unknown is kept for the end: the others depend on it linearly, and its own equation then gives it.
    """
    v = lanes(field)
    width = 2 * v
    m = count - 1
    near, far = coupling[m - 1], coupling[m]
    tiny = far * coupling.dtype.type(1e-30)  # keeps responses, which decay, from becoming subnormal, which is slow
    tile, inverse = np.empty(count * width, field.dtype), np.empty(count * width, field.dtype)
    response = np.empty(count * width, field.dtype)
    for line in range(0, lines, width):
        many = min(width, lines - line)
        gather(field, tile, line, count, many, after, 1)
        for part in range(0, width, v):
            shift, x, e = load(shifts, line + part), load(tile, part) * 0.0, load(tile, part) * 0.0
            z, c = x, far * 0
            for j in range(m):
                at = j * width + part
                e = reciprocal(shift + diagonal[j] - e * (c * c))
                source = (far if j == 0 else tiny) + (near if j == m - 1 else tiny)
                x, z = (load(tile, at) + x * c) * e, (z * c + source) * e
                store(inverse, at, e)
                store(tile, at, x)
                store(response, at, z)
                c = coupling[j]
            last_x, last_z = x, z
            for j in range(m - 2, -1, -1):
                at = j * width + part
                e = load(inverse, at) * coupling[j]
                x, z = load(tile, at) + x * e, load(response, at) + z * e
                store(tile, at, x)
                store(response, at, z)
            at = m * width + part
            store(inverse, at, reciprocal(shift + diagonal[m] - last_z * near - z * far))
            if part <= pinned - line < part + v:
                inverse[m * width + pinned - line] = 0
            end = (load(tile, at) + last_x * near + x * far) * load(inverse, at)
            store(tile, at, end * factor)
            for j in range(m):
                at = j * width + part
                store(tile, at, (load(tile, at) + load(response, at) * end) * factor)
        scatter(field, tile, line, count, many, after, 1)
