"""The Lanczos process: an orthonormal basis of a (block) Krylov space, and the operator projected onto it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import qr

from ritz.arguments import check_integer, check_seed
from ritz.backend import Array, machine_epsilon, to_numpy
from ritz.errors import InvalidProblem

from .probes import gaussian
from .products import Products, in_kind_of, scaling_exponent

__all__ = ["KrylovBasis", "KrylovSpace", "lanczos"]

BREAKDOWN = 100.0  # relative size, in machine epsilons, below which a new direction is rounding error


@dataclass(frozen=True)
class KrylovBasis:
    r"""Result of `lanczos`: :math:`AV=VT+WC`.

    Attributes
    ----------
    basis : array, shape (n, m)
        V, orthonormal.
    projected : ndarray, shape (m, m)
        :math:`T=V^TAV`, block tridiagonal with blocks as wide as the start.
    coupling : ndarray, shape (p, m)
        C. Since W is orthonormal, :math:`\|Cs\|` is the residual norm of the Ritz vector Vs.
    products : int
        Number of products with A.
    invariant : bool
        Whether the space is invariant, in which case every eigenvalue of T is one of A: the process ended before the
        requested number of steps, or C is empty.
    """

    basis: Array
    projected: np.ndarray
    coupling: np.ndarray
    products: int
    invariant: bool


def lanczos(A: Any, start: Array | None = None, steps: int = 50, *, seed: int = 0) -> KrylovBasis:
    """Run the Lanczos process with full re-orthogonalisation :cite:`GolubVanLoan2013`.

    A step costs one product per column of the start and 8 n m operations for a basis of m columns. The basis is
    orthogonal up to rounding. Directions that consist of rounding errors are dropped; the process stops if none is
    left.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    start : array, shape (n,) or (n, p), optional
        First vector or block of vectors (dependent columns are dropped); random by default.
    steps : int
        Largest number of steps; the basis has at most n columns.
    seed : int
        Seed of the random start.

    Returns
    -------
    KrylovBasis
        Its basis is an array of the kind (NumPy or torch) of `start`.

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, or the start is zero or of the wrong length.

    Examples
    --------
    >>> found = lanczos(np.diag([1.0, 2.0, 2.0, 5.0]), np.ones(4))
    >>> np.linalg.eigvalsh(found.projected).round(12).tolist(), found.invariant
    ([1.0, 2.0, 5.0], True)
    """
    check_seed(seed)
    products = Products(A, "lanczos")
    check_integer("steps", steps)
    first = gaussian(products.size, 0, 1, seed) if start is None else to_numpy(start).astype(np.float64)
    if first.ndim not in (1, 2) or first.shape[0] != products.size:
        raise InvalidProblem(f"start has shape {first.shape}; it must be ({products.size},) or ({products.size}, p)")
    if not np.isfinite(first).all() or not first.any():
        raise InvalidProblem("start is zero or not finite; it must have a direction")
    first = np.ldexp(first, -scaling_exponent(float(abs(first).max()))).reshape(products.size, -1)
    space = KrylovSpace(products, first, min(products.size, steps * first.shape[1]))
    for _ in range(steps):
        if space.invariant:
            break
        space.expand()
    basis = in_kind_of(space.basis[:, : space.size].copy(), start)
    projected, coupling = (np.ldexp(each, products.exponent) for each in (space.projected, space.coupling))
    return KrylovBasis(basis, projected, coupling, products.count, space.invariant)


class KrylovSpace:
    """A basis of a Krylov space that grows by one block of directions at a time.

    Parameters
    ----------
    products : Products
    start : ndarray, shape (n, p)
    capacity : int
        Largest number of columns of the basis.
    storage : ndarray, shape (n, capacity), optional
        Array for the basis in column-major order, for instance a memory-mapped file if memory is too small.

    Attributes
    ----------
    basis : ndarray, shape (n, capacity)
        The first `size` columns are the basis.
    next : ndarray, shape (n, p)
        Orthonormal directions to add next; empty if the basis spans an invariant space.
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
        """The operator projected onto the basis."""
        return self._projected[: self.size, : self.size]

    @property
    def invariant(self) -> bool:
        """Whether there is no direction left to add."""
        return self.next.shape[1] == 0

    @property
    def full(self) -> bool:
        """Whether there is no room for the next block or a single further direction."""
        return self.size + max(1, self.next.shape[1]) > self.basis.shape[1]

    def expand(self) -> None:
        """Add the next block to the basis, at the cost of one product with it."""
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
        if after == self.products.size:  # the remainder consists of rounding errors only
            rounding = np.inf
        self.next, triangle = _orthonormal(remainder, rounding)
        self.coupling = np.zeros((self.next.shape[1], after))
        self.coupling[:, before:] = triangle

    def restart(self, combinations: np.ndarray, values: np.ndarray) -> None:
        """Keep only the Ritz vectors with the given coefficients (as columns) and Ritz values :cite:`WuSimon2000`."""
        kept = combinations.shape[1]
        self.basis[:, :kept] = self.basis[:, : self.size] @ combinations
        self._projected[:] = 0.0
        np.fill_diagonal(self._projected[:kept, :kept], values)
        self.coupling = self.coupling @ combinations
        self.size = kept

    def continue_with(self, directions: np.ndarray) -> None:
        """Continue with other directions, treating the space so far as invariant."""
        directions = directions.copy()
        _orthogonalise(directions, self.basis[:, : self.size])
        self.next = _orthonormal(directions, 1e-8 * float(np.linalg.norm(directions)))[0]
        self.coupling = np.zeros((self.next.shape[1], self.size))


def _orthogonalise(block: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Remove the part of a block in the span of a basis, in place, and return its coefficients."""
    coefficients = np.zeros((basis.shape[1], block.shape[1]))
    for _ in range(2):  # a single pass leaves rounding errors of the size of the removed part
        part = basis.T @ block
        block -= basis @ part
        coefficients += part
    return coefficients


def _orthonormal(block: np.ndarray, negligible: float) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and C with ``block = Q C``, without directions shorter than `negligible`."""
    factors: Any = qr(block, mode="economic", pivoting=True)
    Q, R, order = factors
    rank = int((abs(np.diagonal(R)) > negligible).sum())
    triangle = np.empty((rank, block.shape[1]))
    triangle[:, order] = R[:rank]  # undoes the pivoting
    return np.ascontiguousarray(Q[:, :rank]), triangle
