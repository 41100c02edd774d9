"""Methods that give no iterates to look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.problem_types.least_squares import LeastSquares
from ritz.solution import Solution, Status
from ritz.stopping import Callback, iteration_limit

from .backward_error import LeastSquaresTask
from .factor import Factor

__all__ = ["PreparedBlackBox"]


@dataclass(frozen=True, eq=False)
class PreparedBlackBox:
    """A least-squares problem and a function that answers it.

    Parameters
    ----------
    problem : LeastSquares
    answer : callable
        ``answer(b, x0, rtol, limit) -> (x, iterations)``, in float64.
    factor : callable
        Returns the `Factor` by which the answer is judged.
    name, seconds, stats
        Registered name of the solver, seconds spent on preparing, and what else to report.
    iterative : bool
        Whether `answer` starts from x0; then, where its own rule to stop has been too lenient, it is called again
        with a quarter of the tolerance for as long as that halves the error.
    """

    problem: LeastSquares
    answer: Callable[[Array, np.ndarray, float, int | None], tuple[np.ndarray, int]]
    factor: Callable[[], Factor]
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)
    iterative: bool = False

    def solve(
        self,
        rhs: Array | None = None,
        *,
        x0: Array | None = None,
        rtol: float = 1e-8,
        atol: float = 0.0,
        maxiter: int | None = None,
        callback: Callback | None = None,
        progress: bool = False,
    ) -> Solution:
        """Solve for `rhs`; see `PreparedRefinement.solve` for what the tolerances refer to.

        A starting vector that is good enough is returned as it is. ``timings["recording"]`` is what judging the
        answer took; residuals between the first and the last iteration are not known (NaN).
        """
        began = time.perf_counter()
        limit = None if maxiter is None else iteration_limit(maxiter, 1)
        judging = time.perf_counter()
        goal = LeastSquaresTask(self.problem, self.factor(), rhs, rtol, atol)
        start = goal.assess(goal.starting_vector(x0))
        spent = time.perf_counter() - judging
        reached, status, iterations = start, None, 0
        if callback is not None and callback(0, goal.answer(start.x), start.residual):
            status = Status.INTERRUPTED
        elif limit == 0:
            status = Status.MAX_ITERATIONS
        tolerance = rtol
        while status is None and not goal.met(reached):
            before = reached
            x, taken = self.answer(goal.b, before.x, tolerance, None if limit is None else limit - iterations)
            iterations, tolerance = iterations + taken, 0.25 * tolerance
            judging = time.perf_counter()
            after = goal.assess(x)
            spent += time.perf_counter() - judging
            if after.residual <= before.residual or not np.isfinite(before.residual):
                reached = after
            if limit is not None and iterations >= limit:
                status = Status.MAX_ITERATIONS
            elif not (self.iterative and after.residual <= 0.5 * before.residual):
                status = Status.STAGNATED
        history = [start.residual, *[np.nan] * (iterations - 1), *[reached.residual] * (iterations > 0)]
        timings = {"prepare": self.seconds, "solve": time.perf_counter() - began - spent, "recording": spent}
        return goal.finish(reached, status, history, timings, self.stats, self.name)
