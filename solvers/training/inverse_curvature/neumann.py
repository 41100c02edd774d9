"""The Neumann series for the inverse of a positive definite operator."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ritz.backend import Array, column_norm, to_numpy
from ritz.operators import Operator
from ritz.solution import Status

__all__ = ["neumann_series"]

GROWTH = 10.0  # growth of the residual beyond which the series is considered divergent


def neumann_series(A: Operator, b: Array, x: Array, largest: float) -> Generator[tuple[Array, Any], Any, Status]:
    r"""Yield partial sums of :math:`\sum_k\alpha(I-\alpha A)^kb` with their residual norms, starting from `x`.

    With :math:`\alpha=1/\lambda_{\max}` each product reduces the residual by a factor of :math:`1-1/\kappa`, compared
    with about :math:`1-2/\sqrt\kappa` for conjugate gradients; but the sum is linear in b and needs no inner products.

    Parameters
    ----------
    A : Operator
        Positive definite operator.
    b, x : array
        Right-hand side and initial iterate, which is overwritten.
    largest : float
        Upper bound of the eigenvalues, or a close approximation.

    Returns
    -------
    Status
        INDEFINITE once the residual has grown tenfold.
    """
    r = b - A @ x
    first = float(np.max(to_numpy(column_norm(r))))
    while True:
        norm = column_norm(r)
        yield x, norm
        if float(np.max(to_numpy(norm))) > GROWTH * first:
            return Status.INDEFINITE
        x += r / largest
        r = b - A @ x
