"""The full-order model as a solver, the reference for reduced models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ritz.backend import Array, to_numpy
from ritz.operators import Tag
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver, check_pairing, registered_name

__all__ = ["FullOrder", "PreparedFullOrder"]


@register("full-order")
@dataclass(frozen=True)
class FullOrder:
    """Solve a parametric problem in full, by its own function or by solving its equations.

    The residual is relative to that of zero. If the problem is only a function, its answers are accepted as they are:
    the residual is NaN, and the status ACCEPTED.

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
class PreparedFullOrder(PreparedSolver[Solution]):
    """A parametric problem, solved in full for each query.

    ``solve`` takes parameters, shape (p,), and uses the problem's query if there are none. `x0` is the starting point
    of Newton's method, shape (n,) or (steps + 1, n), if the problem is nonlinear and given only by its equations. A
    solve is one iteration; the callback is asked before it and sees its result. If Newton's method or a linear solver
    fails, `ConvergenceError` holds the last iterate, and errors of the user's own functions pass through.

    Parameters
    ----------
    problem : ParametricPDE
    name : str
        Registered name of the solver.
    seconds : float
        Preparation time.
    stats : mapping
        Further statistics to report.
    """

    problem: ParametricPDE
    name: str
    seconds: float = 0.0
    stats: Mapping[str, Any] = field(default_factory=dict)

    def _solve(self, rhs: Any, x0: Array | None, controls: Controls) -> Solution:
        problem = self.problem if rhs is None else self.problem.at(rhs)
        start = None if x0 is None else to_numpy(x0)
        u = _zero(problem) if start is None else start
        history = [1.0 if start is None else problem.relative_residual(u)]
        counts, status = (), Status.INTERRUPTED
        if not controls.asks_to_stop(0, u, history[0]):
            result = problem.full_order(start=start)
            u, counts = result.u, result.iterations
            history.append(problem.relative_residual(u))
            controls.asks_to_stop(1, u, history[-1])
            success = Status.ACCEPTED if problem.model is None else Status.CONVERGED
            status = Status.STAGNATED if history[-1] > max(controls.rtol, controls.atol) else success
        return Solution(
            x=u,
            status=status,
            iterations=len(history) - 1,
            residual=history[-1],
            history=np.array(history),
            timings={},
            stats={"newton_iterations": counts},
            grid=problem.grid if u.ndim == 1 else None,
        )


def _zero(problem: ParametricPDE) -> np.ndarray:
    n = problem.size or 0
    return np.zeros(n if problem.times is None else (len(problem.times), n))
