"""Diagonal of a symmetric operator from a few products."""

from __future__ import annotations

from typing import Any

import numpy as np

from .estimate import Estimate
from .probes import rademacher
from .products import Products, at_least_one
from .trace_estimators import exact_entries

__all__ = ["diagonal"]


def diagonal(A: Any, budget: int = 48, *, rtol: float = 1e-1, block: int = 8, seed: int = 0) -> Estimate:
    r"""Estimate the diagonal as the average of :math:`z\circ Az` over random signs z :cite:`BekasKokiopoulouSaad2007`.

    The error of an entry is the norm of the rest of its row over the root of the number of probes: nothing for
    diagonal operators, and much where entries off the diagonal are many.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    budget : int
        Products to spend. With n or more, the diagonal is computed exactly by n.
    rtol : float
        Norm of the standard errors, relative to that of the diagonal, from which on the estimate counts as converged.
    block : int
        Vectors that are multiplied at a time; does not change the probes.
    seed : int
        Of the probes.

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
    products = Products(A, "diagonal")
    at_least_one("block", block)
    if at_least_one("budget", budget) >= products.size:
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
