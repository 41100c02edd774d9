"""LSMR, which minimises the residual of the normal equations without forming them."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.backend import Array, add_scaled, column_norm, copy, machine_epsilon, numpy_dtype, scale_and_add
from ritz.errors import InvalidProblem
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import by_columns

__all__ = ["LSMR", "least_squares_minimal_residual"]


@register("lsmr")
@dataclass(frozen=True)
class LSMR:
    """LSMR for any square system :cite:`FongSaunders2011`, preconditioned from the right.

    Equivalent to MINRES on ``A^T A x = A^T b``. It cannot break down, and the norm of ``A^T r`` decreases
    monotonically, but convergence depends on the square of the condition number. Each iteration costs one product with
    the operator and one with its transpose, the same for the preconditioner, and O(n) work; six vectors are stored.
    Blocks are solved column by column.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Any linear map with a transpose.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, 1.0]), "lsmr").x.round(4).tolist()
    [1.0, 1.0]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and the transposes, and build the preconditioner."""
        method = by_columns(least_squares_minimal_residual)
        return prepare_iteration(self, problem, method, self._build)

    def _build(self, operator: Operator) -> tuple[Operator | None, Mapping[str, Any]]:
        require_transpose(operator, "operator")
        inverse, stats = build_preconditioner(self.preconditioner, operator)
        if inverse is not None:
            require_transpose(inverse, "preconditioner")
        return inverse, stats


def require_transpose(operator: Operator, name: str) -> None:
    """Raise `InvalidProblem` if `operator`, called `name` in the message, has no transpose."""
    try:
        operator.rmatvec(np.zeros(operator.shape[0], operator.dtype))
    except (InvalidProblem, NotImplementedError):
        raise InvalidProblem(
            f"solver 'lsmr' needs products with the transpose, and the {name} has none: give it as"
            " ritz.operators.MatrixFree(apply, shape, transpose=...), or use 'gmres' or 'bicgstab'"
        ) from None


def least_squares_minimal_residual(
    A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array | Callable[[], Array], float], Any, Status]:
    """Yield the iterate, or a function that forms it, and its residual norm, starting from the vector `x`.

    Without a preconditioner, `x` is overwritten. Returns ``Status.LEAST_SQUARES`` if ``A^T r`` vanishes but the
    residual does not, and ``Status.NON_FINITE`` if a product is not finite.
    """
    u = b - A @ x
    residual = beta = column_norm(u)
    # The iteration finds the correction y of x = start + M y.
    y = x if M is None else b * 0.0
    iterate = x if M is None else lambda: x + M @ y
    yield x, residual
    u = u * _inverse(beta)
    v = _transposed(A, M, u)
    alpha = column_norm(v)
    v = v * _inverse(alpha)
    size = alpha
    rounding = 4.0 * machine_epsilon(numpy_dtype(b))

    # Names as in the paper: two plane rotations reduce the bidiagonal matrix to R, and R^T to R-bar.
    h, h_bar = copy(v), b * 0.0
    alpha_bar, zeta, zeta_bar = alpha, 0.0, alpha * beta
    rho, rho_bar, c_bar, s_bar = 1.0, 1.0, 1.0, 0.0
    beta_ddot, beta_dot, rho_dot, tau_tilde, theta_tilde = beta, 0.0, 1.0, 0.0, 0.0
    while abs(zeta_bar) > rounding * size * residual:
        u = (A @ v if M is None else A @ (M @ v)) - alpha * u
        beta = column_norm(u)
        u *= _inverse(beta)
        v = _transposed(A, M, u) - beta * v
        alpha = column_norm(v)
        if not math.isfinite(alpha):
            return Status.NON_FINITE
        if alpha_bar == 0.0 == beta:
            return Status.LEAST_SQUARES
        v *= _inverse(alpha)
        size = max(size, math.hypot(alpha, beta))

        rho_before, rho = rho, math.hypot(alpha_bar, beta)
        c, s = alpha_bar / rho, beta / rho
        theta, alpha_bar = s * alpha, c * alpha
        rho_bar_before, theta_bar = rho_bar, s_bar * rho
        rho_bar = math.hypot(c_bar * rho, theta)
        if rho_bar == 0.0:
            return Status.LEAST_SQUARES
        c_bar, s_bar = c_bar * rho / rho_bar, theta / rho_bar
        zeta_before, zeta, zeta_bar = zeta, c_bar * zeta_bar, -s_bar * zeta_bar

        scale_and_add(h_bar, -theta_bar / rho_before * (rho / rho_bar_before), h)
        add_scaled(y, zeta / rho / rho_bar, h_bar)
        scale_and_add(h, -theta / rho, v)

        # A third rotation, applied to R-bar, gives the residual norm.
        beta_hat, beta_ddot = c * beta_ddot, -s * beta_ddot
        rho_tilde = math.hypot(rho_dot, theta_bar)
        c_tilde, s_tilde = rho_dot / rho_tilde, theta_bar / rho_tilde
        tau_tilde = (zeta_before - theta_tilde * tau_tilde) / rho_tilde
        theta_tilde, rho_dot = s_tilde * rho_bar, c_tilde * rho_bar
        beta_dot = c_tilde * beta_hat - s_tilde * beta_dot
        tau_dot = (zeta - theta_tilde * tau_tilde) / rho_dot
        residual = math.hypot(beta_dot - tau_dot, beta_ddot)
        yield iterate, residual
    return Status.LEAST_SQUARES


def _transposed(A: Operator, M: Operator | None, u: Array) -> Array:
    image = A.rmatvec(u)
    return image if M is None else M.rmatvec(image)


def _inverse(norm: float) -> float:
    return 1.0 / norm if norm != 0.0 else 0.0
