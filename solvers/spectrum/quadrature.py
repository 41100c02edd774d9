"""Lanczos quadrature: nodes and weights that integrate over the spectrum as seen from a vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ritz.backend import machine_epsilon

from .krylov_space import BREAKDOWN
from .probes import rademacher
from .products import Products

__all__ = ["Quadrature", "stochastic_quadratures"]


@dataclass(frozen=True)
class Quadrature:
    r"""A rule with :math:`\sum_jw_jf(\theta_j)\approx z^Tf(A)z` for a unit vector z, exact for polynomials.

    Attributes
    ----------
    diagonal, off_diagonal : ndarray, shapes (m,) and (m - 1,)
        The tridiagonal matrix whose eigenvalues are the nodes.
    invariant : bool
        Whether the process broke down, so that the rule is exact for every function.
    remainder : float
        Norm of what the last product added to the space, of which no basis vector was made.
    """

    diagonal: np.ndarray
    off_diagonal: np.ndarray
    invariant: bool
    remainder: float

    def rule(self, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return nodes and weights, of the first `steps` steps or of all."""
        diagonal = self.diagonal[:steps]
        nodes, vectors = eigh_tridiagonal(diagonal, self.off_diagonal[: len(diagonal) - 1])
        return nodes, vectors[0] ** 2

    def residuals(self) -> np.ndarray:
        """Return the residual norms of the Ritz pairs whose values the nodes are: each is that near an eigenvalue."""
        return self.remainder * abs(eigh_tridiagonal(self.diagonal, self.off_diagonal)[1][-1])


def stochastic_quadratures(products: Products, probes: int, steps: int, block: int, seed: int) -> list[Quadrature]:
    """Return the rules of random sign vectors, `block` of which go through the Lanczos process side by side."""
    found: list[Quadrature] = []
    for first in range(0, probes, block):
        start = rademacher(products.size, first, min(block, probes - first), seed) / products.size**0.5
        found += _side_by_side(products, start, min(steps, products.size))
    return found


def _side_by_side(products: Products, start: np.ndarray, steps: int) -> list[Quadrature]:
    """Run the Lanczos process from each column of `start`, fully re-orthogonalised, one block product a step."""
    size, count = start.shape
    bases = np.empty((count, steps, size))
    bases[:, 0] = start.T
    alpha, beta = np.zeros((count, steps)), np.zeros((count, steps))
    taken = np.full(count, steps)
    rounding = BREAKDOWN * machine_epsilon(products.operator.dtype)
    going = list(range(count))
    for step in range(steps):
        images = products(np.ascontiguousarray(bases[going, step].T))
        for column, run in enumerate(list(going)):
            w = images[:, column].copy()
            alpha[run, step] = bases[run, step] @ w
            basis = bases[run, : step + 1]
            for _ in range(2):
                w -= (basis @ w) @ basis
            beta[run, step] = np.linalg.norm(w)
            if beta[run, step] <= rounding * max(abs(alpha[run]).max(), beta[run].max()) or step + 1 == size:
                taken[run] = step + 1
                going.remove(run)
            elif step + 1 < steps:
                bases[run, step + 1] = w / beta[run, step]
        if not going:
            break
    return [
        Quadrature(alpha[run, :m], beta[run, : m - 1], run not in going, beta[run, m - 1] if run in going else 0.0)
        for run, m in enumerate(taken)
    ]
