"""Nullspaces of piecewise constants, such as those of Laplacians without a fixed value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, asarray_like, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["Nullspace"]


@dataclass(frozen=True, eq=False)
class Nullspace:
    """A nullspace of piecewise constants: one null vector per region.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
        Region of each unknown, numbered from 0; -1 for unknowns that belong to no singular region.

    Examples
    --------
    >>> regions = Nullspace(np.array([0, 0, 1, -1]))
    >>> regions.project(np.array([1.0, 3.0, 5.0, 7.0])).tolist()
    [-1.0, 1.0, 0.0, 7.0]
    """

    labels: np.ndarray

    @cached_property
    def count(self) -> int:
        """Number of regions, which is the dimension of the nullspace."""
        return int(self.labels.max(initial=-1)) + 1

    @cached_property
    def sizes(self) -> np.ndarray:
        """Number of unknowns in each region, shape ``(count,)``."""
        return np.bincount(self._inside, minlength=self.count)

    @cached_property
    def _inside(self) -> np.ndarray:
        return self.labels[self.labels >= 0]

    @cached_property
    def _everywhere(self) -> bool:
        return self.count == 1 and self._inside.size == self.labels.size

    @cached_property
    def pinned(self) -> np.ndarray:
        """Unknowns that may be fixed at zero to make the operator regular: the first of each region."""
        regions, first = np.unique(self.labels, return_index=True)
        return np.sort(first[regions >= 0])

    def sums(self, x: Array) -> np.ndarray:
        """Return the sum of `x` over each region, shape ``(count,)`` or ``(count, k)``, in float64."""
        values = to_numpy(x)
        if self._everywhere:
            return values.sum(axis=0, dtype=np.float64)[None]
        inside = values[self.labels >= 0]
        if values.ndim == 1:
            return np.bincount(self._inside, weights=inside, minlength=self.count)
        columns = [np.bincount(self._inside, weights=column, minlength=self.count) for column in inside.T]
        return np.stack(columns, axis=1)

    def project(self, x: Array) -> Array:
        """Return the component of `x` orthogonal to the nullspace, by subtracting the mean over each region."""
        sizes = self.sizes if x.ndim == 1 else self.sizes[:, None]
        means = self.sums(x) / sizes
        if self._everywhere:
            return x - asarray_like(means[0], x)
        padded = np.concatenate([means, np.zeros((1, *means.shape[1:]))])  # label -1 reads the zero at the end
        return x - asarray_like(padded[self.labels], x)

    def component_norm(self, x: Array) -> np.ndarray:
        """Return the norm of the component of `x` in the nullspace, per region: ``(count,)`` or ``(count, k)``."""
        sizes = self.sizes if x.ndim == 1 else self.sizes[:, None]
        return np.abs(self.sums(x)) / np.sqrt(sizes)

    def basis(self) -> csr_array:
        """Return an orthonormal basis as a sparse ``(n, count)`` array."""
        from scipy.sparse import csr_array

        rows = np.flatnonzero(self.labels >= 0)
        values = 1.0 / np.sqrt(self.sizes[self._inside])
        return csr_array((values, (rows, self._inside)), shape=(self.labels.size, self.count))

    def check_consistent(self, rhs: Array, tolerance: Array, exponents: Any = 0) -> np.ndarray:
        """Return `component_norm` of `rhs` if it is within a tolerance.

        Parameters
        ----------
        rhs : array, shape (n,) or (n, k)
        tolerance : float or ndarray, shape (k,)
            Largest norm allowed in each column.
        exponents : int or ndarray of int, shape (k,)
            The caller's right-hand side is ``2**exponents * rhs``; for the message.

        Raises
        ------
        InvalidProblem
            If a norm is larger; the message names the worst region.
        """
        parts = self.component_norm(rhs)
        excess = parts - np.asarray(tolerance)
        if not excess.size or excess.max() <= 0:
            return parts
        region = int(np.unravel_index(int(excess.argmax()), excess.shape)[0])
        members = np.flatnonzero(self.labels == region)
        total = float(np.abs(np.ldexp(self.sums(rhs)[region], exponents)).max())
        raise InvalidProblem(
            f"rhs is inconsistent: the operator is singular on region {region} of {self.count}"
            f" ({members.size} unknowns, the first is number {members[0]}), where the sum of rhs must be 0 but is"
            f" {total:.3g}; subtract its mean over that region, or fix a value there"
        )

    def intersection(self, other: Nullspace) -> Nullspace | None:
        """Return the intersection of two nullspaces, or None if it contains only zero.

        Examples
        --------
        >>> Nullspace(np.array([0, 0, 1, 2])).intersection(Nullspace(np.array([0, 1, 1, -1]))).labels.tolist()
        [0, 0, 0, -1]
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if other.count and not (other.labels >= 0).any():
            return other.intersection(self)  # vectors know how to be compared with regions
        both = (self.labels >= 0) & (other.labels >= 0)
        links = (self.labels[both], other.labels[both] + self.count)
        total = self.count + other.count
        graph = coo_array((np.ones(int(both.sum()), dtype=bool), links), shape=(total, total))
        count, component = connected_components(graph, directed=False)
        # A union of overlapping regions is singular only if neither operator fixes one of its unknowns.
        held = np.zeros(count, dtype=bool)
        held[component[self.labels[(self.labels >= 0) & ~both]]] = True
        held[component[other.labels[(other.labels >= 0) & ~both] + self.count]] = True
        if held.all():
            return None
        numbers = np.append(np.where(held, -1, np.cumsum(~held) - 1), -1)
        return Nullspace(np.where(both, numbers[component[self.labels]], -1))

    @classmethod
    def of_matrix(cls, matrix: csr_array) -> Nullspace | None:
        """Return the regions of a symmetric sparse matrix in which all rows sum to zero, or None if there are none.

        A connected component whose row sums all vanish has the constant as a null vector. Matrices with non-positive
        off-diagonal entries, such as graph Laplacians, have no other null vectors. Takes O(nnz) time.

        A row sum counts as zero if it is below 1e-13 of the sum of magnitudes, which leaves room for rounding during
        assembly. In float32 the limit is two units of rounding; a larger one would miss the small shift of a long time
        step.
        """
        from scipy.sparse.csgraph import connected_components

        ones = np.ones(int(matrix.shape[0]))  # pyright: ignore[reportOptionalSubscript]
        relative = max(1e-13, 2.0 * machine_epsilon(matrix.dtype))
        balanced = np.abs(matrix @ ones) <= relative * (abs(matrix) @ ones)
        if not balanced.any():
            return None
        if not matrix.data.all():  # stored zeros must not connect components
            matrix = matrix.copy()
            matrix.eliminate_zeros()
        count, component = connected_components(matrix, directed=False)
        singular = np.bincount(component, weights=~balanced, minlength=count) == 0
        if not singular.any():
            return None
        renumber = np.where(singular, np.cumsum(singular) - 1, -1)
        return cls(renumber[component])
