"""Direct solution of Kronecker sums of small matrices, symmetric or not."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce

import numpy as np

from ritz.solvers.direct.kronecker_sum import TensorSchur

__all__ = ["KroneckerSumSolver", "along_axes"]

SYMMETRIC = 1e-10  # relative asymmetry that is rounding
ZERO = 1e-13  # eigenvalues below this, relative to the largest, are 0 where one is expected to be


def along_axes(matrices: Sequence[np.ndarray], tensor: np.ndarray) -> np.ndarray:
    """Return the tensor with one matrix applied along each of its first axes.

    Examples
    --------
    >>> along_axes([np.ones((1, 2)), np.eye(3)], np.ones((2, 3))).tolist()
    [[2.0, 2.0, 2.0]]
    """
    for axis, matrix in enumerate(matrices):
        tensor = np.moveaxis(np.tensordot(matrix, tensor, axes=(1, axis)), 0, axis)
    return tensor


class KroneckerSumSolver:
    """Solves ``A1 x I x I + I x A2 x I + I x I x A3`` as a tensor :cite:`LynchRiceThomas1964`.

    By eigenvectors where all factors are symmetric, and otherwise by Schur forms, which nearly parallel eigenvectors
    do not harm. O(m^3) to prepare and O(m^(d+1)) a solve.

    Parameters
    ----------
    factors : sequence of ndarray, shape (m1, m1), (m2, m2), ...
    singular : bool
        Whether the sum has a null vector; solutions then have no part along it.

    Examples
    --------
    >>> solver = KroneckerSumSolver([np.diag([1.0, 2.0]), np.diag([3.0, 4.0])])
    >>> solver(np.array([[4.0, 5.0], [5.0, 6.0]])).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, factors: Sequence[np.ndarray], singular: bool = False):
        self.factors, self._singular = list(factors), singular
        self._symmetric = all(
            float(np.abs(factor - factor.T).max(initial=0.0)) <= SYMMETRIC * float(np.abs(factor).max(initial=0.0))
            for factor in factors
        )
        if self._symmetric:
            forms = [np.linalg.eigh(0.5 * (factor + factor.T)) for factor in factors]
            self._bases = [basis for _, basis in forms]
            eigenvalues = reduce(np.add.outer, [values for values, _ in forms])
        else:
            self._schur = TensorSchur(self.factors, singular)
            eigenvalues = self._schur.eigenvalues
        sizes = np.abs(eigenvalues)
        self.condition = float(sizes.max() / sizes.min()) if sizes.min() else np.inf
        """Ratio of the largest eigenvalue to the smallest in absolute value."""
        with np.errstate(divide="ignore"):
            self._inverse = 1.0 / eigenvalues
        if singular:
            self._inverse[sizes <= ZERO * sizes.max()] = 0.0

    def __call__(self, tensor: np.ndarray) -> np.ndarray:
        """Return the solution for a right-hand side ``(m1, ..., md)``."""
        if self._symmetric:
            turned = along_axes([basis.T for basis in self._bases], tensor)
            return along_axes(self._bases, self._inverse * turned)
        return self._schur(tensor.ravel()).reshape(tensor.shape)

    @cached_property
    def transposed(self) -> KroneckerSumSolver:
        """The solver of the transposed sum."""
        if self._symmetric:
            return self
        return KroneckerSumSolver([factor.T for factor in self.factors], self._singular)
