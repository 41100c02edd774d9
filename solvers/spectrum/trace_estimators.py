"""Estimation of the trace of a symmetric operator by Hutchinson, Hutch++ or XTrace."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ritz.arguments import check_choice, check_integer, check_seed
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem

from .diagonal_estimator import exact_diagonal, regressed_entries
from .estimate import Estimate, check_options, enlarged, standard_error
from .probes import gaussian
from .products import Products

__all__ = ["trace"]

OVERLAP = 1.4  # standard deviation of the mean of XTrace's estimates, relative to that of independent ones; see tests


def trace(
    A: Any, budget: int = 48, method: str = "xtrace", *, rtol: float = 1e-2, block: int = 8, seed: int = 0
) -> Estimate:
    r"""Estimate the trace of a symmetric operator.

    Hutchinson's estimator averages :math:`z^TAz` over random signs z :cite:`Hutchinson1990`; its error falls like
    :math:`\|A\|_F/\sqrt m`. Hutch++ computes the trace exactly on the range of a third of the products and estimates
    the remainder :cite:`MeyerEtAl2021`. XTrace does the same with each probe left out in turn, so all of them
    contribute to both parts :cite:`EpperlyTroppWebber2024`. It is by far the best if eigenvalues decay, as for Hessians
    of trained networks. If they do not, as for differential operators, the three are similar, and Hutchinson needs no
    memory.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    budget : int
        Number of products to use, at least 6. If it is n or more, the trace is computed exactly with n products.
    method : {"xtrace", "hutch++", "hutchinson"}
    rtol : float
        The estimate counts as converged if the standard error, relative to the trace, is at most this.
    block : int
        Number of vectors per product with a block; does not change the probes.
    seed : int
        Seed of the probes.

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, the budget is too small or an option is out of range.
    UnknownName
        If the method is unknown.

    Examples
    --------
    >>> A = np.diag(np.arange(1.0, 201.0) ** -2)
    >>> estimate = trace(A)
    >>> bool(abs(estimate.value - np.trace(A)) < 4 * estimate.standard_error), estimate.products
    (True, 48)
    """
    check_seed(seed)
    products = Products(A, "trace")
    check_choice("method", method, METHODS)
    check_options(rtol, block)
    if check_integer("budget", budget) < 6:
        raise InvalidProblem(f"budget is {budget}; it must be at least 6 products")
    if budget >= products.size:
        return Estimate(float(exact_diagonal(products, block).sum()), 0.0, products.count, True, "exact")
    value, error, size = METHODS[method](products, budget, block, seed)
    error = float(np.hypot(error, machine_epsilon(products.operator.dtype) * size))
    converged = error <= rtol * abs(value)
    value, error = (float(np.ldexp(each, products.exponent)) for each in (value, error))
    return Estimate(value, error, products.count, converged, method)


def _hutchinson(products: Products, budget: int, block: int, seed: int) -> tuple[float, float, float]:
    """Return the estimate, its standard error, and the size of the sum, which decides on rounding errors.

    Two entries that are coupled err by the same amount, so the variance is twice the sum of those of the entries. It is
    known better than from the spread of the sums.
    """
    entries, variances = regressed_entries(products, products, budget, block, seed)
    error = enlarged((2.0 * float(variances.sum())) ** 0.5, budget - 1)
    return float(entries.sum()), float(error), float(abs(entries).sum())


def _hutch_plus_plus(products: Products, budget: int, block: int, seed: int) -> tuple[float, float, float]:
    """Return the trace on the range of a sketch and Hutchinson's estimate of the rest; see `_hutchinson`."""
    part = budget // 3
    Q = np.linalg.qr(products.in_blocks(gaussian(products.size, 0, part, seed), block))[0]
    known = (Q * products.in_blocks(Q, block)).sum(axis=0)

    def beyond(x: np.ndarray) -> np.ndarray:
        image = products(x - Q @ (Q.T @ x))
        return image - Q @ (Q.T @ image)

    count = budget - 2 * part
    entries, variances = regressed_entries(beyond, products, count, block, seed, first=part)
    error = enlarged((2.0 * float(variances.sum())) ** 0.5, count - 1)
    return float(known.sum() + entries.sum()), float(error), float(abs(known).sum() + abs(entries).sum())


def _xtrace(products: Products, budget: int, block: int, seed: int) -> tuple[float, float, float]:
    r"""Return the mean of the estimates with each probe left out of the range in turn; see `_hutchinson`.

    With :math:`Y=A\Omega=QR`, the range of Y without its i-th column is that of Q less the direction :math:`Qs_i`,
    where :math:`s_i` is the normalised i-th column of :math:`R^{-T}`. The omitted probe is projected onto the
    complement of that range and scaled to the average length of random vectors in it. The estimates share most of
    their range, so their mean varies more than the mean of independent ones.
    """
    size, count = products.size, budget // 2
    probes = gaussian(size, 0, count, seed)
    images = products.in_blocks(probes, block)
    Q, R = np.linalg.qr(images)
    if not R.any():
        return 0.0, 0.0, 0.0
    pivots = np.diagonal(R)
    smallest = machine_epsilon(np.float64) * abs(R).max()
    regular = R + np.diag(
        np.where(abs(pivots) < smallest, smallest, 0.0)
    )  # if columns are dependent, any may be left out
    inverse = solve_triangular(regular, np.eye(count), trans=1)
    S = inverse / np.linalg.norm(inverse, axis=0)
    AQ = products.in_blocks(Q, block)
    H = Q.T @ AQ
    W = Q.T @ probes
    X = W - S * (S * W).sum(axis=0)
    on_range = np.trace(H) - (S * (H @ S)).sum(axis=0)
    beyond = (probes * images).sum(axis=0) - 2.0 * (X * (AQ.T @ probes)).sum(axis=0) + (X * (H @ X)).sum(axis=0)
    length = (probes**2).sum(axis=0) - (X**2).sum(axis=0)
    rest = (size - count + 1) * beyond / length
    samples = on_range + rest
    error = OVERLAP * standard_error(samples)
    return float(samples.mean()), error, float(abs(np.diagonal(H)).sum() + abs(rest).mean())


METHODS = {"xtrace": _xtrace, "hutch++": _hutch_plus_plus, "hutchinson": _hutchinson}
