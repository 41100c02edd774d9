"""The contract for least-squares methods that do not show their iterates."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import Array
from ritz.problem_types.least_squares import LeastSquares
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver

from .backward_error import LeastSquaresTask
from .factor import Factor

__all__ = ["PreparedBlackBox"]


@dataclass(frozen=True, eq=False)
class PreparedBlackBox(PreparedSolver[Solution]):
    """A least-squares problem, and a function that solves it without showing its iterates.

    Tolerances have the same meaning as for `PreparedRefinement`. A starting vector that meets them is returned as it
    is. ``timings["recording"]`` is the time spent on judging the answer. Residuals between the first and the last
    iteration are unknown (NaN).

    Parameters
    ----------
    problem : LeastSquares
    answer : callable
        ``answer(b, x0, rtol, limit) -> (x, iterations)``, in float64.
    factor : callable
        Returns the `Factor` with which answers are judged.
    name, seconds, stats
        Registered name of the solver, preparation time, and further statistics to report.
    iterative : bool
        Whether `answer` starts from x0. If its own stopping rule is too lenient, it is then called again with a smaller
        tolerance, once and then as long as that halves the error.
    scale : ndarray, shape (n,), optional
        See `ritz.solvers.regression.least_squares.backward_error.LeastSquaresTask`.
    """

    problem: LeastSquares
    answer: Callable[[Array, np.ndarray, float, int | None], tuple[np.ndarray, int]]
    factor: Callable[[], Factor]
    name: str
    seconds: float
    stats: Mapping[str, Any] = field(default_factory=dict)
    iterative: bool = False
    scale: np.ndarray | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the problem."""
        return self.problem.dtype

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        with np.errstate(all="ignore"):  # overflow and the like are reported as a status
            return self._judged(rhs, x0, controls)

    def _judged(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        limit = controls.maxiter
        judging = time.perf_counter()
        task = LeastSquaresTask(self.problem, self.factor(), rhs, controls.rtol, controls.atol, self.scale)
        start = task.assess(task.starting_vector(x0))
        spent = time.perf_counter() - judging
        reached, status, iterations = start, None, 0
        if controls.asks_to_stop(0, task.answer(start.x), start.residual) and not task.met(start):
            status = Status.INTERRUPTED
        elif limit == 0:
            status = Status.MAX_ITERATIONS
        tolerance = controls.rtol
        while status is None and not task.met(reached):
            before = reached
            x, taken = self.answer(task.b, before.x, tolerance, None if limit is None else limit - iterations)
            iterations += taken
            judging = time.perf_counter()
            after = task.assess(x)
            spent += time.perf_counter() - judging
            tolerance *= 0.25 * min(1.0, controls.rtol / max(after.residual, controls.rtol, 1e-300))
            if after.residual <= before.residual or not np.isfinite(before.residual):
                reached = after
            if limit is not None and iterations >= limit:
                status = Status.MAX_ITERATIONS
            elif not (self.iterative and (iterations == taken or after.residual <= 0.5 * before.residual)):
                status = Status.STAGNATED
        history = [start.residual, *[np.nan] * (iterations - 1), *[reached.residual] * (iterations > 0)]
        return task.finish(reached, status, history, {"recording": spent})
