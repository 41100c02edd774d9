"""Extreme eigenvalues by restarted Lanczos or, with a preconditioner, LOBPCG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ritz.arguments import check_integer, check_number, check_seed
from ritz.backend import Array, machine_epsilon, without_warnings
from ritz.errors import InvalidProblem, UnknownName
from ritz.operators import MatrixFree, Tag

from .krylov_space import KrylovSpace
from .probes import gaussian
from .products import Products, in_kind_of

__all__ = ["Eigenpairs", "eigenvalues"]

ENDS = {"largest": lambda values: values, "smallest": lambda values: -values, "magnitude": abs}
ROUNDING = 30.0  # smallest relative residual norm to ask for, in machine epsilons


@dataclass(frozen=True)
class Eigenpairs:
    """Eigenvalues, eigenvectors and their residuals.

    Attributes
    ----------
    values : ndarray, shape (k,)
        In the requested order, starting at the end of the spectrum.
    vectors : array, shape (n, k)
        Orthonormal columns.
    residuals : ndarray, shape (k,)
        Recomputed norms of ``A v - value * v``; each bounds the distance to an eigenvalue of A.
    products : int
        Number of products with A.
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

    Lanczos with full re-orthogonalisation, restarted from the best Ritz vectors :cite:`WuSimon2000`, works for definite
    and indefinite operators. A Krylov space contains only one vector of each eigenspace, so after convergence the
    process continues from a random vector until that finds nothing new. With a preconditioner, LOBPCG
    :cite:`Knyazev2001` is used: it pays off for the smallest eigenvalues of ill-conditioned positive definite
    operators.

    Parameters
    ----------
    A : Operator, or anything `ritz.operators.aslinearoperator` takes, shape (n, n)
        Symmetric.
    k : int
        Number of eigenpairs.
    which : {"largest", "smallest", "magnitude"}
        End of the spectrum; ``"magnitude"`` means the largest absolute values.
    preconditioner : str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes, optional
        For the smallest eigenvalues of positive definite operators.
    rtol : float
        Accepted residual norm, relative to the largest absolute eigenvalue found; at least 30 machine epsilons of the
        dtype of A. The errors of well-separated eigenvalues are of the order of its square.
    block : int
        Number of vectors per product with a block.
    budget : int
        Largest number of products.
    seed : int
        Seed of the random starts.

    Returns
    -------
    Eigenpairs
        The best pairs found; `converged` says whether they meet the tolerance. The vectors are a tensor if A is one.

    Raises
    ------
    InvalidProblem
        If A is not symmetric, a product is not finite, k is not between 1 and n, or a preconditioner is given for a
        problem that LOBPCG does not solve.
    UnknownName
        If `which` is none of these.

    Examples
    --------
    >>> from ritz.operators import Stencil
    >>> found = eigenvalues(Stencil((20, 20)), 3)
    >>> bool(abs(found.values[1] - found.values[2]) < 1e-8), found.converged  # a square: a double eigenvalue
    (True, True)
    """
    check_seed(seed)
    products = Products(A, "eigenvalues")
    if which not in ENDS:
        raise UnknownName("end of the spectrum", which, ENDS)
    if check_integer("k", k) > products.size:
        raise InvalidProblem(f"k is {k}; the operator has {products.size} eigenvalues")
    block = min(check_integer("block", block), products.size)
    rtol = max(check_number("rtol", rtol, least=0.0), ROUNDING * machine_epsilon(products.operator.dtype))
    if preconditioner is None:
        vectors, scale = _restarted_lanczos(products, k, which, rtol, block, check_integer("budget", budget), seed)
    else:
        vectors, scale = _lobpcg(products, k, which, preconditioner, rtol, check_integer("budget", budget), seed)
    images = products(vectors)
    values = np.vecdot(vectors, images, axis=0)  # pyright: ignore[reportCallIssue]
    order = np.argsort(-ENDS[which](values), kind="stable")
    vectors, images, values = vectors[:, order], images[:, order], values[order]
    residuals = np.linalg.norm(images - vectors * values, axis=0)
    converged = bool((residuals <= rtol * scale).all())
    values, residuals = np.ldexp(values, products.exponent), np.ldexp(residuals, products.exponent)
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
    confirmed: np.ndarray | None = None  # values before the last continuation from a random block
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
    with without_warnings():  # about convergence, which the result reports
        _, vectors = lobpcg(
            counted.to_scipy(),
            gaussian(products.size, 1, k, seed),
            M=inverse.to_scipy(),
            largest=False,
            tol=0.5 * rtol * scale,
            maxiter=max(1, budget // k),
        )
    return np.linalg.qr(vectors)[0], scale
