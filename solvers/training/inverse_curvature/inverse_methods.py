"""Products with the inverse of a damped curvature matrix, by whichever way is fastest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import cho_solve

import ritz.operators
from ritz.backend import Array, asarray_like, column_norm, to_numpy
from ritz.errors import InvalidProblem, UnknownName
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
DENSE = 500  # unknowns up to which a curvature that is known by products is assembled and factored
SPEED = 8.0  # multiplications with a matrix in the cache, by those with one in memory, in the same time


@dataclass(frozen=True, eq=False)
class InverseProduct:
    """A product with the inverse of a damped curvature matrix.

    Attributes
    ----------
    x : array, shape (d,) or (d, k)
    method, reason : str
        How it was found, and why so.
    status : Status
        ``INDEFINITE`` if conjugate gradients met a direction of non-positive curvature; `x` is then what they had
        before it, or the right-hand side itself if that was the first direction.
    residual : float
        ``||F x - b|| / ||b||``, recomputed; the largest over the columns.
    products : int
        With the curvature matrix.
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

    ``"woodbury"`` and ``"recursion"`` take gradients and are exact; ``"cg"`` and ``"neumann"`` take any operator, and
    iterate. ``"dense"`` assembles the matrix. ``"auto"`` estimates what each would take, in passes over the gradients:
    m / 16 to form their inner products (BLAS-3) and two for the product by Woodbury's identity; two an iteration
    by conjugate gradients, whose number the condition of the damped matrix bounds.

    Parameters
    ----------
    curvature : array (m, d), or symmetric Operator (d, d)
        Gradients as rows, C being :math:`\frac1mG^TG`; or C itself.
    x : array, shape (d,) or (d, k)
        NumPy or torch.
    damping : float
        λ, positive.
    method : str
    rtol : float
        Relative residual to which the iterative ways go.
    maxiter : int, optional
        Their iterations; 2 d + 100 if left out.

    Returns
    -------
    InverseProduct
        Its `x` is of the kind of the argument.

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, what is not finite, gradients asked for and not given, and, by ``"dense"``, for
        curvature that is not positive definite with this damping.

    Examples
    --------
    >>> G = np.random.default_rng(0).standard_normal((30, 500))
    >>> found = inverse_product(G, np.ones(500), damping=0.1)
    >>> found.method, found.residual < 1e-12
    ('woodbury', True)
    """
    damping = check_damping(damping)
    if method not in METHODS:
        raise UnknownName("method", method, METHODS)
    gradients, operator = _understand(curvature, method)
    columns = operator.shape[0]
    if x.ndim not in (1, 2) or x.shape[0] != columns:
        raise InvalidProblem(f"x has shape {tuple(x.shape)}; the curvature matrix has {columns} rows")
    if not np.isfinite(to_numpy(x)).all():
        raise InvalidProblem("x holds NaN or infinity")
    damped = operator + Diagonal(np.full(columns, damping, dtype=operator.dtype))
    reason = "asked for"
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


def _understand(curvature: Any, method: str) -> tuple[Array | None, Operator]:
    """Return gradients, if there are any to be had, and the curvature as an operator."""
    if not isinstance(curvature, Operator) and np.ndim(curvature) == 2:
        gradients = check_rows(curvature)
        rows = ritz.operators.Dense(to_numpy(gradients))
        scale = Diagonal(np.full(rows.shape[0], 1.0 / rows.shape[0], dtype=rows.dtype))
        return gradients, ritz.operators.LowRank(rows.T, scale)
    operator = ritz.operators.aslinearoperator(curvature)
    if operator.shape[0] != operator.shape[1] or Tag.SYMMETRIC not in operator.tags:
        raise InvalidProblem(f"curvature is {operator!r}; it must be symmetric (or gradients, one a row)")
    if method in ("woodbury", "recursion"):
        raise InvalidProblem(f"method {method!r} needs gradients as rows, which jacobian_rows makes, not {operator!r}")
    return None, operator


def _choose(gradients: Array | None, operator: Operator, x: Array, damping: float, rtol: float) -> tuple[str, str]:
    size = operator.shape[0]
    if gradients is None:
        if size <= DENSE:
            return "dense", f"{size} unknowns are few"
        return "cg", f"{size} unknowns, known by products"
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
            f"curvature has the eigenvalue {lowest:.3g}, to which damping adds {damping:g}: give at least"
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
