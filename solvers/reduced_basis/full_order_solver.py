"""The full-order model as a solver, against which reduced models are measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.operators import Tag
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import check_pairing, registered_name
from ritz.stopping import Callback, check_tolerances, iteration_limit

__all__ = ["FullOrder", "PreparedFullOrder"]


@register("full-order")
@dataclass(frozen=True)
class FullOrder:
    """The full-order solution of a parametric problem: its own function, or its equations solved.

    Takes what one full solve takes. The residual is relative to that of zero, and NaN where the problem is a function
    alone, whose answers are taken as they are.

    Examples
    --------
    >>> import ritz
    >>> problem = ritz.problems.thermal_block((9, 9))
    >>> solution = ritz.solve(problem.at(k00=0.1), "full-order")
    >>> solution.converged, solution.x.shape
    (True, (81,))
    """

    solves: ClassVar[type] = ParametricPDE
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: ParametricPDE) -> PreparedFullOrder:
        """Check that `problem` has parameters; there is nothing to prepare."""
        check_pairing(self, problem)
        return PreparedFullOrder(problem, registered_name(self))


@dataclass(frozen=True, eq=False)
class PreparedFullOrder:
    """A parametric problem that is solved in full for each query.

    Parameters
    ----------
    problem : ParametricPDE
    name : str
        Registered name of the solver.
    """

    problem: ParametricPDE
    name: str

    def solve(
        self,
        mu: Any = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for parameters `mu`, the problem's query if None; see `ritz.solver.Prepared.solve`.

        x0 is where Newton's method begins, shape (n,) or (steps + 1, n), if the problem is nonlinear and given by its
        equations alone. The callback is asked before the solve, which is one iteration, and told its outcome.
        """
        began = time.perf_counter()
        check_tolerances(rtol, atol, np.dtype(np.float64))
        iteration_limit(maxiter, 1)
        problem = self.problem if mu is None else self.problem.at(mu)
        start = None if x0 is None else to_numpy(x0)
        u = _zero(problem) if start is None else start
        history = [1.0 if start is None else problem.relative_residual(u)]
        counts, status = (), Status.INTERRUPTED
        if callback is None or not callback(0, u, history[0]):
            result = problem.full_order(start=start)
            u, counts = result.u, result.iterations
            history.append(problem.relative_residual(u))
            if callback is not None:
                callback(1, u, history[-1])
            missed = history[-1] > max(rtol, atol)  # not so if there are no equations and it is NaN
            status = Status.STAGNATED if missed else Status.CONVERGED
        return Solution(
            x=u,
            status=status,
            iterations=len(history) - 1,
            residual=history[-1],
            history=np.array(history),
            timings={"prepare": 0.0, "solve": time.perf_counter() - began},
            stats={"newton_iterations": counts},
            solver=self.name,
            grid=problem.grid if u.ndim == 1 else None,
        )


def _zero(problem: ParametricPDE) -> np.ndarray:
    n = problem.size or 0
    return np.zeros(n if problem.times is None else (len(problem.times), n))
