"""The order of magnitude of an operator, and multiples by powers of two, which are exact."""

from __future__ import annotations

import math
from copy import copy
from typing import Any

import numpy as np

from ritz.operators.composed import Product, Scaled, Sum, Transposed
from ritz.operators.dense import Dense
from ritz.operators.diagonal import Diagonal
from ritz.operators.kronecker import Kronecker, KroneckerSum
from ritz.operators.low_rank import LowRank
from ritz.operators.matrix_free import MatrixFree
from ritz.operators.operator import Operator
from ritz.operators.sparse import Sparse
from ritz.operators.stencils.stencil import Stencil

__all__ = ["magnitude", "smallest_magnitude", "times_power_of_two"]


def magnitude(operator: Operator, *, probe: bool = False) -> int:
    """Return the binary exponent of the largest entry, roughly; 0 for the zero matrix and where it is unknown.

    Takes one pass over the entries. That of a `MatrixFree` is known only with `probe`, which takes a product.

    Examples
    --------
    >>> magnitude(Dense(np.array([[0.5, 0.0], [0.0, 1e30]])))
    100
    """
    if isinstance(operator, (Sparse, Dense, Diagonal, Stencil)) or (probe and isinstance(operator, MatrixFree)):
        return _exponent(_sample(operator))
    if isinstance(operator, Scaled):
        return magnitude(operator.operator, probe=probe) + _exponent(np.array([operator.factor]))
    if isinstance(operator, Transposed):
        return magnitude(operator.operator, probe=probe)
    if isinstance(operator, Sum):
        return max(magnitude(operator.left, probe=probe), magnitude(operator.right, probe=probe))
    if isinstance(operator, Product):
        return magnitude(operator.left, probe=probe) + magnitude(operator.right, probe=probe)
    if isinstance(operator, LowRank):
        return sum(magnitude(part, probe=probe) for part in (operator.left, operator.middle, operator.right))
    if isinstance(operator, KroneckerSum):
        return max(magnitude(factor, probe=probe) for factor in operator.factors)
    return sum(magnitude(factor, probe=probe) for factor in operator.factors) if isinstance(operator, Kronecker) else 0


def smallest_magnitude(operator: Operator) -> int:
    """Return the binary exponent of the smallest non-zero entry of a matrix; for other operators, of the largest."""
    if not isinstance(operator, (Sparse, Dense, Diagonal)):
        return magnitude(operator)
    sizes = np.abs(_sample(operator))
    return _exponent(sizes.min(where=sizes > 0, initial=np.inf, keepdims=True))


def times_power_of_two(operator: Operator, exponent: int) -> Operator:
    """Return ``2**exponent * operator`` as an operator of the same kind, with its tags and nullspace.

    Entries are not lost where the range of the dtype allows it: the exponent may exceed that of the largest number.

    Examples
    --------
    >>> times_power_of_two(Dense(np.array([[1e-300]])), 996).to_dense().round(3).tolist()
    [[0.67]]
    """
    if isinstance(operator, Sparse):
        data = operator.matrix.data
        matrix = type(operator.matrix)(
            (np.ldexp(data, exponent), operator.matrix.indices, operator.matrix.indptr), shape=operator.shape
        )
        return Sparse(matrix, operator.tags, operator.nullspace)
    if isinstance(operator, Dense):
        return Dense(np.ldexp(operator.matrix, exponent), operator.tags)
    if isinstance(operator, Diagonal):
        return Diagonal(np.ldexp(operator.values, exponent))
    if isinstance(operator, Stencil):
        return operator.times_power_of_two(exponent)
    if isinstance(operator, Scaled):
        inner = -magnitude(operator.operator)
        factor = float(np.ldexp(operator.factor, exponent - inner))
        return Scaled(times_power_of_two(operator.operator, inner), factor)
    if isinstance(operator, Transposed):
        return Transposed(times_power_of_two(operator.operator, exponent))
    if isinstance(operator, (Sum, Product, LowRank)):
        other: Any = copy(operator)
        if isinstance(operator, LowRank):
            other.middle = times_power_of_two(operator.middle, exponent)
            return other
        first = -magnitude(operator.left) if isinstance(operator, Product) else exponent
        other.left = times_power_of_two(operator.left, first)
        other.right = times_power_of_two(operator.right, exponent - first if isinstance(operator, Product) else first)
        return other
    if isinstance(operator, KroneckerSum):
        return KroneckerSum(*(times_power_of_two(factor, exponent) for factor in operator.factors))
    if isinstance(operator, Kronecker):
        first, *rest = operator.factors
        return Kronecker(times_power_of_two(first, exponent), *rest)
    return Scaled(operator, float(np.ldexp(1.0, exponent)))


def _sample(operator: Operator) -> Any:
    """Return entries of `operator`, its diagonal for a stencil, or its product with a random vector."""
    if isinstance(operator, Sparse):
        return operator.matrix.data
    if isinstance(operator, Dense):
        return operator.matrix
    if isinstance(operator, MatrixFree):
        vector = np.random.default_rng(0).standard_normal(operator.shape[1]).astype(operator.dtype)
        return np.asarray(operator @ vector)
    return operator.diagonal()


def _exponent(values: np.ndarray) -> int:
    largest = max(float(values.max()), -float(values.min())) if values.size else 0.0
    return math.frexp(largest)[1] if math.isfinite(largest) else 0
