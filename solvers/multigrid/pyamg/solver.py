"""Conjugate gradients preconditioned by algebraic multigrid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from ritz.arguments import check_choice
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solvers.krylov.conjugate_gradients import conjugate_gradients
from ritz.solvers.preconditioners import build_preconditioner

__all__ = ["AMGConjugateGradients"]


@register("amg-cg")
@dataclass(frozen=True)
class AMGConjugateGradients:
    """Conjugate gradients preconditioned by one cycle of algebraic multigrid.

    The hierarchy is built by PyAMG :cite:`PyAMG2023`. For large symmetric positive (semi-)definite systems from
    second-order elliptic problems on any mesh. The number of iterations hardly depends on the mesh width. O(n) time
    and memory.

    Parameters
    ----------
    coarsening : {"ruge-stuben", "smoothed-aggregation"}
        Kind of hierarchy: see `ritz.solvers.multigrid.RugeStuben` and `ritz.solvers.multigrid.SmoothedAggregation`.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> system = ritz.LinearSystem(np.diag([2.0] * 99) - np.eye(99, k=1) - np.eye(99, k=-1), np.ones(99))
    >>> ritz.solve(system, "amg-cg").converged
    True
    """

    coarsening: str = "ruge-stuben"
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        check_choice("coarsening", self.coarsening, ("ruge-stuben", "smoothed-aggregation"))

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check that the solver suits the problem, and build the hierarchy."""
        return prepare_iteration(self, problem, conjugate_gradients, partial(build_preconditioner, self.coarsening))
