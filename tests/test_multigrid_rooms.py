"""Preconditioners on systems with many null vectors: closed rooms of every size and shape.

The tolerances for rounding in `ritz.solvers.multigrid.pyamg.null_vectors` were chosen on the cases of `TUNED`; those of
`KEPT_APART`, a third, were only judged afterwards.
"""

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.ndimage import gaussian_filter
from scipy.sparse.csgraph import minimum_spanning_tree

import ritz
from ritz.operators import Stencil
from ritz.registry import solvers

SOLVERS = {
    "multigrid": {},
    "learned-multigrid": {},
    "bootstrap-amg": {},
    "amg-cg": {},
    "amg-cg aggregation": {"coarsening": "smoothed-aggregation"},
    "pyamg-rs": {},
    "pyamg-sa": {},
    "mic-cg": {},
    "cg incomplete-cholesky": {"preconditioner": "incomplete-cholesky"},
    "cg ruge-stuben": {"preconditioner": "ruge-stuben"},
}


def porous(shape, porosity, seed, width=0.0):
    """Return a random mask of solid cells, or a smooth one if `width` is positive."""
    field = np.random.default_rng(seed).standard_normal(shape)
    field = gaussian_filter(field, width) if width else field
    return field > np.quantile(field, porosity)


def maze(rows, columns, seed):
    """Return a maze without loops: the corridors are a spanning tree of the rooms."""
    number = np.arange(rows * columns).reshape(rows, columns)
    i = np.concatenate([number[:-1].ravel(), number[:, :-1].ravel()])
    j = np.concatenate([number[1:].ravel(), number[:, 1:].ravel()])
    weights = 0.1 + np.random.default_rng(seed).random(i.size)
    tree = minimum_spanning_tree(sp.coo_array((weights, (i, j)), shape=(number.size,) * 2)).tocoo()
    mask = np.ones((2 * rows + 1, 2 * columns + 1), dtype=bool)
    mask[1::2, 1::2] = False
    (r, c), (s, d) = np.divmod(tree.row, columns), np.divmod(tree.col, columns)
    mask[r + s + 1, c + d + 1] = False
    return mask


def isolated(cells):
    """Return rooms of `cells` cells in a row."""
    mask = np.ones((24, 26), dtype=bool)
    for k in range(cells):
        mask[1::3, 1 + k :: cells + 2] = False
    mask[:, -1] = True
    return mask


def stripes():
    mask = np.ones((20, 21), dtype=bool)
    mask[::4] = False
    return mask


MASKS = {
    f"porous {'x'.join(map(str, shape))} {porosity} {width}": porous(shape, porosity, seed, width)
    for seed, (shape, porosity, width) in enumerate(
        (shape, porosity, width)
        for shape in ((24, 24), (40, 33), (48, 48), (9, 10, 11))
        for porosity in (0.3, 0.5, 0.6, 0.7)
        for width in (0.0, 1.0)
    )
}
MASKS |= {
    "maze 10 x 12": maze(10, 12, 0),
    "maze 17 x 20": maze(17, 20, 1),
    "isolated cells": isolated(1),
    "rooms of two cells": isolated(2),
    "rooms of five cells": isolated(5),
    "stripes around": stripes(),
}
KEPT_APART = [name for number, name in enumerate(MASKS) if number % 3 == 2]
TUNED = [name for name in MASKS if name not in KEPT_APART]


def closed_rooms(name):
    """Return the system, with a right-hand side that is consistent in every room."""
    mask = MASKS[name]
    number = list(MASKS).index(name)
    boundary = "periodic" if number % 2 or name == "stripes around" else "neumann"
    operator = Stencil(mask.shape, solid=mask, solid_boundary="neumann", boundary=boundary)
    rhs = np.random.default_rng(number).standard_normal(operator.shape[0]) * ~mask.ravel()
    assert operator.nullspace is not None
    return ritz.LinearSystem(operator, operator.nullspace.project(rhs) * ~mask.ravel())


def room_by_room(system):
    """Return the solution of mean zero in every room, each found directly."""
    matrix, labels = system.operator.to_sparse().tocsr(), system.operator.nullspace.labels
    exact = np.zeros(system.size)
    order = np.argsort(labels, kind="stable")
    for room in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        if labels[room[0]] >= 0 and room.size > 1:
            dense = matrix[room][:, room].toarray()
            scale = dense.diagonal().max()
            exact[room] = np.linalg.solve(dense + scale, system.rhs[room])  # the shift acts on the constant only
            exact[room] -= exact[room].mean()
    return exact


@pytest.mark.parametrize("name", [*TUNED, *KEPT_APART])
def test_closed_rooms(name):
    system = closed_rooms(name)
    exact = room_by_room(system)
    scale = np.linalg.norm(system.rhs)
    for solver, options in SOLVERS.items():
        prepared = solvers[solver.split()[0]](**options).prepare(system)
        solution = prepared.solve(rtol=1e-10)
        assert solution.converged, (solver, solution.status)
        assert np.linalg.norm(system.rhs - system.operator @ solution.x) <= 1.001e-10 * scale, solver
        found = system.operator.nullspace.project(solution.x)
        np.testing.assert_allclose(found, exact, atol=1e-6 * np.abs(exact).max(initial=1e-30), err_msg=solver)
