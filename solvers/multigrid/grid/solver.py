"""Multigrid solver for systems on grids."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from ritz.arguments import check_choice, check_flag
from ritz.backend import Array, column_norm
from ritz.iteration import PreparedIteration, balanced
from ritz.operators import Operator, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.registry import register
from ritz.solution import Status
from ritz.solver import check_pairing, registered_name
from ritz.solvers.krylov.conjugate_gradients import conjugate_gradients

from .mixed_precision import mixed_conjugate_gradients
from .preconditioner import GridMultigrid, MultigridInverse

__all__ = ["Multigrid"]


@register("multigrid")
@dataclass(frozen=True)
class Multigrid:
    """Conjugate gradients preconditioned by multigrid, for diffusion on grids: O(n) for any walls and jumps.

    The cycle is that of `ritz.solvers.multigrid.GridMultigrid`, in single precision where that suffices; the iteration
    is in the precision of the system. Memory per cell: about 20 numbers of four bytes for a constant coefficient, 35
    for a variable one, and twice as much during the setup.

    Parameters
    ----------
    smoothing, cycle, precision
        See `GridMultigrid`.
    acceleration : {"cg", "none"}
        ``"none"`` repeats plain cycles: twice as many, but without inner products.
    full_multigrid : bool
        Whether the first iteration from a zero start is full multigrid, which solves on the coarse grids first. It
        costs about two cycles and saves two iterations, and more at low accuracy.

    Examples
    --------
    >>> import ritz
    >>> system = ritz.problems.poisson((128, 96), obstacles=4, boundary="mixed")
    >>> ritz.solve(system, "multigrid").iterations < 12
    True
    """

    smoothing: int = 2
    cycle: str = "auto"
    precision: str = "auto"
    acceleration: str = "cg"
    full_multigrid: bool = True
    solves: ClassVar[type] = LinearSystem
    requires: ClassVar[frozenset[Tag]] = frozenset({Tag.SYMMETRIC})

    def __post_init__(self):
        check_choice("acceleration", self.acceleration, ("cg", "none"))
        check_flag("full_multigrid", self.full_multigrid)
        self._preconditioner(None)

    def _preconditioner(self, shape: tuple[int, ...] | None) -> GridMultigrid:
        return GridMultigrid(shape, self.smoothing, self.cycle, self.precision)

    def prepare(self, problem: LinearSystem) -> PreparedIteration:
        """Check that the solver suits the problem, and set up the grids."""
        start = time.perf_counter()
        check_pairing(self, problem)
        problem = balanced(problem)
        inverse = self._preconditioner(problem.grid.shape if problem.grid else None).build(problem.operator)
        return PreparedIteration(
            problem,
            partial(_accelerated, inverse, self.full_multigrid) if self.acceleration == "cg" else repeated_cycles,
            registered_name(self),
            inverse,
            time.perf_counter() - start,
            inverse.stats,
        )


def _accelerated(
    inverse: MultigridInverse, full: bool, A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[Any, Any, Any]:
    if isinstance(b, np.ndarray) and b.ndim == 1 and inverse.hierarchy.levels:
        return mixed_conjugate_gradients(inverse, full, A, b, x)
    return conjugate_gradients(A, b, x, M)


def repeated_cycles(
    A: Operator, b: Array, x: Array, M: Operator | None = None
) -> Generator[tuple[Array, Any], Any, Status]:
    """Yield the iterate and its residual norms: each cycle adds ``M (b - A x)``; `x` is overwritten."""
    assert M is not None
    while True:
        r = b - A @ x
        yield x, column_norm(r)
        x += M @ r
