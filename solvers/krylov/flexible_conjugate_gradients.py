"""Flexible conjugate gradients."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from ritz.arguments import check_integer
from ritz.backend import Array, add_scaled, column_inner, column_norm, copy
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.preconditioners import PreconditionerLike, build_preconditioner

from .columns import any_nonpositive, columns_apart, divide

__all__ = ["FlexibleConjugateGradients", "flexible_conjugate_gradients"]


@register("fcg")
@dataclass(frozen=True)
class FlexibleConjugateGradients:
    """Conjugate gradients for preconditioners that may change from step to step :cite:`Notay2000`.

    Each new direction is explicitly made conjugate to the last `memory` directions. With a fixed symmetric
    preconditioner, the iterates are those of ``"cg"``. They still converge if it is not symmetric or not linear, such
    as a float32 multigrid cycle or an inner iteration. Compared with ``"cg"``, each iteration costs ``2 memory - 1``
    more vector operations, and ``2 memory`` more vectors are stored.

    Parameters
    ----------
    preconditioner : None, str, or anything `ritz.solvers.preconditioners.build_preconditioner` takes
        Must be positive: ``r . M(r) > 0``.
    memory : int
        Number of previous directions that a new one is made conjugate to; at least 1.

    Raises
    ------
    InvalidProblem
        If `memory` is not a positive integer.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> A = np.array([[4.0, 1.0], [1.0, 3.0]])
    >>> ritz.solve(A, np.array([1.0, 2.0]), "fcg", preconditioner=lambda r: r / 4 + r**3).x.round(4).tolist()
    [0.0909, 0.6364]
    """

    preconditioner: PreconditionerLike = None
    memory: int = 1
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        check_integer("memory", self.memory)

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check the pairing and build the preconditioner."""
        method = partial(flexible_conjugate_gradients, memory=self.memory)
        return prepare_iteration(self, problem, method, partial(build_preconditioner, self.preconditioner))


@columns_apart
def flexible_conjugate_gradients(
    A: Operator, b: Array, x: Array, M: Operator | None = None, *, memory: int = 1
) -> Generator[tuple[Array, Any], Any, Status]:
    """Yield the iterate and its residual norms, starting from `x`, which is overwritten.

    Returns ``Status.INDEFINITE`` if a search direction or the preconditioner has non-positive curvature.
    """
    r = b - A @ x
    norm = column_norm(r)
    directions: deque[tuple[Array, Array, Any]] = deque(maxlen=memory)
    while True:
        active = yield x, norm
        z = r if M is None else M @ r
        p = copy(z)
        for direction, product, curvature in directions:
            add_scaled(p, -divide(column_inner(z, product), curvature), direction)
        q = A @ p
        curvature, rho = column_inner(p, q), column_inner(p, r)
        if any_nonpositive(curvature, norm, active) or any_nonpositive(rho, norm, active):
            return Status.INDEFINITE
        alpha = divide(rho, curvature, active)
        add_scaled(x, alpha, p)
        add_scaled(r, -alpha, q)
        norm = column_norm(r)
        directions.append((p, q, curvature))
