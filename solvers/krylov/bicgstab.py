"""Stabilised biconjugate gradients."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ritz.backend import Array, add_scaled, column_inner, column_norm, copy, machine_epsilon, numpy_dtype, scale_and_add
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import by_columns

__all__ = ["BiCGStab", "stabilized_biconjugate_gradients"]


@register("bicgstab")
@dataclass(frozen=True)
class BiCGStab:
    """BiCGStab for any square system :cite:`vanderVorst1992`, preconditioned from the right.

    Unlike ``"gmres"``, memory and work per iteration do not grow, but the residual may, and the recurrence may divide
    by nearly zero. In that case it restarts with another shadow residual. Each iteration costs two products, two
    applications of the preconditioner and O(n) work; eight vectors are stored. Blocks are solved column by column.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Any linear map.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> ritz.solve(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([3.0, 1.0]), "bicgstab").x.round(4).tolist()
    [1.0, 1.0]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and build the preconditioner."""
        method = by_columns(stabilized_biconjugate_gradients)
        return prepare_iteration(self, problem, method, partial(build_preconditioner, self.preconditioner))


def stabilized_biconjugate_gradients(
    A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array, float], Any, Status]:
    """Yield the iterate and its residual norm, starting from the vector `x`, which is overwritten.

    Returns ``Status.BREAKDOWN`` if the recurrence fails again right after a restart, and ``Status.NON_FINITE`` if a
    product is not finite.
    """
    r = b - A @ x
    norm = column_norm(r)
    yield x, norm
    shadow, failures = copy(r), 0
    lost = machine_epsilon(numpy_dtype(b))  # a cosine below this is rounding error
    while failures < 2:
        shadow_norm, start_norm = column_norm(shadow), norm
        p, rho = copy(r), column_inner(shadow, r)
        while True:
            Mp = p if M is None else M @ p
            v = A @ Mp
            slope = column_inner(shadow, v)
            if not math.isfinite(slope):
                return Status.NON_FINITE
            if abs(slope) <= lost * shadow_norm * column_norm(v):
                break
            alpha = rho / slope
            add_scaled(r, -alpha, v)
            Mr = r if M is None else M @ r
            t = A @ Mr
            square = column_inner(t, t)
            omega = column_inner(t, r) / square if square != 0.0 else 0.0
            add_scaled(x, alpha, Mp)
            add_scaled(x, omega, Mr)
            add_scaled(r, -omega, t)
            norm = column_norm(r)
            yield x, norm
            previous, rho = rho, column_inner(shadow, r)
            if omega == 0.0 or previous == 0.0 or abs(rho) <= lost * shadow_norm * norm:
                break
            add_scaled(p, -omega, v)
            scale_and_add(p, rho / previous * (alpha / omega), r)
        r = b - A @ x
        norm = column_norm(r)
        if norm < start_norm:
            failures, shadow = 0, copy(r)
        else:
            # This shadow is orthogonal neither to the residual nor to its image.
            failures, shadow = failures + 1, scale_and_add(v, 1.0 / (column_norm(v) or 1.0), r / (norm or 1.0))
    return Status.BREAKDOWN
