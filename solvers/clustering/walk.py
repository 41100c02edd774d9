"""A cheap test of how large the gap of a graph's spectrum is."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

__all__ = ["SLOW", "walk_decay"]

STEPS = 8
ENTRIES = 20_000  # random numbers that average enough
SLOW = 0.5  # decay beyond which smooth vectors abound: 0.7 for meshes in the plane, 0.6 in space, 0.2 for random graphs


def walk_decay(adjacency: csr_array, degrees: np.ndarray, seed: int = 0) -> float:
    r"""Return by how much steps 9 to 16 of a lazy random walk shrink a random vector.

    On graphs with a spectral gap the vector, less its projection on the stationary one, decays exponentially; on
    d-dimensional meshes and graphs of near neighbours only like :math:`t^{-d/4}`, which is :math:`2^{-d/4}` here. There
    polynomials of the adjacency are slow and multigrid pays. The cost is that of 16 products with a vector, or a few
    where it is short.

    Examples
    --------
    >>> import ritz
    >>> grid, block = ritz.problems.grid_graph((40, 40)), ritz.problems.stochastic_block_model()
    >>> [walk_decay(graph.adjacency, graph.degrees) > SLOW for graph in (grid, block)]
    [True, False]
    """
    scale = np.divide(1.0, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)[:, None]
    stationary = np.sqrt(degrees)[:, None] / np.sqrt(max(float(degrees.sum()), 1e-300))
    vectors = max(1, ENTRIES // degrees.size)
    x = np.random.default_rng(seed).standard_normal((degrees.size, vectors))
    x -= stationary * (stationary.T @ x)
    norms: list[float] = []
    for _ in range(2):
        for _ in range(STEPS):
            x = 0.5 * (x + scale * (adjacency @ (scale * x)))
        norms.append(float(np.linalg.norm(x)))
    return norms[1] / max(norms[0], 1e-300)
