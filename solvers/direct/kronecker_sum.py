"""Direct solution of Kronecker sums by one Schur form an axis."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ritz.solution import Status
from ritz.solvers.direct.factorisation import FactorisationFailed

__all__ = ["TensorSchur"]


class TensorSchur:
    """Solves ``A1 x I x I + I x A2 x I + I x I x A3`` as a tensor :cite:`LynchRiceThomas1964`.

    Each factor becomes triangular by a unitary change of basis :cite:`BartelsStewart1972`, and the triangular sum is
    solved backwards, one slice after the other. Unlike a change to eigenvectors this loses no accuracy where these
    are nearly parallel, as they are with advection. For d axes of n nodes: O(n^3) to prepare, O(n^(d+1)) time a
    solve and O(n^d) memory, where a dense factorisation takes O(n^(3d)) and O(n^(2d)).

    Parameters
    ----------
    factors : sequence of ndarray, shape (n1, n1), (n2, n2), ...
    singular : bool
        Whether the sum has one null vector. Consistent right-hand sides then get one of their solutions.

    Raises
    ------
    FactorisationFailed
        If the sum is singular and not meant to be.

    Examples
    --------
    >>> solver = TensorSchur([np.diag([1.0, 2.0]), np.diag([3.0, 4.0])])
    >>> solver(np.array([4.0, 5.0, 5.0, 6.0])).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, factors: Sequence[np.ndarray], singular: bool = False):
        from scipy.linalg import schur

        forms: list[Any] = [schur(factor, output="complex") for factor in factors]
        self._triangles = [triangle for triangle, _ in forms]
        self._bases = [basis for _, basis in forms]
        self._pivots = reduce(np.add.outer, [triangle.diagonal().copy() for triangle in self._triangles])
        if singular:
            sizes = np.abs(self._pivots)
            self._pivots[np.unravel_index(int(sizes.argmin()), sizes.shape)] = sizes.max()
        if not self._pivots.all():
            raise FactorisationFailed(Status.SINGULAR)

    @property
    def eigenvalues(self) -> np.ndarray:
        """Eigenvalues of the sum, of the tensor's shape."""
        return self._pivots

    def __call__(self, rhs: np.ndarray, shift: float = 0.0) -> np.ndarray:
        """Return the solution for right-hand sides ``(n,)`` or ``(n, k)``, a multiple of I being added to the sum."""
        if rhs.ndim == 2:
            return np.stack([self(column, shift) for column in rhs.T], axis=1)
        tensor = rhs.reshape(self._pivots.shape)
        tensor = self._rotate(tensor, [basis.conj().T for basis in self._bases])
        tensor = _solve_backwards(self._triangles, tensor, self._pivots + shift)
        return np.real(self._rotate(tensor, self._bases)).ravel()

    def _rotate(self, tensor: np.ndarray, bases: Sequence[np.ndarray]) -> np.ndarray:
        for basis in bases:  # each pass turns the axes by one, so that d of them put every axis back in place
            tensor = np.tensordot(tensor, basis, axes=(0, 1))
        return tensor


def _solve_backwards(triangles: Sequence[np.ndarray], rhs: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """Solve the sum of upper triangles, the diagonal of which is `pivots`, slice by slice along the first axis."""
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
