"""Lanczos quadrature: nodes and weights for integrals over the spectral measure of a vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh_tridiagonal

from ritz.backend import machine_epsilon

from .estimate import enlarged
from .krylov_space import BREAKDOWN
from .probes import rademacher
from .products import Products

__all__ = ["EQUAL", "Quadrature", "shortened_rules", "stochastic_quadratures", "unseen_spread"]

EQUAL = 1e-12  # relative difference below which probes agree


@dataclass(frozen=True)
class Quadrature:
    r"""A rule :math:`\sum_jw_jf(\theta_j)\approx z^Tf(A)z` for a unit vector z, exact for polynomials of low degree.

    Attributes
    ----------
    diagonal, off_diagonal : ndarray, shapes (m,) and (m - 1,)
        The tridiagonal matrix whose eigenvalues are the nodes.
    invariant : bool
        Whether the process broke down, in which case the rule is exact for every function.
    remainder : float
        Norm of the component of the last product outside the space, which was not added to the basis.
    """

    diagonal: np.ndarray
    off_diagonal: np.ndarray
    invariant: bool
    remainder: float

    def rule(self, steps: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the nodes and weights after the first `steps` steps, or after all."""
        diagonal = self.diagonal[:steps]
        nodes, vectors = eigh_tridiagonal(diagonal, self.off_diagonal[: len(diagonal) - 1])
        return nodes, vectors[0] ** 2

    def residuals(self) -> np.ndarray:
        """Return the residual norms of the Ritz pairs; each bounds the distance of a node to an eigenvalue."""
        return self.remainder * abs(eigh_tridiagonal(self.diagonal, self.off_diagonal)[1][-1])


def stochastic_quadratures(products: Products, probes: int, steps: int, block: int, seed: int) -> list[Quadrature]:
    """Return the rules for random sign vectors, of which `block` are processed together."""
    found: list[Quadrature] = []
    for first in range(0, probes, block):
        start = rademacher(products.size, first, min(block, probes - first), seed) / products.size**0.5
        found += _side_by_side(products, start, min(steps, products.size))
    return found


def shortened_rules(found: Sequence[Quadrature]) -> list[list[tuple[np.ndarray, np.ndarray]]]:
    """Return all rules with all steps, and as far as there are enough, with one and two fifths of the steps left out.

    Rules of processes that broke down are exact and stay as they are.
    """
    lists: list[list[tuple[np.ndarray, np.ndarray]]] = []
    taken = [len(each.diagonal) for each in found]
    fifths = [0 if each.invariant else max(1, count // 5) for each, count in zip(found, taken, strict=True)]
    for left_out in range(3):
        steps = [count - left_out * fifth for count, fifth in zip(taken, fifths, strict=True)]
        if min(steps) > 0:
            lists.append([each.rule(count) for each, count in zip(found, steps, strict=True)])
    return lists


def unseen_spread(products: Products, nodes: np.ndarray, values: np.ndarray, seed: int) -> float:
    """Return the standard deviation over vectors of signs of the mean of a function, if those so far agree.

    They agree for every diagonal operator, where the deviation is 0, and for others by chance. It is then estimated
    from the off-diagonal part, with two further products, and the mean slope of the function.
    """
    coupling = products.off_diagonal(seed)
    if coupling == 0.0:
        return 0.0
    reach = float(np.ptp(nodes))
    spread = 2.0**0.5 * coupling * float(np.ptp(values)) / reach / products.size if reach else np.inf
    return float(enlarged(spread, 1))


def _side_by_side(products: Products, start: np.ndarray, steps: int) -> list[Quadrature]:
    """Run the fully re-orthogonalised Lanczos process from each column of `start`, with one block product per step."""
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
