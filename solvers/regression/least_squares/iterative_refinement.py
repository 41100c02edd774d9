"""Iterative refinement of least squares by preconditioned conjugate gradients.

With a factor R of A or of a sketch of A, the columns of ``A R^-1`` are nearly orthonormal. Each iteration takes one
pass over A and reduces the error by a fixed factor. Restarting from recomputed residuals makes the method backward
stable, which a single run is not :cite:`EpperlyMeierNakatsukasa2024`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import Array, column_inner, single_blas_thread
from ritz.problem_types.least_squares import LeastSquares
from ritz.solution import Solution, Status
from ritz.solver import Controls, PreparedSolver

from .backward_error import Iterate, LeastSquaresTask
from .factor import Factor

__all__ = ["PreparedRefinement"]

EPSILON = float(np.finfo(np.float64).eps)
ITERATIONS = 500  # default limit
GAIN = 1e-8  # reduction of the gradient at which a run ends
ROUNDING = 20 * EPSILON  # backward error that counts as rounding
PLAIN = 1e-2  # reduction of the error that a plain correction must reach to be tried again
ILL_CONDITIONED = 2e7  # condition number above which a Cholesky factor of the Gram matrix is worthless


@dataclass(frozen=True, eq=False)
class PreparedRefinement(PreparedSolver[Solution]):
    """A least-squares problem with its factor, ready for right-hand sides.

    A solve stops when the relative backward error is below ``rtol``, or the norm of the gradient below ``atol``. The
    residual and the history of the solution hold backward errors; see
    `ritz.solvers.regression.least_squares.backward_error.Iterate`. The limit is 500 iterations unless another is given.

    Parameters
    ----------
    problem : LeastSquares
    factor : Factor
    name : str
        Registered name of the solver.
    seconds : float
        Preparation time.
    start : callable, optional
        ``start(b) -> x`` returns the first iterate; zero if None.
    stats : mapping
        Further statistics to report.
    to_rounding : bool
        Whether to continue beyond the tolerance as long as that improves the answer, to match direct methods. The first
        iterate is then corrected at least once.
    scale : ndarray, shape (n,), optional
        See `ritz.solvers.regression.least_squares.backward_error.LeastSquaresTask`.
    """

    problem: LeastSquares
    factor: Factor
    name: str
    seconds: float
    start: Callable[[Array], np.ndarray] | None = None
    stats: Mapping[str, Any] = field(default_factory=dict)
    to_rounding: bool = False
    scale: np.ndarray | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Precision of the problem."""
        return self.problem.dtype

    def _solve(self, rhs: Array | None, x0: Array | None, controls: Controls) -> Solution:
        task = LeastSquaresTask(self.problem, self.factor, rhs, controls.rtol, controls.atol, self.scale)
        with single_blas_thread(), np.errstate(all="ignore"):
            start = self.start(task.b) if self.start is not None and x0 is None else task.starting_vector(x0)
            first = task.assess(start)
            good_enough = x0 is not None and task.met(first)
            run = _Refinement(task, first, controls, self.to_rounding and not good_enough)
            try:
                status = run.until_solved()
            except KeyboardInterrupt:
                status = Status.INTERRUPTED
            return task.finish(run.best, status, run.history)


@dataclass(eq=False)
class _Refinement:
    """Runs of conjugate gradients, each from the best iterate so far."""

    task: LeastSquaresTask
    best: Iterate
    controls: Controls
    to_rounding: bool
    history: list[float] = field(init=False)

    def __post_init__(self):
        self.history = [self.best.residual]
        self._limit = self.controls.limit(ITERATIONS)
        # Rounding in the products with R^-1 limits what a single run can gain.
        self._gain = min(max(GAIN, EPSILON * self.task.factor.condition), 1e-2)
        # A factor of A itself, not of a sketch, is accurate enough to solve for the correction directly.
        self._plain = self.task.factor.of_matrix

    def until_solved(self) -> Status | None:
        """Refine until the tolerance is met and return None, or why refinement ended before."""
        while True:
            stop = self._asked_to_stop(self.best.x)
            if not self._worth_more() if self.to_rounding else self.task.met(self.best):
                return None
            if stop:
                return Status.INTERRUPTED
            if len(self.history) > self._limit:
                return Status.MAX_ITERATIONS
            before = self._measure(self.best)
            x, interrupted = self._correct() if self._plain else self._run()
            reached = self.task.assess(x)
            self.history[-1] = reached.residual
            after = self._measure(reached)
            if after < before or after == 0.0:
                self.best = reached
            if interrupted:
                return Status.INTERRUPTED
            if not math.isfinite(reached.residual):
                return Status.NON_FINITE
            if self._plain and not after <= PLAIN * before:
                self._plain = False
            elif not after <= 0.5 * before:
                return Status.STAGNATED  # as accurate as possible; the end decides whether that is enough

    def _measure(self, iterate: Iterate) -> float:
        """Return the measure of progress: to rounding, both errors count, as `ratios` stays large if r vanishes."""
        return iterate.residual * float(iterate.ratios.max()) if self.to_rounding else iterate.residual

    def _reached(self, iterate: Iterate, share: float) -> bool:
        if self.to_rounding:
            return float(iterate.ratios.max()) <= share * ROUNDING and not iterate.forward.any()
        return iterate.residual <= share * self.task.rtol

    def _worth_more(self) -> bool:
        """Return whether the error is still larger than rounding, or not known from a correction yet.

        If A is ill-conditioned, rounding x changes the gradient more than rounding A does. The ratio of gradient and
        residual then says little, and the backward error is estimated instead.
        """
        best = self.best
        if len(self.history) == 1 and best.shifted.any():
            return True
        if best.forward.any():
            return True
        if self._reached(best, 1.0):
            return False
        ill_conditioned = self.task.factor.condition > ILL_CONDITIONED
        return not (ill_conditioned and self.task.backward_error(best, int(best.ratios.argmax())) <= 0.25 * EPSILON)

    def _correct(self) -> tuple[np.ndarray, bool]:
        """Return the iterate corrected by the solution of the normal equations for its gradient."""
        self.history.append(math.nan)  # replaced once known
        return self.best.x + self.task.factor.apply(self.best.shifted), False

    def _run(self) -> tuple[np.ndarray, bool]:
        """Return the last iterate of one run, and whether the user stopped it."""
        task, start = self.task, self.best
        norms = np.atleast_1d(np.linalg.norm(start.shifted, axis=0))
        scale = np.where(norms > 0, norms, 1.0)
        for form, squares, shifted in preconditioned_cg(task.problem, task.factor, start):
            gradient = task.factor.undo_transpose(shifted)
            judged = task.judge(start.x, squares, gradient, shifted)
            self.history.append(judged.residual)
            reduction = float(np.max(np.linalg.norm(shifted, axis=0) / scale))
            done = reduction <= self._gain or self._reached(judged, 0.5) or not math.isfinite(judged.residual)
            if done or len(self.history) > self._limit:
                return form(), False
            self.controls.progress.update(len(self.history) - 1, judged.residual)
            if self.controls.callback is not None and self._asked_to_stop(form()):
                return form(), True
        raise AssertionError("conjugate gradients go on for ever")

    def _asked_to_stop(self, x: np.ndarray) -> bool:
        return self.controls.asks_to_stop(len(self.history) - 1, self.task.answer(x), self.history[-1])


def preconditioned_cg(
    problem: LeastSquares, factor: Factor, start: Iterate
) -> Generator[tuple[Callable[[], np.ndarray], np.ndarray, np.ndarray]]:
    """Yield after each iteration a function that forms the iterate, the sum of squares, and P^T times the gradient.

    The steps are summed in the variables of the well-conditioned system and mapped back once, as backward stability
    requires.
    """
    y = np.zeros_like(start.shifted)
    s = start.shifted.copy()
    p = s.copy()
    squares, gamma = start.squares, column_inner(s, s)
    while True:
        image = factor.apply_transpose(problem.normal_product(factor.apply(p)))
        step = _ratio(gamma, column_inner(p, image))
        np.add(y, step * p, out=y)
        s -= step * image
        squares = np.maximum(squares - np.atleast_1d(step * gamma), 0.0)
        gamma, before = column_inner(s, s), gamma
        yield lambda: start.x + factor.apply(y), squares, s
        p = s + _ratio(gamma, before) * p


def _ratio(above: Any, below: Any) -> Any:
    """Return the quotient, or zero where the denominator is not positive."""
    return np.where(np.asarray(below) > 0, np.asarray(above) / np.where(np.asarray(below) > 0, below, 1.0), 0.0)
