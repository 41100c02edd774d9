"""Finite differences on the unit square, for parametric problems.

Unless stated otherwise, unknowns are at the interior vertices of square cells, and u = 0 on the boundary. Matrices hold
integrals over the cell around each vertex (they are multiplied by its area), as in finite elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array, eye_array, kron

from ritz.grid import Grid

__all__ = ["cross_reads", "first_difference", "gaussian", "point_data", "vertex_grid", "weighted_laplacian"]


def vertex_grid(shape: tuple[int, ...]) -> Grid:
    """Return the grid of interior vertices of the unit interval or square."""
    spacing = tuple(1.0 / (n + 1) for n in shape)
    return Grid.uniform(shape, spacing=spacing, origin=spacing)


def weighted_laplacian(shape: tuple[int, ...], cells: np.ndarray) -> csr_array:
    r"""Return the matrix of :math:`-\nabla\cdot(k\nabla u)`, integrated over cells, for k constant on each cell.

    These are linear finite elements on triangles: the conductivity of an edge is the mean of the two adjacent cells.

    Parameters
    ----------
    shape : (int, int)
        Interior vertices along each axis.
    cells : ndarray, shape (shape[0] + 1, shape[1] + 1)
        Coefficient k; zeros are allowed.
    """
    aspect = (shape[0] + 1) / (shape[1] + 1)  # ratio of the spacings
    along_x = 0.5 * (cells[:, :-1] + cells[:, 1:]) * aspect
    along_y = 0.5 * (cells[:-1, :] + cells[1:, :]) / aspect
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    diagonal = along_x[:-1] + along_x[1:] + along_y[:, :-1] + along_y[:, 1:]
    inner_x, inner_y = along_x[1:-1].ravel(), along_y[:, 1:-1].ravel()
    left, right = numbers[:-1].ravel(), numbers[1:].ravel()
    below, above = numbers[:, :-1].ravel(), numbers[:, 1:].ravel()
    rows = np.concatenate([numbers.ravel(), left, right, below, above])
    columns = np.concatenate([numbers.ravel(), right, left, above, below])
    entries = np.concatenate([diagonal.ravel(), -inner_x, -inner_x, -inner_y, -inner_y])
    matrix: Any = csr_array((entries, (rows, columns)), shape=(numbers.size, numbers.size))
    matrix.eliminate_zeros()
    return matrix


def first_difference(shape: tuple[int, ...], axis: int, side: int) -> csr_array:
    """Return the matrix of a first difference along an axis times the area of a cell.

    The difference is backward (side -1), central (0) or forward (1). Its sign is that of upwind differences for a flow
    from that side: ``first_difference(shape, axis, 1)`` is minus the derivative,
    for a flow of speed 1 against the axis.
    """
    n, other = shape[axis], shape[1 - axis]
    lower = diags_array(np.ones(n - 1), offsets=-1)
    upper = diags_array(np.ones(n - 1), offsets=1)
    line: Any = {-1: eye_array(n) - lower, 1: eye_array(n) - upper, 0: 0.5 * (upper - lower)}[side] / (other + 1)
    parts = (line, eye_array(other)) if axis == 0 else (eye_array(other), line)
    return csr_array(kron(*parts))


def cross_reads(shape: tuple[int, ...]) -> np.ndarray:
    """Return the unknowns at each vertex and its neighbours -x, +x, -y, +y, shape (n, 5); -1 at walls."""
    padded = np.full((shape[0] + 2, shape[1] + 2), -1)
    padded[1:-1, 1:-1] = np.arange(shape[0] * shape[1]).reshape(shape)
    places = ((1, 1), (0, 1), (2, 1), (1, 0), (1, 2))
    return np.stack([padded[i : i + shape[0], j : j + shape[1]].ravel() for i, j in places], axis=1)


def point_data(grid: Grid) -> np.ndarray:
    """Return the coordinates of each unknown and the size of its cell, shape (n, d + 1)."""
    volume = np.full(grid.size, np.prod([1.0 / (n + 1) for n in grid.shape]))
    return np.stack([*grid.coordinates(), volume], axis=1)


def gaussian(x: np.ndarray, y: np.ndarray, centre: tuple[float, float], width: float) -> np.ndarray:
    """Return exp(-r² / (2 width²)), where r is the distance from `centre`."""
    return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2.0 * width**2))
