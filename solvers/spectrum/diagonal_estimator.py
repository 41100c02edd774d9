"""Estimation of the diagonal of a symmetric operator from a few products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed

from .estimate import Estimate, check_options, enlarged
from .probes import gaussian, rademacher
from .products import Products

__all__ = ["diagonal", "exact_diagonal", "regressed_entries"]


def diagonal(A: Any, budget: int = 48, *, rtol: float = 1e-1, block: int = 8, seed: int = 0) -> Estimate:
    r"""Estimate the diagonal as the average of :math:`z\circ Az` over random signs z :cite:`BekasKokiopoulouSaad2007`.

    The error of an entry is the norm of the rest of its row divided by the square root of the number of probes: zero
    for diagonal operators, and large if there are many off-diagonal entries. The last probe is a vector of normal
    numbers, as signs that happen to agree would make an error look like zero.

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
        If A is not symmetric, a product is not finite, or an option is out of range.

    Examples
    --------
    >>> diagonal(np.diag([1.0, 2.0, 3.0]), budget=2).value.tolist()
    [1.0, 2.0, 3.0]
    """
    check_seed(seed)
    products = Products(A, "diagonal")
    check_options(rtol, block)
    if check_integer("budget", budget) >= products.size:
        value = exact_diagonal(products, block)
        return Estimate(value, np.zeros(products.size), products.count, True, "exact")
    entries, variances = regressed_entries(products, products, budget, block, seed)
    error = enlarged(np.sqrt(variances), budget - 1)
    converged = bool(np.linalg.norm(error) <= rtol * np.linalg.norm(entries))
    value, error = np.ldexp(entries, products.exponent), np.ldexp(error, products.exponent)
    return Estimate(value, error, products.count, converged, "hutchinson")


def exact_diagonal(products: Products, block: int) -> np.ndarray:
    """Return the diagonal, computed by products with columns of the identity."""
    return np.concatenate([np.diagonal(columns, -first) for first, columns in products.columns(block)])


def regressed_entries(
    multiply: Callable[[np.ndarray], np.ndarray], products: Products, count: int, block: int, seed: int, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the diagonal entries of a symmetric matrix and their variances, by regression over random vectors.

    Entry i is the slope of :math:`(Ax)_i` against :math:`x_i`, and its row beyond the diagonal is the scatter. Vectors
    of signs give the least scatter, but in a few of them two coupled entries may have the same signs throughout and
    show none. The last vector is therefore one of normal numbers, in which every coupling shows.

    Parameters
    ----------
    multiply : callable
        Returns the products of the matrix with a block of columns.
    products : Products
        Knows the size, and the dtype to which vectors are rounded.
    count : int
        Number of vectors.
    block : int
        Number of vectors multiplied at a time.
    seed : int
    first : int
        Number of the first vector in the sequence of random vectors.
    """
    size, signs = products.size, max(count - 1, 1)
    entries, scatter, weight = np.zeros(size), np.zeros(size), 0.0
    for done in range(0, signs, block):
        x = rademacher(size, first + done, min(block, signs - done), seed)
        width = x.shape[1]
        samples = np.multiply(x, multiply(x), out=x)
        mean = samples @ np.full(width, 1.0 / width)
        samples -= mean[:, None]
        change, total = mean - entries, weight + width
        scatter += np.vecdot(samples, samples) + change**2 * (weight * width / total)  # pyright: ignore[reportCallIssue]
        entries += change * (width / total)
        weight = total
    if count == 1:
        return entries, scatter
    x = gaussian(size, first + signs, 1, seed).astype(products.operator.dtype).astype(np.float64)
    rest, x = multiply(x)[:, 0] - entries * x[:, 0], x[:, 0]
    weights = weight + x**2
    entries += rest * x / weights
    scatter += rest**2 * (weight / weights)
    return entries, scatter / (weights * (count - 1))
