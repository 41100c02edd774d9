"""Log-determinant of a positive definite operator by stochastic Lanczos quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.backend import machine_epsilon
from ritz.errors import InvalidProblem

from .estimate import Estimate, check_options, standard_error, truncation_error
from .products import Products
from .quadrature import EQUAL, shortened_rules, stochastic_quadratures, unseen_spread

__all__ = ["logdet"]

NEGLIGIBLE = 1e-10  # relative error by rounding that an exact value may hold and still be called exact


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

    The standard error combines the spread of the probes with the error of the quadrature, which is extrapolated from
    its change over the last two fifths of the steps; it falls like
    :math:`((\sqrt\kappa-1)/(\sqrt\kappa+1))^{2\,\mathrm{steps}}` for condition number κ. If n is at most
    ``probes * steps``, the log-determinant is computed exactly with n products instead.

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
        The estimate counts as converged if the standard error, relative to the sum of the absolute logarithms, is at
        most this.
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
        If A is not symmetric, a product is not finite, A + σI turns out to be singular or indefinite, or an option is
        out of range.

    Examples
    --------
    >>> A = np.diag(np.linspace(1.0, 3.0, 1000))
    >>> estimate = logdet(A)
    >>> bool(abs(estimate.value - np.log(np.diag(A)).sum()) < 4 * estimate.standard_error + 1e-9)
    True
    """
    check_seed(seed)
    products = Products(A, "logdet")
    count, steps = check_integer("probes", probes), check_integer("steps", steps)
    check_options(rtol, block)
    check_number("shift", shift)
    if shift <= 0.0 and products.operator.nullspace is not None:
        raise InvalidProblem(
            f"logdet of {products.operator!r}, which has a nullspace, with shift {shift:g}: the sum is not positive"
            " definite; give a positive shift"
        )
    if products.size <= count * steps:
        return _exact(products, shift, rtol, block)
    found = stochastic_quadratures(products, count, steps, block, seed)
    unit = products.exponent
    moved = float(np.ldexp(shift, -unit))
    rules = [each.rule() for each in found]
    nodes = np.concatenate([nodes for nodes, _ in rules])
    rounding = machine_epsilon(products.operator.dtype) * products.size**0.5
    if nodes.min() + moved <= rounding * (abs(nodes).max() + abs(moved)):
        raise _not_definite(float(np.ldexp(nodes.min(), unit)), shift)

    def mean(rules: list[tuple[np.ndarray, np.ndarray]]) -> float:
        return float(np.mean([weights @ np.log(nodes + moved) for nodes, weights in rules]))

    samples = np.array([float(weights @ np.log(nodes + moved)) for nodes, weights in rules])
    spread = standard_error(samples)
    if spread <= EQUAL * float(abs(samples).max()):  # perhaps by chance
        spread = unseen_spread(products, nodes, np.log(nodes + moved), seed)
    logarithm = unit * np.log(2.0)
    value = products.size * (float(samples.mean()) + logarithm)
    sizes = [float(weights @ abs(np.log(nodes + moved) + logarithm)) for nodes, weights in rules]
    scale = float(np.mean(sizes))
    truncation = truncation_error([mean(each) for each in shortened_rules(found)], scale)
    error, scale = products.size * float(np.hypot(spread, truncation)), products.size * scale
    return Estimate(value, error, products.count, error <= rtol * scale, "lanczos quadrature")


def _exact(products: Products, shift: float, rtol: float, block: int) -> Estimate:
    """Return the log-determinant of the matrix, scaled to a unit diagonal for the sake of its small eigenvalues."""
    matrix = products.matrix(block) + shift * np.eye(products.size)
    diagonal = np.diagonal(matrix)
    if diagonal.min() <= 0.0:
        raise _not_definite(float(np.linalg.eigvalsh(matrix)[0]) - shift, shift)
    root = np.sqrt(diagonal)
    values = np.linalg.eigvalsh(matrix / root / root[:, None])
    rounding = machine_epsilon(products.operator.dtype) * float(values[-1])
    if values[0] <= rounding * products.size**0.5:
        raise _not_definite(float(np.linalg.eigvalsh(matrix)[0]) - shift, shift)
    logarithms = np.concatenate([np.log(values), np.log(diagonal)])
    error, scale = rounding * float((1.0 / values).sum()), max(float(abs(logarithms).sum()), 1.0)
    stated = error if error > NEGLIGIBLE * scale else 0.0
    return Estimate(float(logarithms.sum()), stated, products.count, error <= rtol * scale, "exact")


def _not_definite(smallest: float, shift: float) -> InvalidProblem:
    return InvalidProblem(
        f"logdet needs a positive definite operator: A has an eigenvalue of at most {smallest:.3g}, to which"
        f" shift adds {shift:g}; give a shift above {-smallest:.3g} (np.linalg.slogdet knows signs)"
    )
