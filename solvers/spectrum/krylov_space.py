"""The Lanczos process: an orthonormal basis of a (block) Krylov space and the operator projected on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr

from ritz.backend import Array, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

from .probes import gaussian
from .products import Products, at_least_one, in_kind_of

__all__ = ["KrylovBasis", "KrylovSpace", "lanczos"]

BREAKDOWN = 100.0  # machine epsilons below which a new direction is rounding


@dataclass(frozen=True)
class KrylovBasis:
    r"""What `lanczos` returns: :math:`AV=VT+WC`.

    Attributes
    ----------
    basis : array, shape (n, m)
        V, orthonormal.
    projected : ndarray, shape (m, m)
        :math:`T=V^TAV`, block tridiagonal with blocks of the size of the start.
    coupling : ndarray, shape (p, m)
        C; W is orthonormal, so that :math:`\|Cs\|` is the residual norm of the Ritz vector Vs.
    products : int
    invariant : bool
        Whether the space is invariant, so that every eigenvalue of T is one of A: the process broke down before it
        had taken all its steps, or C is empty.
    """

    basis: Array
    projected: np.ndarray
    coupling: np.ndarray
    products: int
    invariant: bool


def lanczos(A: Any, start: Array | None = None, steps: int = 50, *, seed: int = 0) -> KrylovBasis:
    """Run the Lanczos process with full re-orthogonalisation :cite:`GolubVanLoan2013`.

    A step costs a product for each column of the start and 8 n m operations for a basis of m columns. The basis is
    orthogonal to rounding. Directions that rounding alone accounts for are dropped, and where none is left the process
    stops.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    start : array, shape (n,) or (n, p), optional
        The first vector, or block of them (dependent columns are dropped); random if left out.
    steps : int
        At most; n directions are all there are.
    seed : int
        Of the random start.

    Returns
    -------
    KrylovBasis
        The basis is of the kind (NumPy or torch) of `start`.

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, or the start is zero or of another length.

    Examples
    --------
    >>> found = lanczos(np.diag([1.0, 2.0, 2.0, 5.0]), np.ones(4))
    >>> np.linalg.eigvalsh(found.projected).round(12).tolist(), found.invariant
    ([1.0, 2.0, 5.0], True)
    """
    products = Products(A, "lanczos")
    at_least_one("steps", steps)
    first = gaussian(products.size, 0, 1, seed) if start is None else to_numpy(start).astype(np.float64)
    if first.ndim not in (1, 2) or first.shape[0] != products.size:
        raise InvalidProblem(f"start has shape {first.shape}; it must be ({products.size},) or ({products.size}, p)")
    if not np.isfinite(first).all() or not first.any():
        raise InvalidProblem("start is zero or not finite; it must have a direction")
    first = first.reshape(products.size, -1)
    space = KrylovSpace(products, first, min(products.size, steps * first.shape[1]))
    for _ in range(steps):
        if space.invariant:
            break
        space.expand()
    basis = in_kind_of(space.basis[:, : space.size].copy(), start)
    return KrylovBasis(basis, space.projected, space.coupling, products.count, space.invariant)


class KrylovSpace:
    """A basis that grows by a block of directions at a time.

    Parameters
    ----------
    products : Products
    start : ndarray, shape (n, p)
    capacity : int
        Columns the basis may come to have.
    storage : ndarray, shape (n, capacity), optional
        Where the basis is kept, such as a memory map of a file for one that memory cannot hold; columns together.

    Attributes
    ----------
    basis : ndarray, shape (n, capacity)
        Its first `size` columns are the basis.
    next : ndarray, shape (n, p)
        Orthonormal directions that the basis will grow by; none if it spans an invariant space.
    """

    def __init__(self, products: Products, start: np.ndarray, capacity: int, storage: np.ndarray | None = None):
        self.products = products
        self.basis = np.empty((products.size, capacity), order="F") if storage is None else storage
        self.size = 0
        self._projected = np.zeros((capacity, capacity))
        self.coupling = np.zeros((0, 0))
        self._scale = 0.0
        rounding = BREAKDOWN * machine_epsilon(np.float64) * float(np.linalg.norm(start))
        self.next = _orthonormal(start, rounding)[0]

    @property
    def projected(self) -> np.ndarray:
        """The operator in the basis."""
        return self._projected[: self.size, : self.size]

    @property
    def invariant(self) -> bool:
        """Whether there is no direction to grow by."""
        return self.next.shape[1] == 0

    @property
    def full(self) -> bool:
        """Whether there is no room for the next block, or for any other direction."""
        return self.size + max(1, self.next.shape[1]) > self.basis.shape[1]

    def expand(self) -> None:
        """Take the next block into the basis, at the cost of its product."""
        before, after = self.size, self.size + self.next.shape[1]
        self.basis[:, before:after] = self.next
        remainder = self.products(self.next)
        coefficients = _orthogonalise(remainder, self.basis[:, :after])
        self._projected[:after, before:after] = coefficients
        self._projected[before:after, :before] = coefficients[:before].T
        corner = coefficients[before:]
        self._projected[before:after, before:after] = 0.5 * (corner + corner.T)
        self.size = after
        self._scale = max(self._scale, float(np.linalg.norm(coefficients, axis=0).max()))
        rounding = BREAKDOWN * machine_epsilon(self.products.operator.dtype) * self._scale
        if after == self.products.size:  # rounding is all there can be
            rounding = np.inf
        self.next, triangle = _orthonormal(remainder, rounding)
        self.coupling = np.zeros((self.next.shape[1], after))
        self.coupling[:, before:] = triangle

    def restart(self, combinations: np.ndarray, values: np.ndarray) -> None:
        """Keep the Ritz vectors with these coefficients (as columns) and Ritz values alone :cite:`WuSimon2000`."""
        kept = combinations.shape[1]
        self.basis[:, :kept] = self.basis[:, : self.size] @ combinations
        self._projected[:] = 0.0
        np.fill_diagonal(self._projected[:kept, :kept], values)
        self.coupling = self.coupling @ combinations
        self.size = kept

    def continue_with(self, directions: np.ndarray) -> None:
        """Let the basis grow by other directions, taking its space as invariant."""
        directions = directions.copy()
        _orthogonalise(directions, self.basis[:, : self.size])
        self.next = _orthonormal(directions, 1e-8 * float(np.linalg.norm(directions)))[0]
        self.coupling = np.zeros((self.next.shape[1], self.size))


def _orthogonalise(block: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Remove from a block its part in the span of a basis, in place, and return the coefficients of that."""
    coefficients = np.zeros((basis.shape[1], block.shape[1]))
    for _ in range(2):  # once leaves rounding errors of the size of what was removed
        part = basis.T @ block
        block -= basis @ part
        coefficients += part
    return coefficients


def _orthonormal(block: np.ndarray, negligible: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and C with ``block = Q C``, directions shorter than `negligible` left out."""
    factors: Any = qr(block, mode="economic", pivoting=True)
    Q, R, order = factors
    rank = int((abs(np.diagonal(R)) > negligible).sum())
    triangle = np.empty((rank, block.shape[1]))
    triangle[:, order] = R[:rank]  # undoes the pivoting
    return np.ascontiguousarray(Q[:, :rank]), triangle
