"""Log-determinant of a positive definite operator by stochastic Lanczos quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem

from .estimate import Estimate, from_samples
from .products import Products, at_least_one
from .quadrature import stochastic_quadratures

__all__ = ["logdet"]


def logdet(
    A: Any,
    shift: float = 0.0,
    *,
    probes: int = 16,
    steps: int = 50,
    rtol: float = 1e-2,
    block: int = 8,
    seed: int = 0,
) -> Estimate:
    r"""Estimate :math:`\log\det(A+\sigma I)=\operatorname{tr}\log(A+\sigma I)` :cite:`UbaruChenSaad2017`.

    The standard error is that of the choice of probes. The error of the quadrature, which chance does not show, falls
    like :math:`((\sqrt\kappa-1)/(\sqrt\kappa+1))^{2\,\mathrm{steps}}` for condition number κ; how much the last fifth
    of the steps changed counts in whether the estimate has converged.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    shift : float
        σ; the eigenvalues of A must be above -σ.
    probes : int
    steps : int
        Products with each probe, fewer if the Lanczos process breaks down.
    rtol : float
        Standard error, and change over the last steps, relative to the sum of the absolute logarithms, from which on
        the estimate counts as converged.
    block : int
        Probes that are worked on side by side; does not change them.
    seed : int
        Of the probes.

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, or A + σI is found to be singular or indefinite.

    Examples
    --------
    >>> A = np.diag(np.linspace(1.0, 3.0, 400))
    >>> estimate = logdet(A)
    >>> bool(abs(estimate.value - np.log(np.diag(A)).sum()) < 4 * estimate.standard_error + 1e-9)
    True
    """
    products = Products(A, "logdet")
    count, steps = at_least_one("probes", probes), at_least_one("steps", steps)
    if not np.isfinite(shift):
        raise InvalidProblem(f"shift is {shift!r}; it must be a finite number")
    if shift <= 0.0 and products.operator.nullspace is not None:
        raise InvalidProblem(
            f"logdet of {products.operator!r}, which has a nullspace, with shift {shift:g}: its determinant is 0 or"
            " worse; give a positive shift"
        )
    found = stochastic_quadratures(products, count, steps, at_least_one("block", block), seed)
    nodes = np.concatenate([each.rule()[0] for each in found])
    rounding = machine_epsilon(products.operator.dtype) * products.size**0.5
    if nodes.min() + shift <= rounding * (abs(nodes).max() + abs(shift)):
        raise InvalidProblem(
            f"logdet needs a positive definite operator: A has an eigenvalue of at most {nodes.min():.3g}, to which"
            f" shift adds {shift:g}; give a shift above {-nodes.min():.3g} (np.linalg.slogdet knows signs)"
        )
    logarithms = [(weights, np.log(nodes + shift)) for nodes, weights in (each.rule() for each in found)]
    samples = products.size * np.array([float(weights @ values) for weights, values in logarithms])
    scale = products.size * float(np.mean([weights @ abs(values) for weights, values in logarithms]))
    estimate = from_samples(samples, products.count, "lanczos quadrature", rtol=rtol, scale=scale)
    earlier = [each.rule(len(each.diagonal) - len(each.diagonal) // 5 * (not each.invariant)) for each in found]
    before = products.size * float(np.mean([weights @ np.log(nodes + shift) for nodes, weights in earlier]))
    settled = abs(before - estimate.value) <= rtol * scale
    return Estimate(
        estimate.value, estimate.standard_error, products.count, estimate.converged and settled, estimate.method
    )
