"""Estimation of the diagonal of a symmetric operator from a few products."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed

from .estimate import Estimate
from .probes import rademacher
from .products import Products
from .trace_estimators import exact_entries

__all__ = ["diagonal"]


def diagonal(A: Any, budget: int = 48, *, rtol: float = 1e-1, block: int = 8, seed: int = 0) -> Estimate:
    r"""Estimate the diagonal as the average of :math:`z\circ Az` over random signs z :cite:`BekasKokiopoulouSaad2007`.

    The error of an entry is the norm of the rest of its row divided by the square root of the number of probes: zero
    for diagonal operators, and large if there are many off-diagonal entries.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    budget : int
        Number of products to use. If it is n or more, the diagonal is computed exactly with n products.
    rtol : float
        The estimate counts as converged if the norm of the standard errors, relative to that of the diagonal, is at
        most this.
    block : int
        Number of vectors per product with a block; does not change the probes.
    seed : int
        Seed of the probes.

    Returns
    -------
    Estimate
        With values and standard errors of shape (n,).

    Raises
    ------
    InvalidProblem
        If A is not symmetric or a product is not finite.

    Examples
    --------
    >>> diagonal(np.diag([1.0, 2.0, 3.0]), budget=2).value.tolist()
    [1.0, 2.0, 3.0]
    """
    check_seed(seed)
    products = Products(A, "diagonal")
    check_integer("block", block)
    if check_integer("budget", budget) >= products.size:
        value = np.concatenate(exact_entries(products, block))
        return Estimate(value, np.zeros(products.size), products.count, True, "exact")
    mean, squares = np.zeros(products.size), np.zeros(products.size)
    for first in range(0, budget, block):
        probes = rademacher(products.size, first, min(block, budget - first), seed)
        samples = probes * products(probes)
        for number, sample in enumerate(samples.T, start=first + 1):  # Welford's update, safe from cancellation
            change = sample - mean
            mean += change / number
            squares += change * (sample - mean)
    error = np.sqrt(squares / (budget * (budget - 1))) if budget > 1 else np.full(products.size, np.inf)
    converged = bool(np.linalg.norm(error) <= rtol * np.linalg.norm(mean))
    return Estimate(mean, error, products.count, converged, "hutchinson")
