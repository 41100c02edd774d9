"""Bootstrap multigrid and multigrid on grids for nearly singular matrices, and the rates that bootstrap multigrid says.

The constants PRECISE, DIVERGING, SETTLED and NULL were chosen on the cases of `TUNED`; those of `KEPT_APART` were only
judged afterwards.
"""

import numpy as np
import pytest
import scipy.sparse as sp

import ritz
from ritz.operators import Stencil
from ritz.solvers.multigrid import bootstrap

SHIFTS = (1e-1, 1e-6, 1e-8, 1e-10, 1e-12)


def path(n):
    """Return the Laplacian of a path: the 1-D Neumann Laplacian."""
    steps = sp.diags_array([-np.ones(n), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n))
    return sp.csr_array(steps.T @ steps)


def plane(rows, columns):
    return sp.csr_array(sp.kron(path(rows), sp.eye_array(columns)) + sp.kron(sp.eye_array(rows), path(columns)))


def graph(n, seed):
    generator = np.random.default_rng(seed)
    i, j = generator.integers(0, n, (2, 3 * n))
    chain = np.arange(n - 1)
    i, j = np.concatenate([i, chain]), np.concatenate([j, chain + 1])
    weights = sp.coo_array((np.exp(generator.standard_normal(i.size)) * (i != j), (i, j)), shape=(n, n)).tocsr()
    weights = weights + weights.T
    return sp.csr_array(sp.diags_array(weights.sum(axis=0)) - weights)


def finite_elements(cells, seed):
    """Return the stiffness matrix of linear elements on an irregular triangulation, without fixed values."""
    from scipy.spatial import Delaunay

    points = np.random.default_rng(seed).random((cells, 2))
    triangles = Delaunay(points).simplices
    corners = points[triangles]
    edges = corners[:, [2, 0, 1]] - corners[:, [1, 2, 0]]
    area = 0.5 * np.abs(edges[:, 0, 0] * edges[:, 1, 1] - edges[:, 0, 1] * edges[:, 1, 0])
    local = np.einsum("tid,tjd->tij", edges, edges) / (4.0 * area[:, None, None])
    rows, columns = np.repeat(triangles, 3, axis=1), np.tile(triangles, (1, 3))
    return sp.csr_array(sp.coo_array((local.ravel(), (rows.ravel(), columns.ravel())), shape=(cells, cells)))


def tree(n, seed):
    """Return the Laplacian of a random tree with long branches and weights over ten decades."""
    generator = np.random.default_rng(seed)
    parent = np.maximum(0, np.arange(1, n) - 1 - generator.geometric(0.5, n - 1) + 1)
    weights = 10.0 ** generator.uniform(-3, 3, n - 1)
    steps = sp.coo_array(
        (
            np.concatenate([np.sqrt(weights), -np.sqrt(weights)]),
            (np.tile(np.arange(n - 1), 2), np.append(np.arange(1, n), parent)),
        ),
        shape=(n - 1, n),
    ).tocsr()
    return sp.csr_array(steps.T @ steps)


TUNED = {
    "path 1": path(1),
    "path 2": path(2),
    "path 50": path(50),
    "path 150": path(150),
    "path 2000": path(2000),
    "plane 30 x 30": plane(30, 30),
    "graph 300": graph(300, 0),
}
KEPT_APART = {
    "path 3": path(3),
    "path 101": path(101),
    "plane 17 x 41": plane(17, 41),
    "graph 900": graph(900, 1),
    "elements 80": finite_elements(80, 0),
    "elements 700": finite_elements(700, 1),
}


@pytest.mark.parametrize("name", [*TUNED, *KEPT_APART])
def test_shifted_laplacians_are_positive_definite(name):
    laplacian = {**TUNED, **KEPT_APART}[name]
    n = laplacian.shape[0]
    scale = float(laplacian.diagonal().max()) or 1.0
    for shift in SHIFTS:
        matrix = sp.csr_array(laplacian + shift * scale * sp.eye_array(n))
        exact = np.random.default_rng(n).standard_normal(n)
        for rhs in (matrix @ exact, exact):
            solution = ritz.solve(matrix, rhs, "bootstrap-amg", throw=False)
            residual = np.linalg.norm(rhs - matrix @ solution.x) / np.linalg.norm(rhs)
            # What rounding leaves of the residual when the norm of x is that of the exact solution.
            reachable = 2e-16 * scale * np.linalg.norm(solution.x) / np.linalg.norm(rhs)
            assert solution.converged or solution.status is ritz.Status.STAGNATED, (shift, solution.status)
            assert residual <= max(1e-8, 100 * reachable), (shift, residual, reachable)
            assert max(solution.stats["rates"]) < 1.0 + 1e-6


@pytest.mark.parametrize("solver", ["multigrid", "learned-multigrid"])
@pytest.mark.parametrize("shape", [(2,), (50,), (2000,), (30, 30), (70, 40), (8, 9, 10)])
def test_shifted_laplacians_on_grids(solver, shape):
    for shift in SHIFTS:
        operator = Stencil(shape, spacing=1.0, boundary="neumann", shift=shift)
        exact = np.random.default_rng(0).standard_normal(operator.shape[0])
        for rhs in (operator @ exact, exact):
            solution = ritz.solve(operator, rhs, solver, throw=False)
            reachable = 1e-15 * np.linalg.norm(solution.x) / np.linalg.norm(rhs)
            assert solution.converged or solution.status is ritz.Status.STAGNATED, (shift, solution.status)
            assert solution.residual <= max(1e-8, 100 * reachable), (shift, solution.residual)


def true_rate(matrix, inverse, nullspace):
    """Return the largest eigenvalue of the iteration in the energy inner product, from dense matrices."""
    dense = matrix.toarray()
    values, vectors = np.linalg.eigh(dense)
    kept = values > 1e-13 * values[-1]
    root = vectors[:, kept] * np.sqrt(values[kept])  # A = root root^T
    applied = inverse.apply(root)
    spectrum = np.linalg.eigvalsh(0.5 * (root.T @ applied + applied.T @ root))
    return 1.0 - float(spectrum[0])


RATED = {
    "path": path(900),
    "plane": plane(30, 25),
    "graph": graph(800, 3),
    "elements": finite_elements(800, 2),
    "tree": tree(700, 4),
    "anisotropic": sp.csr_array(plane(30, 30) + 1e3 * sp.kron(path(30), sp.eye_array(30))),
}


@pytest.mark.parametrize("name", RATED)
@pytest.mark.parametrize("seed", [0, 1])
def test_rates_are_those_of_the_iteration(name, seed):
    matrix = sp.csr_array(RATED[name] + 1e-6 * sp.eye_array(RATED[name].shape[0]))
    inverse = bootstrap(matrix, max_hierarchies=2, target_rate=0.0, seed=seed)
    said, true = float(inverse.rates[-1]), true_rate(matrix, inverse, None)
    assert said <= true + 1e-3
    assert 1.0 - said <= 1.5 * (1.0 - true) + 0.02


@pytest.mark.parametrize("seed", range(4))
def test_trees_with_weights_over_many_decades_are_not_indefinite(seed):
    laplacian = tree(4000, seed)
    rhs = np.random.default_rng(seed).standard_normal(4000)
    rhs -= rhs.mean()
    solution = ritz.solve(laplacian, rhs, "bootstrap-amg", throw=False)
    assert max(solution.stats["rates"]) < 1.0 + 1e-6
    assert solution.stats["precision"] == "float64"
    reachable = 2e-16 * laplacian.diagonal().max() * np.linalg.norm(solution.x) / np.linalg.norm(rhs)
    assert solution.residual <= max(1e-8, 10 * reachable)
