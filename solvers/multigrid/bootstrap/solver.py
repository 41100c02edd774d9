"""Bootstrap algebraic multigrid as a solver."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice
from ritz.backend import Array, column_norm, machine_epsilon, to_numpy
from ritz.iteration import PreparedIteration, prepare_iteration
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solvers.krylov.conjugate_gradients import conjugate_gradients
from ritz.solvers.krylov.flexible_conjugate_gradients import flexible_conjugate_gradients
from ritz.solvers.preconditioners.incomplete_cholesky import NotPositiveDefinite

from ..grid.solver import repeated_cycles
from .options import BootstrapOptions
from .setup import build_bootstrap

__all__ = ["BootstrapMultigrid"]

ROUNDING = 100  # residual, relative to that of one rounding of the largest product, that rounding may leave


@register("bootstrap-amg")
@dataclass(frozen=True)
class BootstrapMultigrid(BootstrapOptions):
    """Conjugate gradients preconditioned with bootstrap algebraic multigrid.

    For large symmetric positive (semi-)definite matrices about which nothing is known, such as diffusion in a
    direction that is not aligned with the grid, or weighted graph Laplacians :cite:`DAmbraFilipponeVassilevski2018`.
    The setup costs more than one solve if several hierarchies are built, and is done once for all right-hand sides.
    O(nnz) time and memory; see `ritz.solvers.multigrid.BootstrapAMG` for the cost of a hierarchy.

    If the operator is found not to be positive semidefinite, no preconditioner is used, and the status is usually
    INDEFINITE.

    Parameters
    ----------
    acceleration : {"cg", "none"}
        ``"none"`` repeats the plain composite. With the composition ``"multiplicative"`` or the cycle ``"K"``, which
        are not symmetric, ``"cg"`` is flexible conjugate gradients.
    smooth_vector, target_rate, max_hierarchies, composition
        See `ritz.solvers.multigrid.bootstrap`.
    cycle, smoother, aggregate_size, prolongation, trials, seed
        See `ritz.solvers.multigrid.bootstrap`.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.diffusion((60, 60), coefficient="rotated")
    >>> solution = ritz.solve(problem, "bootstrap-amg")
    >>> solution.converged, len(solution.stats["rates"]) == solution.stats["hierarchies"]
    (True, True)
    """

    acceleration: str = "cg"
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        super().__post_init__()
        check_choice("acceleration", self.acceleration, ("cg", "none"))

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check that the solver suits the problem, and build the hierarchies."""

        def build(operator: Operator) -> tuple[Operator | None, Mapping[str, Any]]:
            try:
                inverse = build_bootstrap(operator, self)
            except NotPositiveDefinite:
                return None, {"hierarchies": 0}
            return inverse, inverse.stats

        return prepare_iteration(self, problem, partial(_accelerated, self.acceleration, self.symmetric), build)


def _accelerated(
    acceleration: str, symmetric: bool, A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[Any, Any, Any]:
    if acceleration == "none" and M is not None:
        return (yield from repeated_cycles(A, b, x, M))
    method = conjugate_gradients if symmetric or M is None else flexible_conjugate_gradients
    status = yield from method(A, b, x, M)
    if status is Status.INDEFINITE and M is not None and _at_rounding(A, b, x):
        return Status.STAGNATED  # the setup has found no negative energy
    return status


def _at_rounding(A: Operator, b: Array, x: Array) -> bool:
    """Return whether no residual is larger than what rounding may leave of it."""
    reachable = machine_epsilon(A.dtype) * float(A.diagonal().max(initial=0.0))
    residual, size = to_numpy(column_norm(b - A @ x)), to_numpy(column_norm(x))
    return bool(np.all(residual <= ROUNDING * reachable * size))
