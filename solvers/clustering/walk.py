"""An inexpensive test for a spectral gap of a graph."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

__all__ = ["SLOW", "walk_decay"]

STEPS = 8
ENTRIES = 20_000  # random numbers needed for a stable average
SLOW = 0.5  # decay above which smooth vectors abound: 0.7 for 2-D meshes, 0.6 for 3-D meshes, 0.2 for random graphs


def walk_decay(adjacency: csr_array, degrees: np.ndarray, seed: int = 0) -> float:
    r"""Return the factor by which steps 9 to 16 of a lazy random walk shrink a random vector.

    On graphs with a spectral gap, the vector without its projection on the stationary one decays exponentially. On
    d-dimensional meshes and nearest-neighbour graphs it only decays like :math:`t^{-d/4}`, here :math:`2^{-d/4}`;
    polynomials of the adjacency are slow on these, and multigrid pays off. Costs 16 products with one vector, or with
    several if they are short.

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
