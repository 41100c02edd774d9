"""Nullspaces: of piecewise constants, such as those of Laplacians without a fixed value, and of any vectors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.backend import Array, asarray_like, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["NullVectors", "Nullspace", "as_nullspace"]


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


class NullVectors(Nullspace):
    """A nullspace spanned by given vectors, of an operator whose transpose maps them to zero too.

    Parameters
    ----------
    vectors : ndarray, shape (n,) or (n, k)
        Linearly independent; they need not be orthogonal.

    Raises
    ------
    InvalidProblem
        If the vectors are linearly dependent.

    Examples
    --------
    >>> slopes = NullVectors(np.array([[1.0, -1.0], [1.0, 0.0], [1.0, 1.0]]))
    >>> slopes.count, slopes.project(np.array([1.0, 2.0, 4.0])).round(6).tolist()
    (2, [0.166667, -0.333333, 0.166667])
    """

    def __init__(self, vectors: np.ndarray):
        vectors = np.asarray(vectors)
        vectors = vectors[:, None] if vectors.ndim == 1 else vectors
        sizes = np.linalg.norm(vectors, axis=0)
        if not (sizes > 0).all():
            raise InvalidProblem("nullspace contains a vector that is zero")
        basis, triangle = np.linalg.qr(vectors / sizes)
        independence = np.linalg.svd(triangle, compute_uv=False)
        if independence[-1] < 1e3 * machine_epsilon(np.dtype(vectors.dtype.char.lower()).type(0).dtype):
            raise InvalidProblem(f"nullspace has {vectors.shape[1]} linearly dependent vectors: leave some out")
        self._basis = np.ascontiguousarray(basis)
        super().__init__(np.full(vectors.shape[0], -1))  # no regions

    @property
    def count(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Number of vectors."""
        return self._basis.shape[1]

    @property
    def vectors(self) -> np.ndarray:
        """An orthonormal basis, shape ``(n, count)``."""
        return self._basis

    def sums(self, x: Array) -> np.ndarray:
        """Return the inner products of `x` with the basis, shape ``(count,)`` or ``(count, k)``."""
        return self._basis.conj().T @ to_numpy(x)

    def project(self, x: Array) -> Array:
        """Return the component of `x` orthogonal to the nullspace."""
        return x - asarray_like(self._basis @ self.sums(x), x)

    def component_norm(self, x: Array) -> np.ndarray:
        """Return the magnitude of the component of `x` along each vector of the basis."""
        return np.abs(self.sums(x))

    def basis(self) -> Any:
        """Return an orthonormal basis as a sparse ``(n, count)`` array."""
        from scipy.sparse import csr_array

        return csr_array(self._basis)

    @cached_property
    def pinned(self) -> np.ndarray:
        """Unknowns that may be fixed at zero to make the operator regular: those in which the vectors differ most."""
        from scipy.linalg import qr

        found: Any = qr(self._basis.T, mode="r", pivoting=True)
        return np.sort(found[1][: self.count])

    def check_consistent(self, rhs: Array, tolerance: Array, exponents: Any = 0) -> np.ndarray:
        """Return `component_norm` of `rhs` if it is within a tolerance; see `Nullspace.check_consistent`."""
        parts = self.component_norm(rhs)
        excess = parts - np.asarray(tolerance)
        if not excess.size or excess.max() <= 0:
            return parts
        size = float(np.ldexp(parts.max(), np.max(exponents)))
        raise InvalidProblem(
            f"rhs is inconsistent: its component in the nullspace of {self.count} vectors must be 0 but has the"
            f" size {size:.3g}; subtract it, or leave out nullspace= for a least-squares solution"
        )

    def intersection(self, other: Nullspace) -> Nullspace | None:
        """Return the intersection of two nullspaces, or None if it contains only zero."""
        theirs = other.vectors if isinstance(other, NullVectors) else other.basis().toarray()
        left, cosines, _ = np.linalg.svd(self._basis.conj().T @ theirs)
        common = int((cosines > 1.0 - 1e-10).sum())
        return NullVectors(self._basis @ left[:, :common]) if common else None


def as_nullspace(given: Any, operator: Any) -> Nullspace:
    """Return vectors that a user gave as a `Nullspace` of a square operator.

    Raises
    ------
    InvalidProblem
        If they have the wrong length, are not finite or dependent, or if the operator or its transpose does not map
        them to zero.
    """
    n = operator.shape[0]
    if isinstance(given, Nullspace):
        nullspace = given
        length = given.labels.size
    else:
        vectors = to_numpy(given) if not isinstance(given, (list, tuple)) else np.asarray(given)
        length = vectors.shape[0] if vectors.ndim in (1, 2) else -1
        if length == n and not (vectors.dtype.kind in "biufc" and np.isfinite(vectors).all()):
            raise InvalidProblem("nullspace has entries that are no finite numbers")
        if length == n and vectors.ndim == 2 and not 0 < vectors.shape[1] < n:
            raise InvalidProblem(f"nullspace has {vectors.shape[1]} vectors; give between 1 and {n - 1} as columns")
        nullspace = NullVectors(np.asarray(vectors, np.result_type(vectors.dtype, np.float64))) if length == n else None
    if length != n or nullspace is None:
        raise InvalidProblem(f"nullspace has vectors of length {length}, and the operator {n} unknowns")
    basis = (nullspace.vectors if isinstance(nullspace, NullVectors) else nullspace.basis().toarray()).astype(
        np.result_type(operator.dtype, np.float32) if operator.dtype == np.float32 else operator.dtype, copy=False
    )
    probe = np.random.default_rng(0).standard_normal((n, 1)).astype(operator.dtype)
    probe /= np.linalg.norm(probe)
    level = 1e4 * machine_epsilon(operator.dtype) * n**0.5
    try:
        sides = {"the operator": operator @ basis, "its transpose": operator.T @ basis}
    except InvalidProblem:  # no transpose
        sides = {"the operator": operator @ basis}
    scale = float(np.linalg.norm(operator @ probe)) or 1.0
    for side, product in sides.items():
        size = float(np.linalg.norm(product, axis=0).max())
        if not size <= level * scale:
            raise InvalidProblem(
                f"nullspace is no nullspace: {side} maps one of its unit vectors to one of size {size:.1e}, and"
                f" others to about {scale:.1e}; leave nullspace= out if only one side of the operator has it"
            )
    return nullspace
