"""Finite differences on a uniform grid."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ritz.arguments import is_integer
from ritz.errors import InvalidProblem
from ritz.operators import Sparse, Tag
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.pde.discretisation import Discretisation
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solver import Solver, check_pairing, make_solver, registered_name

from .nonlinear import PreparedNewton, ShiftedSolve
from .prepared_collocation import PreparedPDE

__all__ = ["FiniteDifference"]

SCHEMES = {2: "second-order", 4: "fourth-order"}
DEFAULT_COUNT = {1: 255, 2: 127, 3: 31}  # unknowns per axis, by dimension


@register("finite-difference")
@dataclass(frozen=True)
class FiniteDifference:
    """Solve a PDE by finite differences on a uniform grid; see `ritz.PDE.discretize`.

    If the solution is smooth enough, the discretisation error is proportional to the spacing to the power of `order`.
    Equations with a reaction are solved by Newton's method, with `linear_solver` for its linear systems.

    Parameters
    ----------
    order : {2, 4}
        Order of accuracy. With order 2, symmetric problems have symmetric systems; with order 4, one-sided formulas
        near the ends make them non-symmetric.
    shape : int or sequence of int, optional
        Unknowns along each axis. Default: 255, 127 or 31 per axis, by dimension.
    linear_solver : str or Solver
        Solver for the discrete linear systems.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> plate = ritz.PDE([(0, 1), (0, 1)], {(2, 0): -1.0, (0, 2): -1.0}, source=2 * np.pi**2,
    ...                  boundary=lambda x, y: x * y)
    >>> ritz.solve(plate, "finite-difference", order=4, shape=(20, 30)).x.shape
    (600,)
    """

    order: int = 2
    shape: int | Sequence[int] | None = None
    linear_solver: str | Solver = "auto"
    solves: ClassVar[type] = PDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: PDE) -> PreparedPDE | PreparedNewton:
        """Discretise and prepare the linear solver."""
        start = time.perf_counter()
        check_pairing(self, problem)
        if not is_integer(self.order) or self.order not in SCHEMES:
            raise InvalidProblem(f"order is {self.order!r}; finite differences have order 2 or 4")
        solver = make_solver(self.linear_solver, {})
        shape = DEFAULT_COUNT[problem.dimension] if self.shape is None else self.shape
        discretisation = Discretisation(problem, shape, SCHEMES[self.order])
        name, stats = registered_name(self), {"linear solver": registered_name(solver), "order": self.order}
        if problem.reaction is not None:
            shifted_solve = _shifted_solve(discretisation, solver)
            return PreparedNewton(
                solver=self,
                discretisation=discretisation,
                shifted_solve=shifted_solve,
                name=name,
                seconds=time.perf_counter() - start,
                stats=stats,
            )
        prepared = solver.prepare(discretisation.system)
        return PreparedPDE(
            solver=self,
            discretisation=discretisation,
            linear=prepared,
            name=name,
            seconds=time.perf_counter() - start,
            stats=stats,
        )


def _shifted_solve(discretisation: Discretisation, solver: Solver) -> ShiftedSolve:
    from scipy.sparse import diags_array

    system = discretisation.linear_part
    matrix, tags = system.operator.to_sparse(), system.operator.tags & {Tag.SYMMETRIC}

    def solve(diagonal: np.ndarray, rhs: np.ndarray, tolerance: float) -> tuple[np.ndarray, int]:
        shifted = Sparse((matrix + diags_array(diagonal)).tocsr(), tags)
        solution = solver.prepare(LinearSystem(shifted, rhs, grid=system.grid)).solve(rtol=tolerance)
        return solution.uninterrupted().x, solution.iterations

    return solve
