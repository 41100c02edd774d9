"""Estimation of the trace of a symmetric operator by Hutchinson, Hutch++ or XTrace."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import solve_triangular

from ritz.arguments import check_integer, check_seed
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem, UnknownName

from .estimate import Estimate, from_samples
from .probes import gaussian, rademacher
from .products import Products

__all__ = ["exact_entries", "trace"]


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
        If A is not symmetric, a product is not finite, or the budget is too small.
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
    if method not in METHODS:
        raise UnknownName("method", method, METHODS)
    if check_integer("budget", budget) < 6:
        raise InvalidProblem(f"budget is {budget}; it must be at least 6 products")
    check_integer("block", block)
    if budget >= products.size:
        value = sum(float(each.sum()) for each in exact_entries(products, block))
        return Estimate(value, 0.0, products.count, True, "exact")
    samples = METHODS[method](products, budget, block, seed)
    return from_samples(samples, products.count, method, rtol=rtol)


def exact_entries(products: Products, block: int) -> list[np.ndarray]:
    """Return the diagonal in pieces, computed by products with columns of the identity."""
    size = products.size
    pieces: list[np.ndarray] = []
    for first in range(0, size, block):
        columns = np.zeros((size, min(block, size - first)))
        rows = np.arange(columns.shape[1])
        columns[first + rows, rows] = 1.0
        pieces.append(products(columns)[first + rows, rows])
    return pieces


def _hutchinson(products: Products, budget: int, block: int, seed: int) -> np.ndarray:
    samples: list[np.ndarray] = []
    for first in range(0, budget, block):
        probes = rademacher(products.size, first, min(block, budget - first), seed)
        samples.append((probes * products(probes)).sum(axis=0))
    return np.concatenate(samples)


def _hutch_plus_plus(products: Products, budget: int, block: int, seed: int) -> np.ndarray:
    """Return samples whose mean is the estimate; the exact part is added to each."""
    part = budget // 3
    sketch = rademacher(products.size, 0, part, seed)
    Q = np.linalg.qr(products.in_blocks(sketch, block))[0]
    known = float((Q * products.in_blocks(Q, block)).sum())
    probes = rademacher(products.size, part, budget - 2 * part, seed)
    probes -= Q @ (Q.T @ probes)
    return known + (probes * products.in_blocks(probes, block)).sum(axis=0)


def _xtrace(products: Products, budget: int, block: int, seed: int) -> np.ndarray:
    r"""Return the estimates with each probe left out of the range in turn.

    With :math:`Y=A\Omega=QR`, the range of Y without its i-th column is that of Q less the direction :math:`Qs_i`,
    where :math:`s_i` is the normalised i-th column of :math:`R^{-T}`. The omitted probe is projected onto the
    complement of that range and scaled to the average length of random vectors in it.
    """
    size, count = products.size, budget // 2
    probes = gaussian(size, 0, count, seed)
    images = products.in_blocks(probes, block)
    Q, R = np.linalg.qr(images)
    if not R.any():
        return np.zeros(count)
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
    return on_range + (size - count + 1) * beyond / length


METHODS = {"xtrace": _xtrace, "hutch++": _hutch_plus_plus, "hutchinson": _hutchinson}
