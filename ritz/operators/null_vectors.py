"""Nullspaces spanned by any vectors, such as the rigid motions of an elastic body."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ritz.backend import Array, asarray_like, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators.nullspace import Nullspace

__all__ = ["NullVectors", "as_nullspace"]


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

        _, order = qr(self._basis.T, mode="r", pivoting=True)
        return np.sort(order[: self.count])

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
