"""Random tests by which a residual tells the size of the error."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csc_array
from scipy.sparse.linalg import splu

from ritz.errors import InvalidProblem

__all__ = ["dual_tests", "random_functionals"]


def dual_tests(jacobian: Any, product: Any, *, count: int = 24, seed: int = 0) -> np.ndarray:
    r"""Return W, shape (n, count), such that :math:`\|W^* r\|` is about the norm of the error whose residual is r.

    The tests are :math:`J^{-*}z_i/\sqrt{\text{count}}` for random functionals :math:`z_i` whose covariance is the inner
    product, so that :math:`\mathrm E\,|z^*e|^2=\|e\|^2`: for linear equations, and J their operator, the estimate is
    off by a factor of 2 with a probability below 1e-4 if there are 24 :cite:`SmetanaZahmPatera2019`. With the Jacobian
    of a state near by it is about right, and what is wrong in the mean is for a calibration to find.

    Parameters
    ----------
    jacobian : sparse array, shape (n, n)
        Real or complex; factored once.
    product : Operator or None
        Inner product in whose norm errors are measured; Euclidean if None.
    count : int
    seed : int

    Examples
    --------
    >>> from scipy.sparse import diags_array
    >>> J = diags_array(np.arange(1.0, 101.0)).tocsr()
    >>> error = np.sin(np.arange(100.0))
    >>> bool(0.6 < np.linalg.norm(dual_tests(J, None).T @ (J @ error)) / np.linalg.norm(error) < 1.5)
    True
    """
    functionals = random_functionals(product, int(jacobian.shape[0]), count, seed).astype(jacobian.dtype)
    factors = splu(csc_array(jacobian), permc_spec="MMD_AT_PLUS_A")
    return factors.solve(functionals, trans="H") / np.sqrt(count)


def random_functionals(product: Any, n: int, count: int, seed: int) -> np.ndarray:
    """Return columns, shape (n, count), of normally distributed numbers whose covariance is the inner product."""
    drawn = np.random.default_rng(seed).standard_normal((n, count))
    if product is None:
        return drawn
    matrix = csc_array(product.to_sparse())
    options = {"SymmetricMode": True}
    factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
    pivots = factors.U.diagonal()
    if not (factors.perm_r == factors.perm_c).all() or not (pivots > 0.0).all():
        raise InvalidProblem("product is not positive definite: its factorisation has a pivot that is not positive")
    mixed = factors.L @ (np.sqrt(pivots)[:, None] * drawn)
    return np.asarray(mixed)[factors.perm_r]
