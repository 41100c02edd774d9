"""Products with the inverse of a damped curvature matrix, with a choice of method by cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cho_solve

import ritz.operators
from ritz.arguments import check_choice
from ritz.backend import Array, asarray_like, column_norm, to_numpy
from ritz.errors import InvalidProblem
from ritz.iteration import prepare_iteration
from ritz.operators import Diagonal, Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.solution import Status
from ritz.solvers.krylov.conjugate_gradients import ConjugateGradients
from ritz.solvers.spectrum import eigenvalues

from .neumann import neumann_series
from .recursive_inverse import RecursiveInverse
from .rows import check_damping, check_rows
from .woodbury_inverse import WoodburyInverse, cholesky_factor

__all__ = ["InverseProduct", "inverse_product"]

METHODS = ("auto", "woodbury", "recursion", "cg", "neumann", "dense")
DENSE = 500  # unknowns up to which a matrix-free curvature is assembled and factored
SPEED = 8.0  # rate of multiplications with a matrix in the cache relative to one in memory


@dataclass(frozen=True, eq=False)
class InverseProduct:
    """Result of a product with the inverse of a damped curvature matrix F.

    Attributes
    ----------
    x : array, shape (d,) or (d, k)
        The product.
    method, reason : str
        Method used and why it was chosen.
    status : Status
        ``INDEFINITE`` if conjugate gradients met a direction of non-positive curvature. `x` is then the iterate before
        it, or the right-hand side itself if this happened in the first iteration.
    residual : float
        ``||F x - b|| / ||b||``, recomputed; the largest over the columns.
    products : int
        Number of products with the curvature matrix.
    """

    x: Array
    method: str
    reason: str
    status: Status
    residual: float
    products: int

    def __str__(self) -> str:
        return f"residual {self.residual:.1e} by {self.method} ({self.reason}). {self.status.value}"


def inverse_product(
    curvature: Any,
    x: Array,
    damping: float,
    method: str = "auto",
    *,
    rtol: float = 1e-8,
    maxiter: int | None = None,
) -> InverseProduct:
    r"""Return :math:`(C+\lambda I)^{-1}x`.

    ``"woodbury"`` and ``"recursion"`` take gradients and are exact. ``"cg"`` and ``"neumann"`` take any operator and
    iterate. ``"dense"`` assembles the matrix. ``"auto"`` compares the costs in passes over the gradients: Woodbury's
    identity takes m / 16 to form the inner products (BLAS-3) and two for the product; conjugate gradients take two
    per iteration, and the condition number of the damped matrix bounds the number of iterations.

    Parameters
    ----------
    curvature : array (m, d), or symmetric Operator (d, d)
        Gradients G as rows, for :math:`C=\frac1mG^TG`; or C itself.
    x : array, shape (d,) or (d, k)
        NumPy or torch.
    damping : float
        Damping λ, positive.
    method : str
        ``"auto"`` or one of the methods above.
    rtol : float
        Relative residual at which iterative methods stop.
    maxiter : int, optional
        Iteration limit; 2 d + 100 by default.

    Returns
    -------
    InverseProduct
        Its `x` is of the same array type as the argument.

    Raises
    ------
    InvalidProblem
        If shapes do not match, an entry is not finite, the method needs gradients and has none, or the damped matrix
        of ``"dense"`` is not positive definite.
    UnknownName
        If there is no such method.

    Examples
    --------
    >>> G = np.random.default_rng(0).standard_normal((30, 500))
    >>> found = inverse_product(G, np.ones(500), damping=0.1)
    >>> found.method, found.residual < 1e-12
    ('woodbury', True)
    """
    damping = check_damping(damping)
    check_choice("method", method, METHODS)
    gradients, operator = _gradients_and_operator(curvature, method)
    columns = operator.shape[0]
    if x.ndim not in (1, 2) or x.shape[0] != columns:
        raise InvalidProblem(f"x has shape {tuple(x.shape)}; the curvature matrix has {columns} rows")
    if not np.isfinite(to_numpy(x)).all():
        raise InvalidProblem("x contains NaN or infinity")
    damped = operator + Diagonal(np.full(columns, damping, dtype=operator.dtype))
    reason = "requested"
    if method == "auto":
        method, reason = _choose(gradients, operator, x, damping, rtol)
    status, products = Status.CONVERGED, 0
    if method == "woodbury":
        found = WoodburyInverse(gradients, damping) @ x
    elif method == "recursion":
        found = RecursiveInverse(gradients, damping) @ x
    elif method == "dense":
        found, products = _dense(operator, x, damping), columns
    else:
        found, status, products = _iterate(operator, damped, x, damping, method, rtol, maxiter)
    left = np.atleast_1d(np.asarray(to_numpy(x - damped @ found)))
    norms = np.atleast_1d(column_norm(to_numpy(x)))
    residual = float((np.atleast_1d(column_norm(left)) / np.where(norms == 0.0, 1.0, norms)).max())
    return InverseProduct(found, method, reason, status, residual, products)


def _gradients_and_operator(curvature: Any, method: str) -> tuple[Array | None, Operator]:
    """Return the gradients, or None if the curvature is an operator, and the curvature as an operator."""
    if not isinstance(curvature, Operator) and np.ndim(curvature) == 2:
        gradients = check_rows(curvature)
        rows = ritz.operators.Dense(to_numpy(gradients))
        scale = Diagonal(np.full(rows.shape[0], 1.0 / rows.shape[0], dtype=rows.dtype))
        return gradients, ritz.operators.LowRank(rows.T, scale)
    operator = ritz.operators.aslinearoperator(curvature)
    if operator.shape[0] != operator.shape[1] or Tag.SYMMETRIC not in operator.tags:
        raise InvalidProblem(f"curvature is {operator!r}; it must be symmetric (or a matrix with gradients as rows)")
    if method in ("woodbury", "recursion"):
        raise InvalidProblem(f"method {method!r} needs gradients as rows, as from jacobian_rows, not {operator!r}")
    return None, operator


def _choose(gradients: Array | None, operator: Operator, x: Array, damping: float, rtol: float) -> tuple[str, str]:
    size = operator.shape[0]
    if gradients is None:
        if size <= DENSE:
            return "dense", f"only {size} unknowns"
        return "cg", f"{size} unknowns, matrix-free"
    count = gradients.shape[0]
    squares = to_numpy((gradients * gradients).sum(1))
    condition = 1.0 + float(squares.mean()) / damping  # the largest eigenvalue is at most the trace
    root = math.sqrt(condition)
    iterations = min(1.0 + math.log(2.0 / rtol) / math.log((root + 1.0) / max(root - 1.0, 1e-8)), min(count, size) + 1)
    direct = 0.5 * min(count, size) / SPEED + 2.0
    iterative = 2.0 * iterations
    if iterative < direct:
        return "cg", f"at most {iterations:.0f} iterations, {iterative:.0f} passes against {direct:.0f}"
    return "woodbury", f"{direct:.0f} passes against up to {iterative:.0f}"


def _dense(operator: Operator, x: Array, damping: float) -> Array:
    matrix = operator.to_dense().astype(np.float64)
    matrix = 0.5 * (matrix + matrix.T)
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if lowest + damping <= 0.0:
        raise InvalidProblem(
            f"curvature has the eigenvalue {lowest:.3g}, to which damping adds only {damping:g}: give at least"
            f" {-2.0 * lowest:.3g}, use GaussNewton, or method='cg', which stops at negative curvature"
        )
    solved = cho_solve(cholesky_factor(matrix, damping), to_numpy(x).astype(np.float64))
    return asarray_like(solved, x)


def _iterate(
    operator: Operator, damped: Operator, x: Array, damping: float, method: str, rtol: float, maxiter: int | None
) -> tuple[Array, Status, int]:
    system = LinearSystem(damped, x if x.ndim == 1 else x[:, 0])
    if method == "neumann":
        top = eigenvalues(operator, 1, rtol=1e-2)
        bound = float(top.values[0] + top.residuals[0]) + damping
        prepared = prepare_iteration(ConjugateGradients(), system, partial(_neumann, bound))
    else:
        prepared = ConjugateGradients().prepare(system)
    limit = 2 * operator.shape[0] + 100 if maxiter is None else maxiter
    solution = prepared.solve(x, rtol=rtol, maxiter=limit)
    found = solution.x
    if solution.status is Status.INDEFINITE:
        empty = ~to_numpy(abs(found).sum(0)).astype(bool)
        if empty.all():
            found = x + 0.0 * found
        elif empty.any():
            found[:, empty] = x[:, empty]
    return found, solution.status, (solution.iterations + 1) * (1 if x.ndim == 1 else x.shape[1])


def _neumann(largest: float, A: Operator, b: Array, x: Array, M: Operator | None = None) -> Any:
    return neumann_series(A, b, x, largest)
