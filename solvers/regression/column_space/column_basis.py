"""Orthonormal bases of the column space of a matrix of full or deficient rank."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.sparse import csr_array, diags_array, hstack, issparse

from .dependencies import remove_span
from .unlike_rows import (
    LongestRows,
    factor_sorted_rows,
    independent_columns,
    largest_entries,
    powers_of_two,
)

__all__ = ["ColumnBasis", "column_basis", "solve_gram"]

ROWS = 4096  # rows of a sparse matrix made dense at a time
ALIKE = 1e6  # ratio of the lengths of rows up to which sorting them gains nothing
AFFORDABLE = 2**24  # entries of a sparse matrix up to which a dense basis is preferred if rows differ
CERTAIN = 1e-8  # relative eigenvalue of a Gram matrix that cannot be rounding
LARGEST = 1e120  # largest entry whose square, summed and squared again, is far from overflowing


@dataclass(frozen=True, eq=False)
class ColumnBasis:
    """A matrix ``B = matrix @ transform`` with orthonormal columns, and the map back to the unknowns x.

    Parameters
    ----------
    matrix : ndarray or CSR array, shape (n, k)
    transform : ndarray, shape (k, rank), or None
        Identity if None.
    to_unknowns : ndarray, shape (d, rank)
        ``x = to_unknowns @ z`` is the shortest x with ``A x = B z``.
    longest : LongestRows, optional
        Rows that make complements accurate if rows differ in size.
    """

    matrix: Any
    transform: np.ndarray | None
    to_unknowns: np.ndarray
    longest: LongestRows | None = None

    @property
    def rank(self) -> int:
        """Number of columns of B."""
        return self.to_unknowns.shape[1]

    def apply(self, z: np.ndarray) -> np.ndarray:
        """Return ``B z``."""
        return self.matrix @ (z if self.transform is None else self.transform @ z)

    def transpose(self, y: np.ndarray) -> np.ndarray:
        """Return ``B^T y``."""
        product = self.matrix.T @ y
        return product if self.transform is None else self.transform.T @ product

    def complement(self, y: np.ndarray) -> np.ndarray:
        """Return the part of `y` orthogonal to the column space."""
        for _ in range(2):  # the second pass removes the rounding errors of the first
            y = y - self.apply(self.transpose(y))
        return y if self.longest is None else self.longest.complement(y)

    def gram(self, weights: np.ndarray) -> np.ndarray:
        """Return ``B^T diag(weights) B`` for non-negative weights, in ``n rank^2`` operations if dense."""
        root = np.sqrt(weights)
        scaled = diags_array(root) @ self.matrix if issparse(self.matrix) else root[:, None] * self.matrix
        gram = scaled.T @ scaled
        if self.transform is None:
            return gram
        return self.transform.T @ (gram @ self.transform)

    def with_column(self, b: np.ndarray) -> ColumnBasis:
        """Return a basis of the columns and `b`; its ``to_unknowns`` is the identity."""
        r = self.complement(b)
        size = float(np.linalg.norm(r))
        if size <= np.finfo(float).eps * b.size**0.5 * float(np.linalg.norm(b)):
            return self
        identity = np.eye(self.rank + 1)
        if self.transform is None:
            return ColumnBasis(np.column_stack([self.matrix, r / size]), None, identity)
        own = -(self.transform @ self.transpose(b))[:, None] / size
        transform = np.block([[self.transform, own], [np.zeros((1, self.rank)), 1.0 / size]])
        return ColumnBasis(csr_array(hstack([self.matrix, csr_array(b[:, None])])), transform, identity)

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Return the rows of B with given indices."""
        rows = self.matrix[chosen]
        return rows if self.transform is None else rows @ self.transform

    def blocks(self) -> Generator[tuple[slice, np.ndarray]]:
        """Yield blocks of rows of B, each with its slice."""
        if self.transform is None:
            yield slice(None), self.matrix
            return
        for start in range(0, self.matrix.shape[0], ROWS):
            rows = slice(start, start + ROWS)
            yield rows, self.matrix[rows] @ self.transform


def column_basis(A: Any) -> ColumnBasis:
    """Return an orthonormal basis of the column space of A, whose rank does not depend on units of rows and columns.

    For a dense A by QR factorisation, with ``4 n d^2`` operations and the memory of a second A. For a sparse A, which
    stays sparse, from its Gram matrix. If rows differ by a factor of more than a million, or the Gram matrix does not
    tell the rank, by QR factorisation of the sorted rows, see `ritz.solvers.regression.column_space.unlike_rows`; the
    basis of a sparse A is then dense, unless its columns are merely dependent.

    Parameters
    ----------
    A : ndarray or CSR array, shape (n, d)
        Finite entries in float64.
    """
    with np.errstate(over="ignore", under="ignore"):
        alike = _alike_rows(A)
        if alike or (issparse(A) and np.prod(A.shape) > AFFORDABLE):
            found = _sparse_basis(A) if issparse(A) else _dense_basis(A)
            if found is not None:
                return found
        rows, columns = largest_entries(A)
        return _basis_of_independent_columns(A, rows, powers_of_two(columns), alike)


def _alike_rows(A: Any) -> bool:
    """Return whether the lengths of all rows but zeros are within a factor of a million, and their squares in range."""
    squares = A.multiply(A).sum(axis=1) if issparse(A) else np.einsum("ij,ij->i", A, A)
    used = squares[squares > 0.0]
    if not used.size or not used.max() <= ALIKE**2 * used.min():
        return False
    zero = A[squares == 0.0]
    return not (zero.data if issparse(zero) else zero).any()


def _basis_of_independent_columns(A: Any, sizes: np.ndarray, units: np.ndarray, alike: bool) -> ColumnBasis:
    """Return the basis of the columns that QR factorisation of rows and columns of equal size finds independent."""
    kept, null = independent_columns(A, sizes)
    back = np.zeros((A.shape[1], kept.size))
    if not kept.size:
        return ColumnBasis(np.zeros((A.shape[0], 0)), None, back)
    matrix = csr_array(A[:, kept] @ diags_array(1.0 / units[kept])) if issparse(A) else A[:, kept] / units[kept]
    found = _sparse_basis(matrix) if issparse(A) and alike else None
    if found is None:
        Q, transform, longest = factor_sorted_rows(matrix, largest_entries(matrix)[0])
        found = ColumnBasis(Q, None, transform, longest)
    back[kept] = found.to_unknowns / units[kept][:, None]
    return replace(found, to_unknowns=remove_span(null, back))


def _dense_basis(A: np.ndarray) -> ColumnBasis | None:
    Q, R = np.linalg.qr(A)
    scale = _scale(np.linalg.norm(R, axis=0))
    if not _in_range(scale):
        return None
    U, sizes, Vt = np.linalg.svd(R / scale)
    rank = int((sizes > np.finfo(float).eps * max(A.shape) * sizes[0]).sum())
    if rank == A.shape[1]:
        return ColumnBasis(Q, None, (Vt.T / sizes) @ U.T / scale[:, None])
    if scale.max() > ALIKE * scale.min():
        return None
    back = Vt[:rank].T / sizes[:rank] / scale[:, None]
    return ColumnBasis(Q @ U[:, :rank], None, _shortest(back, Vt[rank:].T / scale[:, None]))


def _sparse_basis(A: Any) -> ColumnBasis | None:
    """Return the basis, or None if the Gram matrix does not tell the rank."""
    scale = _scale(np.sqrt(np.asarray(A.multiply(A).sum(axis=0)).ravel()))
    if not _in_range(scale):
        return None
    gram = (A.T @ A).toarray() / scale / scale[:, None]
    squares, V = np.linalg.eigh(gram)
    if squares[0] <= CERTAIN * squares[-1]:
        return None
    transform = V / np.sqrt(squares) / scale[:, None]
    first = ColumnBasis(A, transform, transform)
    factor = np.linalg.cholesky(first.gram(np.ones(A.shape[0])))
    transform = solve_triangular(factor, transform.T, lower=True).T
    return ColumnBasis(A, transform, transform)


def solve_gram(gram: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve with a positive semidefinite matrix, even if rounding has made it singular.

    Raises
    ------
    ValueError
        If the matrix is not finite, or if rounding has made it indefinite (LinAlgError).
    """
    scale = 1.0 / np.sqrt(np.diag(gram))
    gram = scale[:, None] * gram * scale
    rounding = gram.shape[0] * np.finfo(float).eps
    factor = cho_factor(gram + rounding * np.eye(gram.shape[0]))
    right = scale * right
    solution = cho_solve(factor, right)
    for _ in range(2):
        solution += cho_solve(factor, right - gram @ solution)
    return scale * solution


def _in_range(lengths: np.ndarray) -> bool:
    return bool(lengths.max() < LARGEST and lengths.min() > 1.0 / LARGEST)


def _scale(norms: np.ndarray) -> np.ndarray:
    return np.where(norms > 0.0, norms, 1.0)


def _shortest(back: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return `back` without its part in the nullspace of A, which is spanned by the columns of `null`."""
    N = np.linalg.qr(null)[0]
    return back - N @ (N.T @ back)
