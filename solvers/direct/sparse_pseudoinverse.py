"""Least-squares solutions of minimum norm of large singular systems, by sparse factors and few null vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ritz.backend import machine_epsilon, single_blas_thread
from ritz.errors import InvalidProblem, SingularMatrix
from ritz.operators.sparse_factors import sparse_factors

from .pivot_order import keeps_to_diagonal

__all__ = ["sparse_pseudoinverse"]

SHIFT = 1e-9  # added to the diagonal, relative to the largest entry of its row and column
MOST = 64  # dimension of the largest nullspace that is looked for
ROUNDS, REFINEMENTS = 4, 8


def sparse_pseudoinverse(matrix: Any, symmetric: bool, share: float) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return a function that maps b to the least-squares solution of minimum norm of A x = b, and the rank of A.

    The rows and columns are scaled, and a shift of 1e-9 makes the factors regular. Inverse iteration finds the null
    vectors of A and of its transpose: singular vectors whose values, in the scaled matrix, are below a share of the
    largest. What remains of b without them is solved for by iterative refinement.

    Parameters
    ----------
    matrix : csr_array, shape (n, n)
    symmetric : bool
        Whether it is symmetric (Hermitian).
    share : float
        Singular values below this share of the largest count as zero.

    Raises
    ------
    InvalidProblem
        If more than 64 singular values are zero, or the factors do not tell.
    """
    from scipy.sparse import csr_array, diags_array

    n = matrix.shape[0]
    rows, columns = _scales(matrix, symmetric)
    scaled = csr_array(diags_array(rows) @ matrix @ diags_array(columns))
    shifted = scaled + SHIFT * diags_array(np.where(np.real(scaled.diagonal()) < 0, -1.0, 1.0))
    on_diagonal = keeps_to_diagonal(shifted.tocsr())
    try:
        factors = sparse_factors(shifted.tocsc(), symmetric=on_diagonal)
    except SingularMatrix:
        raise InvalidProblem("solver 'pseudoinverse' found no regular factors: use 'lsmr'") from None
    size = float(np.sqrt(abs(scaled).sum(axis=0).max() * abs(scaled).sum(axis=1).max()))
    limit = max(share, 1e3 * machine_epsilon(matrix.dtype)) * size
    right = _null_vectors(scaled, factors, limit)
    left = right if symmetric else _null_vectors(csr_array(scaled.conj().T), _Adjoint(factors), limit)
    if left.shape[1] != right.shape[1]:
        raise InvalidProblem("solver 'pseudoinverse' cannot tell the rank of the operator by its factors: use 'lsmr'")
    null, conull = (np.linalg.qr(s[:, None] * v)[0] for s, v in ((columns, right), (rows, left)))

    def apply(rhs: np.ndarray) -> np.ndarray:
        block = rhs if rhs.ndim == 2 else rhs[:, None]
        goal = block - conull @ (conull.conj().T @ block)
        x, residual = np.zeros_like(goal), goal
        before = np.full(goal.shape[1], np.inf)
        for _ in range(REFINEMENTS):
            step = columns[:, None] * factors.solve(rows[:, None] * residual)
            moved = x + step - null @ (null.conj().T @ (x + step))
            residual = goal - matrix @ moved
            norms = np.linalg.norm(residual, axis=0)
            if not (norms < 0.5 * before).any():
                break
            x, before = np.where(norms < before, moved, x), np.minimum(norms, before)
        return x.reshape(rhs.shape).astype(rhs.dtype, copy=False)

    return apply, n - right.shape[1]


class _Adjoint:
    def __init__(self, factors: Any):
        self._factors = factors

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        return self._factors.solve(rhs, "H" if trans == "N" else "N")


def _scales(matrix: Any, symmetric: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return factors, powers of two, for the rows and columns that bring their largest entries near one."""
    sizes = abs(matrix)
    rows, columns = np.ones(matrix.shape[0]), np.ones(matrix.shape[1])
    for _ in range(3):
        largest = sizes.multiply(columns[None, :]).max(axis=1).toarray().ravel() * rows
        rows = rows / np.sqrt(np.where(largest > 0, largest, 1.0))
        across = sizes.multiply(rows[:, None]).max(axis=0).toarray().ravel() * columns
        columns = rows if symmetric else columns / np.sqrt(np.where(across > 0, across, 1.0))
    real = matrix.dtype.type(0).real.dtype
    rows, columns = (np.exp2(np.round(np.log2(part))).astype(real) for part in (rows, columns))
    return rows, columns


def _null_vectors(matrix: Any, factors: Any, limit: float) -> np.ndarray:
    """Return an orthonormal basis of the right singular vectors with values up to `limit`, by inverse iteration."""
    n, count = matrix.shape[0], 4
    generator = np.random.default_rng(0)
    while True:
        block = generator.standard_normal((n, count)).astype(matrix.dtype)
        with single_blas_thread(), np.errstate(all="ignore"):
            for _ in range(ROUNDS):
                block = np.linalg.qr(factors.solve(factors.solve(block, "H")))[0]
            for _ in range(2):  # the shift has mixed in what the matrix does not map to zero
                block = np.linalg.qr(block - factors.solve(matrix @ block))[0]
            if not np.isfinite(block).all():
                raise InvalidProblem("solver 'pseudoinverse' found no null vectors by its factors: use 'lsmr'")
            _, values, turn = np.linalg.svd(matrix @ block, full_matrices=False)
        found = int((values <= limit).sum())
        if found < count:
            return (block @ turn.conj().T)[:, count - found :]
        if count >= min(MOST, n - 1):
            raise InvalidProblem(
                f"solver 'pseudoinverse' finds nullspaces of at most {MOST} dimensions in large operators: use 'lsmr'"
            )
        count = min(4 * count, MOST, n - 1)
