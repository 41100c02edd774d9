"""Log-determinant of a positive definite operator by stochastic Lanczos quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_seed
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem

from .estimate import Estimate, from_samples
from .products import Products
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

    The standard error covers the random choice of probes only. The quadrature error falls like
    :math:`((\sqrt\kappa-1)/(\sqrt\kappa+1))^{2\,\mathrm{steps}}` for condition number κ. The estimate only counts as
    converged if the last fifth of the steps changed it by less than the tolerance.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    shift : float
        σ; the eigenvalues of A must be above -σ.
    probes : int
        Number of random vectors.
    steps : int
        Number of products with each probe; fewer if the Lanczos process breaks down.
    rtol : float
        The estimate counts as converged if the standard error and the change over the last steps, relative to the sum
        of the absolute logarithms, are at most this.
    block : int
        Number of probes processed together; does not change them.
    seed : int
        Seed of the probes.

    Returns
    -------
    Estimate

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, or A + σI turns out to be singular or indefinite.

    Examples
    --------
    >>> A = np.diag(np.linspace(1.0, 3.0, 400))
    >>> estimate = logdet(A)
    >>> bool(abs(estimate.value - np.log(np.diag(A)).sum()) < 4 * estimate.standard_error + 1e-9)
    True
    """
    check_seed(seed)
    products = Products(A, "logdet")
    count, steps = check_integer("probes", probes), check_integer("steps", steps)
    if not np.isfinite(shift):
        raise InvalidProblem(f"shift is {shift!r}; it must be a finite number")
    if shift <= 0.0 and products.operator.nullspace is not None:
        raise InvalidProblem(
            f"logdet of {products.operator!r}, which has a nullspace, with shift {shift:g}: the sum is not positive"
            " definite; give a positive shift"
        )
    found = stochastic_quadratures(products, count, steps, check_integer("block", block), seed)
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
