"""Smoothest eigenvectors of a graph by LOBPCG, preconditioned by multigrid and started from a coarse level."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, diags_array

from .block_rayleigh_ritz import smallest_eigenpairs
from .filtered_subspace import Eigenvectors

__all__ = ["multigrid_eigenvectors"]

SPARE, LANES = 2, 4  # least number of extra vectors in the block; the block width is a multiple of `LANES`
COARSE = 800  # most vertices of the level whose eigenvectors are computed directly


def multigrid_eigenvectors(
    adjacency: csr_array, degrees: np.ndarray, count: int, *, tolerance: float, maxiter: int = 60, seed: int = 0
) -> Eigenvectors:
    r"""Return the eigenvectors of the largest eigenvalues of :math:`D^{-1/2}AD^{-1/2}` of a connected graph.

    They belong to the smallest eigenvalues of :math:`L=I-D^{-1/2}AD^{-1/2}`. One hierarchy of bootstrap multigrid is
    built for the Laplacian :math:`D-A`. The prolongated eigenvectors of a coarse level are the initial block for LOBPCG
    :cite:`Knyazev2001`, preconditioned by the hierarchy.

    Parameters
    ----------
    adjacency : csr_array, shape (n, n)
    degrees : ndarray, shape (n,)
        Positive.
    count : int
    tolerance : float
        Accepted residual norm, relative to the largest wanted eigenvalue of L, which is small for smooth vectors.
    maxiter : int
    seed : int
    """
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    from ritz.solvers.multigrid.bootstrap.setup import bootstrap

    order = reverse_cuthill_mckee(adjacency, symmetric_mode=True)  # places neighbours close to each other in memory
    adjacency, degrees = adjacency[order][:, order], degrees[order]
    laplacian = csr_array(diags_array(degrees) - adjacency)
    root = np.sqrt(degrees)[:, None]
    constant = root / np.linalg.norm(root)
    if count == 1:
        return Eigenvectors(np.ones(1), constant, np.zeros(1), 0, "multigrid")
    inverse: Any = diags_array(1.0 / root[:, 0])
    hierarchy = bootstrap(laplacian, target_rate=1.0, max_hierarchies=1, trials=1, cycle="W", seed=seed)
    width = LANES * -(-(count - 1 + SPARE) // LANES)
    start = root * _coarse_eigenvectors(hierarchy.hierarchies[0], degrees, width)
    start -= constant * (constant.T @ start)
    values, vectors, norms, iterations = smallest_eigenpairs(
        csr_array(inverse @ laplacian @ inverse),
        start,
        lambda block: np.multiply(root, hierarchy.apply(np.multiply(root, block, out=block)), out=block),
        constant,
        count=count - 1,
        tolerance=tolerance,
        maxiter=maxiter,
    )
    found = np.empty((degrees.size, count))
    found[order] = np.concatenate([constant, vectors[:, : count - 1]], axis=1)
    residuals = np.concatenate([[0.0], norms[: count - 1] / max(float(values[count - 2]), 1e-15)])
    return Eigenvectors(1.0 - np.concatenate([[0.0], values[: count - 1]]), found, residuals, iterations, "multigrid")


def _coarse_eigenvectors(hierarchy: Any, degrees: np.ndarray, count: int) -> np.ndarray:
    """Return approximations of the smoothest non-constant vectors, shape (n, count or fewer)."""
    from scipy.linalg import eigh

    mass: Any = diags_array(degrees)
    used: list[Any] = []
    matrix = hierarchy.levels[0].matrix if hierarchy.levels else hierarchy.coarsest
    for number, level in enumerate(hierarchy.levels):
        if matrix.shape[0] <= COARSE:
            break
        used.append(level.prolongation)
        mass = level.prolongation.T @ mass @ level.prolongation
        below = hierarchy.levels[number + 1 :]
        matrix = below[0].matrix if below else hierarchy.coarsest
    dense_mass = mass.toarray()
    last = min(count, matrix.shape[0] - 1)
    vectors = eigh(matrix.toarray().astype(np.float64), dense_mass, subset_by_index=[0, last])[1][:, 1:]
    for prolongation in reversed(used):
        vectors = prolongation @ vectors
    return vectors
