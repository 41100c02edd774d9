"""Eigenvalues at the ends of the spectrum: restarted Lanczos, and LOBPCG where there is a preconditioner."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.backend import Array, machine_epsilon
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import MatrixFree, Tag

from .krylov_space import KrylovSpace
from .probes import gaussian
from .products import Products, at_least_one, in_kind_of

__all__ = ["Eigenpairs", "eigenvalues"]

ENDS = {"largest": lambda values: values, "smallest": lambda values: -values, "magnitude": abs}
ROUNDING = 30.0  # machine epsilons below which no residual norm is asked for


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues with their vectors and what these leave over.

    Attributes
    ----------
    values : ndarray, shape (k,)
        In the order asked for: the one at the end of the spectrum first.
    vectors : array, shape (n, k)
        Orthonormal columns.
    residuals : ndarray, shape (k,)
        Norms of ``A v - value * v``, recomputed: each value is that close to an eigenvalue.
    products : int
    converged : bool
        Whether every residual norm is within the tolerance.
    """

    values: np.ndarray
    vectors: Array
    residuals: np.ndarray
    products: int
    converged: bool

    def __str__(self) -> str:
        listed = ", ".join(f"{value:.6g}" for value in self.values[:8]) + (", ..." if len(self.values) > 8 else "")
        state = "" if self.converged else ", NOT converged"
        return f"{listed} (residuals <= {self.residuals.max():.0e}, {self.products} products{state})"


def eigenvalues(
    A: Any,
    k: int = 6,
    which: str = "largest",
    *,
    preconditioner: Any = None,
    rtol: float = 1e-8,
    block: int = 1,
    budget: int = 10_000,
    seed: int = 0,
) -> Eigenpairs:
    r"""Return the `k` eigenpairs at one end of the spectrum of a symmetric operator.

    Lanczos with full re-orthogonalisation, restarted from the best Ritz vectors :cite:`WuSimon2000`, finds them in
    any order of definiteness. A Krylov space holds one vector of each eigenspace only; so the process is continued
    from a random vector once it has converged, until that brings nothing new. With a preconditioner, LOBPCG
    :cite:`Knyazev2001` is used: for the smallest eigenvalues of a positive definite operator that is worth it as soon
    as the operator is ill-conditioned.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    k : int
    which : str
        ``"largest"``, ``"smallest"``, or ``"magnitude"``: largest absolute values.
    preconditioner : str, or whatever `ritz.solvers.preconditioners.build_preconditioner` takes, optional
        For the smallest eigenvalues of positive definite operators.
    rtol : float
        Accepted residual norm, relative to the largest absolute eigenvalue seen; not less than 30 machine epsilons of
        the dtype of A. Errors of the eigenvalues are of the order of its square where they are well separated.
    block : int
        Vectors that are multiplied at a time.
    budget : int
        Products after which to give up.
    seed : int
        Of the random starts.

    Returns
    -------
    Eigenpairs
        The best found; `converged` says whether they met the tolerance. Vectors are tensors if A is one.

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, k is not between 1 and n, or a preconditioner is given for
        what LOBPCG cannot do.
    UnknownName
        For another end of the spectrum.

    Examples
    --------
    >>> from ritz.operators import Stencil
    >>> found = eigenvalues(Stencil((20, 20)), 3)
    >>> bool(abs(found.values[1] - found.values[2]) < 1e-8), found.converged  # a square: a double eigenvalue
    (True, True)
    """
    products = Products(A, "eigenvalues")
    if which not in ENDS:
        raise UnknownName("end of the spectrum", which, ENDS)
    if at_least_one("k", k) > products.size:
        raise InvalidProblem(f"k is {k}; the operator has {products.size} eigenvalues")
    block = min(at_least_one("block", block), products.size)
    rtol = max(rtol, ROUNDING * machine_epsilon(products.operator.dtype))
    if preconditioner is None:
        vectors, scale = _restarted_lanczos(products, k, which, rtol, block, at_least_one("budget", budget), seed)
    else:
        vectors, scale = _lobpcg(products, k, which, preconditioner, rtol, at_least_one("budget", budget), seed)
    images = products(vectors)
    values = np.vecdot(vectors, images, axis=0)  # pyright: ignore[reportCallIssue]
    order = np.argsort(-ENDS[which](values), kind="stable")
    vectors, images, values = vectors[:, order], images[:, order], values[order]
    residuals = np.linalg.norm(images - vectors * values, axis=0)
    converged = bool((residuals <= rtol * scale).all())
    return Eigenpairs(values, in_kind_of(vectors, A), residuals, products.count, converged)


def _restarted_lanczos(
    products: Products, k: int, which: str, rtol: float, block: int, budget: int, seed: int
) -> tuple[np.ndarray, float]:
    """Return k Ritz vectors and the largest absolute Ritz value."""
    size, drawn = products.size, 0

    def random_block() -> np.ndarray:
        nonlocal drawn
        drawn += block
        return gaussian(size, drawn - block, block, seed)

    capacity = min(size, 2 * k + 20 + 4 * block)
    space = KrylovSpace(products, random_block(), capacity)
    confirmed: np.ndarray | None = None  # values that the last continuation from a random block started with
    while True:
        while not space.full and (products.count < budget or space.size < k):
            if space.invariant:
                space.continue_with(random_block()[:, : capacity - space.size])
            space.expand()
        values, combinations = np.linalg.eigh(space.projected)
        order = np.argsort(-ENDS[which](values), kind="stable")
        values, combinations = values[order], combinations[:, order]
        scale = float(abs(values).max())
        residuals = np.linalg.norm(space.coupling @ combinations, axis=0)
        accepted = 0.5 * rtol * scale
        converged = bool((residuals[:k] <= accepted).all())
        if space.size == size or products.count >= budget:
            break
        if converged and confirmed is not None and bool((abs(values[:k] - confirmed) <= 2.0 * accepted).all()):
            keys = ENDS[which](values[k - 1 : k + 1])
            if residuals[k] <= accepted or keys[1] + residuals[k] <= keys[0]:
                break
        elif converged:
            confirmed = values[:k]
            space.restart(combinations[:, :k], values[:k])
            space.continue_with(random_block())
            continue
        kept = k + (space.size - k) // 3
        space.restart(combinations[:, :kept], values[:kept])
    return space.basis[:, : space.size] @ combinations[:, :k], scale


def _lobpcg(
    products: Products, k: int, which: str, preconditioner: Any, rtol: float, budget: int, seed: int
) -> tuple[np.ndarray, float]:
    """Return k approximate eigenvectors and an estimate of the largest eigenvalue."""
    from scipy.sparse.linalg import lobpcg

    from ritz.solvers.preconditioners import build_preconditioner

    operator = products.operator
    if which != "smallest" or operator.nullspace is not None:
        wanted = f"the {which} eigenvalues of {operator!r}"
        raise InvalidProblem(
            f"a preconditioner was given for {wanted}; it helps with the smallest of a positive definite operator:"
            " leave it out"
        )
    inverse, _ = build_preconditioner(preconditioner, operator)
    assert inverse is not None
    space = KrylovSpace(products, gaussian(products.size, 0, 1, seed), min(products.size, 10))
    while not space.full and not space.invariant:
        space.expand()
    ritz_values = np.linalg.eigvalsh(space.projected)
    if ritz_values[0] <= 0.0:
        raise InvalidProblem(
            f"a preconditioner was given for {operator!r}, which is not positive definite: leave it out"
        )
    scale = float(ritz_values[-1])
    counted = MatrixFree(products, operator.shape, tags={Tag.SYMMETRIC}, blocks=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on not converging, which is said in the result
        _, vectors = lobpcg(
            counted.to_scipy(),
            gaussian(products.size, 1, k, seed),
            M=inverse.to_scipy(),
            largest=False,
            tol=0.5 * rtol * scale,
            maxiter=max(1, budget // k),
        )
    return np.linalg.qr(vectors)[0], scale
