"""The minimal residual method for symmetric systems, definite or not."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ritz.backend import Array, add_scaled, column_inner, column_norm, machine_epsilon, scale_and_add
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import any_nonpositive, columns_apart, divide, larger, where_active

__all__ = ["MINRES", "minimal_residual"]


@register("minres")
@dataclass(frozen=True)
class MINRES:
    """MINRES for symmetric systems, including indefinite and singular consistent ones :cite:`PaigeSaunders1975`.

    Without a preconditioner, it minimises the Euclidean residual norm over the Krylov subspace, so the norm never
    grows. With one, this holds for the norm that the preconditioner defines; the Euclidean norm, tracked by a
    recurrence for the residual itself, decides when to stop. Each iteration costs one product, one application of the
    preconditioner and O(n) work; seven vectors are stored, nine with a preconditioner.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Must be symmetric positive definite, even if the operator is indefinite.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.diag([1.0, -2.0, 3.0]), np.ones(3), "minres").x.round(4).tolist()
    [1.0, -0.5, 0.3333]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and build the preconditioner."""
        build = partial(build_preconditioner, self.preconditioner)
        return prepare_iteration(self, problem, minimal_residual, build)


@columns_apart
def minimal_residual(
    A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array, Any], Any, Status]:
    """Yield the iterate and its residual norms, starting from `x`, which is overwritten.

    Returns ``Status.INDEFINITE`` if the preconditioner is not positive definite, and ``Status.SINGULAR`` if the
    residual is a null vector of the operator, in which case no iterate has a smaller one.
    """
    r = b - A @ x
    norm = column_norm(r)
    q = r  # Lanczos vector, not yet normalised
    Mq = q if M is None else M @ q
    square = norm * norm if M is None else column_inner(q, Mq)
    beta = abs(square) ** 0.5
    v, w, w_before = b * 0.0, b * 0.0, b * 0.0
    zero = beta * 0.0
    cosine, sine, delta_bar, epsilon, phi_bar, size = zero - 1.0, zero, zero, zero, beta, zero
    rounding = 4.0 * machine_epsilon(A.dtype)
    while True:
        active = yield x, norm
        if any_nonpositive(square, norm, active):
            return Status.INDEFINITE
        inverse = divide(1.0, beta)
        z = Mq * inverse
        v_before, v = v, (z if M is None else q * inverse)
        q = A @ z - beta * v_before
        alpha = column_inner(q, z)
        add_scaled(q, -alpha, v)
        Mq = q if M is None else M @ q
        square = column_inner(q, Mq)
        beta = abs(square) ** 0.5
        size = larger(size, hypotenuse(alpha, beta))

        # A plane rotation brings the next column of the tridiagonal matrix to upper triangular form.
        epsilon_before, delta = epsilon, cosine * delta_bar + sine * alpha
        gamma_bar = sine * delta_bar - cosine * alpha
        epsilon, delta_bar = sine * beta, -cosine * beta
        # Compares |A r| / |r| for the residual before this step with an estimate of |A|.
        if any_nonpositive(hypotenuse(gamma_bar, delta_bar) - rounding * size, norm, active):
            return Status.SINGULAR
        gamma = hypotenuse(gamma_bar, beta)
        cosine, sine = divide(gamma_bar, gamma), divide(beta, gamma)
        phi, phi_bar = cosine * phi_bar, sine * phi_bar

        w_before, w = w, scale_and_add(w_before, -epsilon_before, z)
        add_scaled(w, -delta, w_before)
        w *= divide(1.0, gamma)
        add_scaled(x, where_active(phi, active), w)
        if M is None:
            norm = abs(phi_bar)
        else:
            r *= sine * sine
            add_scaled(r, -divide(phi_bar * cosine, beta), q)
            norm = column_norm(r)


def hypotenuse(left: Any, right: Any) -> Any:
    """Return ``sqrt(left**2 + right**2)`` for numbers or arrays."""
    return (left * left + right * right) ** 0.5  # a float squared by ** would raise on overflow
