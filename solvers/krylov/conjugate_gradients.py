"""Conjugate gradients."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ritz.backend import Array, advance, column_inner, column_norm, copy, scale_and_add
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import any_nonpositive, columns_apart, divide

__all__ = ["ConjugateGradients", "conjugate_gradients"]


@register("cg")
@dataclass(frozen=True)
class ConjugateGradients:
    """Preconditioned conjugate gradients for symmetric positive definite systems :cite:`HestenesStiefel1952`.

    Also solves singular consistent systems with a known nullspace. Each iteration costs one product, one
    application of the preconditioner and O(n) work; four vectors are stored. The columns of a block share
    the products but have their own step lengths.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Must be symmetric positive definite. If it changes from step to step, use ``"fcg"``.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> ritz.solve(A, np.array([1.0, 2.0]), "cg").x.round(4).tolist()
    [0.0909, 0.6364]
    """

    preconditioner: PreconditionerLike = None
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and build the preconditioner."""
        build = partial(build_preconditioner, self.preconditioner)
        return prepare_iteration(self, problem, conjugate_gradients, build)


@columns_apart
def conjugate_gradients(
    A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array, Any], Any, Status]:
    """Yield the iterate and its residual norms, starting from `x`, which is overwritten.

    Returns ``Status.INDEFINITE`` if a search direction or the preconditioner has non-positive curvature.
    """
    r = b - A @ x
    norm = column_norm(r)
    z = r if M is None else M @ r
    rho = column_inner(r, z)
    p = copy(z)
    while True:
        active = yield x, norm
        q = A @ p
        curvature = column_inner(p, q)
        if any_nonpositive(curvature, norm, active) or any_nonpositive(rho, norm, active):
            return Status.INDEFINITE
        alpha = divide(rho, curvature, active)
        advance(x, r, alpha, p, q)
        norm = column_norm(r)
        previous = rho
        z = r if M is None else M @ r
        rho = column_inner(r, z)
        scale_and_add(p, divide(rho, previous), z)
