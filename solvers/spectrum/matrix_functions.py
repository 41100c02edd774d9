"""A function of an operator, times a vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import Array, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

from .krylov_space import KrylovSpace
from .products import Products, at_least_one, in_kind_of
from .spectral_density import function_on_spectrum

__all__ = ["FunctionApplied", "apply_function"]

CHECK = 5  # steps between looks at the answer


@dataclass(frozen=True)
class FunctionApplied:
    """``f(A) b`` and how it was reached.

    Attributes
    ----------
    x : array, shape (n,)
        The answer, of the kind of b.
    change : float
        How much the last five steps changed it, relative to its norm: an estimate of the error before them.
    products : int
    converged : bool
        Whether `change` is within the tolerance.
    """

    x: Array
    change: float
    products: int
    converged: bool


def apply_function(
    A: Any,
    function: Callable[[np.ndarray], np.ndarray],
    b: Array,
    *,
    rtol: float = 1e-8,
    budget: int = 200,
) -> FunctionApplied:
    r"""Return ``f(A) b`` for a symmetric operator by the Lanczos process :cite:`Higham2008`.

    :math:`f(A)b\approx\|b\|Vf(T)e_1`, exact where f is a polynomial of lower degree than there are steps. Holds the
    basis, a vector a product.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    function : callable
        f, taking and returning arrays; must be finite on the spectrum.
    b : array, shape (n,)
    rtol : float
        Accepted change over five steps, relative to the norm of the answer; not less than 30 machine epsilons of A.
    budget : int
        Products after which to give up.

    Returns
    -------
    FunctionApplied

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product or the function is not finite, or b does not fit.

    Examples
    --------
    >>> apply_function(np.diag([1.0, 4.0, 9.0]), np.sqrt, np.ones(3)).x.round(12).tolist()
    [1.0, 2.0, 3.0]
    """
    products = Products(A, "apply_function")
    vector = to_numpy(b).astype(np.float64)
    if vector.shape != (products.size,) or not np.isfinite(vector).all():
        raise InvalidProblem(f"b has shape {vector.shape}; it must be ({products.size},) and finite")
    capacity = min(at_least_one("budget", budget), products.size)
    if not vector.any():
        return FunctionApplied(in_kind_of(vector, b), 0.0, 0, True)
    rtol = max(rtol, 30.0 * machine_epsilon(products.operator.dtype))
    space = KrylovSpace(products, vector[:, None], capacity)
    length = float(space.next[:, 0] @ vector)  # of either sign
    before, coefficients, change = np.zeros(0), np.zeros(0), np.inf
    while change > rtol and not space.full:
        space.expand()
        if space.size % CHECK == 0 or space.invariant or space.full:
            values, vectors = np.linalg.eigh(space.projected)
            coefficients = length * (vectors @ (function_on_spectrum(function, values) * vectors[0]))
            norm = float(np.linalg.norm(coefficients))
            difference = coefficients.copy()
            difference[: len(before)] -= before
            change = float(np.linalg.norm(difference)) / norm if norm else 0.0
            before = coefficients
            if space.invariant:
                change = 0.0
                break
    x = space.basis[:, : space.size] @ coefficients
    return FunctionApplied(in_kind_of(x, b), change, products.count, change <= rtol)
