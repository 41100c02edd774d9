"""Products of a function of an operator with a vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number
from ritz.backend import Array, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

from .krylov_space import KrylovSpace
from .products import Products, in_kind_of, scaling_exponent
from .spectral_density import function_on_spectrum

__all__ = ["FunctionApplied", "apply_function"]

CHECK = 5  # steps between convergence checks


@dataclass(frozen=True)
class FunctionApplied:
    """Result of `apply_function`: an approximation of ``f(A) b``.

    Attributes
    ----------
    x : array, shape (n,)
        The approximation, an array of the kind of b.
    change : float
        Change of x over the last five steps, relative to its norm: an estimate of the error before them.
    products : int
        Number of products with A.
    converged : bool
        Whether the error after them, extrapolated from the last two changes, is within the tolerance.
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

    :math:`f(A)b\approx\|b\|Vf(T)e_1`, which is exact if f is a polynomial of degree less than the number of steps.
    Stores the basis, one vector per product. Convergence is judged by changes, which do not show small eigenvalues
    among large ones that the process has yet to find.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    function : callable
        f, applied elementwise to arrays; must be finite on the spectrum.
    b : array, shape (n,)
    rtol : float
        Accepted error, relative to the norm of the result; at least 30 machine epsilons of A's dtype.
    budget : int
        Largest number of products.

    Returns
    -------
    FunctionApplied

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product or a function value is not finite, or b has the wrong shape.

    Examples
    --------
    >>> apply_function(np.diag([1.0, 4.0, 9.0]), np.sqrt, np.ones(3)).x.round(12).tolist()
    [1.0, 2.0, 3.0]
    """
    products = Products(A, "apply_function")
    vector = to_numpy(b).astype(np.float64)
    if vector.shape != (products.size,) or not np.isfinite(vector).all():
        raise InvalidProblem(f"b has shape {vector.shape}; it must be ({products.size},) and finite")
    capacity = min(check_integer("budget", budget), products.size)
    if not vector.any():
        return FunctionApplied(in_kind_of(vector, b), 0.0, 0, True)
    rounding = 30.0 * machine_epsilon(products.operator.dtype)
    rtol = max(check_number("rtol", rtol, least=0.0), rounding)
    unit = scaling_exponent(float(abs(vector).max()))
    vector = np.ldexp(vector, -unit)
    space = KrylovSpace(products, vector[:, None], capacity)
    length = float(space.next[:, 0] @ vector)  # of either sign
    before, coefficients, change, error = np.zeros(0), np.zeros(0), np.inf, np.inf
    while error > rtol and not space.full:
        space.expand()
        if space.size % CHECK == 0 or space.invariant or space.full:
            values, vectors = np.linalg.eigh(space.projected)
            applied = function_on_spectrum(function, np.ldexp(values, products.exponent))
            coefficients = length * (vectors @ (applied * vectors[0]))
            top = float(abs(coefficients).max()) or 1.0  # norms of what is beyond 1e154 overflow
            norm = float(np.linalg.norm(coefficients / top))
            difference = coefficients.copy()
            difference[: len(before)] -= before
            last, change = change, float(np.linalg.norm(difference / top)) / norm if norm else np.inf
            before = coefficients
            if space.invariant:
                change = error = 0.0
            elif change <= rounding:
                error = change
            else:
                error = change * max(1.0, change / (last - change)) if change < last else np.inf
    x = np.ldexp(space.basis[:, : space.size] @ coefficients, unit)
    return FunctionApplied(in_kind_of(x, b), change, products.count, error <= rtol)
