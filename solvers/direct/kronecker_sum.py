"""Direct solution of Kronecker sums of small matrices, by eigenvectors or Schur forms along each axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np

from ritz.solution import Status

from .factorisation import FactorisationFailed

__all__ = ["KroneckerSumSolver", "along_axes"]

ASYMMETRY = 1e-10  # relative asymmetry that is attributed to rounding
ZERO = 1e-13  # eigenvalues below this, relative to the largest, are 0 if one is expected to be


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
    """Solver for ``A1 x I x I + I x A2 x I + I x I x A3``, applied to tensors :cite:`LynchRiceThomas1964`.

    If all factors are symmetric, it changes to their eigenvectors. Otherwise each factor is made triangular by a
    unitary change of basis :cite:`BartelsStewart1972`, and the triangular sum is solved backwards, slice by slice.
    Unlike a change to eigenvectors, this loses no accuracy when these are nearly parallel, as they are with advection.
    For d axes of n nodes, preparation takes O(n^3) time, a solve O(n^(d+1)) time and O(n^d) memory; a dense
    factorisation takes O(n^(3d)) and O(n^(2d)).

    Parameters
    ----------
    factors : sequence of ndarray, shape (n1, n1), (n2, n2), ...
    singular : bool
        Whether the sum has one null vector. Consistent right-hand sides then get one of their solutions; with
        symmetric factors, the one that has no part along the null vector.

    Attributes
    ----------
    condition : float
        Ratio of the largest to the smallest absolute eigenvalue.

    Raises
    ------
    FactorisationFailed
        If the sum is singular and `singular` is False.

    Examples
    --------
    >>> solver = KroneckerSumSolver([np.diag([1.0, 2.0]), np.diag([3.0, 4.0])])
    >>> solver(np.array([4.0, 5.0, 5.0, 6.0])).tolist()
    [1.0, 1.0, 1.0, 1.0]
    >>> solver(np.array([[4.0, 5.0], [5.0, 6.0]])).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    def __init__(self, factors: Sequence[np.ndarray], singular: bool = False):
        self.factors, self._singular = list(factors), singular
        self._symmetric = all(
            float(np.abs(factor - factor.T).max(initial=0.0)) <= ASYMMETRY * float(np.abs(factor).max(initial=0.0))
            for factor in self.factors
        )
        self._triangles: list[np.ndarray] = []
        if self._symmetric:
            forms = [np.linalg.eigh(0.5 * (factor + factor.T)) for factor in self.factors]
            self._bases = [basis for _, basis in forms]
            diagonals = [values for values, _ in forms]
        else:
            from scipy.linalg import schur

            schur_forms: list[Any] = [schur(factor, output="complex") for factor in self.factors]
            self._triangles = [triangle for triangle, _ in schur_forms]
            self._bases = [basis for _, basis in schur_forms]
            diagonals = [triangle.diagonal().copy() for triangle in self._triangles]
        self._eigenvalues: np.ndarray = reduce(np.add.outer, diagonals)
        sizes = np.abs(self._eigenvalues)
        if singular and not self._symmetric:
            self._eigenvalues[np.unravel_index(int(sizes.argmin()), sizes.shape)] = sizes.max()
            sizes = np.abs(self._eigenvalues)
        self.condition = float(sizes.max() / sizes.min()) if sizes.min() else np.inf
        if singular and self._symmetric:
            self._eigenvalues[sizes <= ZERO * sizes.max()] = np.inf  # which leaves nothing of that component
        if not self._eigenvalues.all():
            raise FactorisationFailed(Status.SINGULAR)

    def __call__(self, rhs: np.ndarray, shift: float = 0.0) -> np.ndarray:
        """Return the solution, with `shift` times the identity added to the sum.

        Parameters
        ----------
        rhs : ndarray, shape (n1, n2, ...), (n,) or (n, k)
            A tensor, a vector or a block of vectors of n = n1 n2 ... unknowns.
        shift : float

        Returns
        -------
        ndarray of the same shape
        """
        if rhs.shape == self._eigenvalues.shape:
            return self._solve(rhs, shift)
        if rhs.ndim == 2:
            return np.stack([self(column, shift) for column in rhs.T], axis=1)
        return self._solve(rhs.reshape(self._eigenvalues.shape), shift).ravel()

    def _solve(self, tensor: np.ndarray, shift: float) -> np.ndarray:
        pivots = self._eigenvalues + shift
        if self._symmetric:
            rotated = along_axes([basis.T for basis in self._bases], tensor)
            return along_axes(self._bases, (1.0 / pivots) * rotated)
        rotated = _rotated(tensor, [basis.conj().T for basis in self._bases])
        return np.real(_rotated(_solve_backwards(self._triangles, rotated, pivots), self._bases))

    @cached_property
    def transposed(self) -> KroneckerSumSolver:
        """The solver for the transposed sum."""
        if self._symmetric:
            return self
        return KroneckerSumSolver([factor.T for factor in self.factors], self._singular)


def _rotated(tensor: np.ndarray, bases: Sequence[np.ndarray]) -> np.ndarray:
    for basis in bases:  # each pass moves the first axis to the end; d passes restore the order
        tensor = np.tensordot(tensor, basis, axes=(0, 1))
    return tensor


def _solve_backwards(triangles: Sequence[np.ndarray], rhs: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """Solve a sum of upper triangles with diagonal `pivots`, slice by slice along the first axis."""
    first, *rest = triangles
    if not rest:
        from scipy.linalg import solve_triangular

        shifted = first.copy()
        np.fill_diagonal(shifted, pivots)
        return solve_triangular(shifted, rhs, check_finite=False)
    solution = np.empty_like(rhs)
    for row in range(len(first) - 1, -1, -1):
        known = np.tensordot(first[row, row + 1 :], solution[row + 1 :], axes=1)
        solution[row] = _solve_backwards(rest, rhs[row] - known, pivots[row])
    return solution
