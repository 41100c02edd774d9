"""Exact least squares: conjugate gradients on a well-conditioned system, started again from true residuals.

With a factor R of A or of a sketch of A, the columns of ``A R^-1`` are nearly orthonormal, and each iteration takes
one pass over A and gains a fixed factor. Starting again from the residual recomputed in full makes the method
backward stable where a single run is not :cite:`EpperlyMeierNakatsukasa2024`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ritz.backend import Array, column_inner, single_blas_thread
from ritz.problem_types.least_squares import LeastSquares
from ritz.progress import ResidualProgress
from ritz.solution import Solution, Status
from ritz.stopping import Callback, iteration_limit

from .backward_error import Iterate, LeastSquaresTask
from .factor import Factor

__all__ = ["PreparedRefinement"]

EPSILON = float(np.finfo(np.float64).eps)
ITERATIONS = 500
GAIN = 1e-8  # by which one run is to reduce the gradient
ROUNDING = 20 * EPSILON
PLAIN = 1e-2  # by which a plain correction has to reduce the error to be tried again
ILL_CONDITIONED = 2e7  # so that a Cholesky factor of the Gram matrix would be worthless


@dataclass(frozen=True, eq=False)
class PreparedRefinement:
    """A least-squares problem with its factor, ready for right-hand sides.

    Parameters
    ----------
    problem : LeastSquares
    factor : Factor
    name : str
        Registered name of the solver.
    seconds : float
        Spent on preparing.
    start : callable, optional
        ``start(b) -> x``: the first iterate, zero if None.
    stats : mapping
        What else to report.
    to_rounding : bool
        Whether to go on beyond the tolerance for as long as that improves the answer, as direct methods do.
    """

    problem: LeastSquares
    factor: Factor
    name: str
    seconds: float
    start: Callable[[Array], np.ndarray] | None = None
    stats: Mapping[str, Any] = field(default_factory=dict)
    to_rounding: bool = False

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
        """Solve for `rhs` until the relative backward error is below `rtol`, or the norm of the gradient below `atol`.

        See `ritz.solver.Prepared.solve`; ``residual`` and ``history`` of the solution hold backward errors, see
        `ritz.solvers.regression.least_squares.backward_error.Iterate`. `maxiter` defaults to 500.
        """
        began = time.perf_counter()
        goal = LeastSquaresTask(self.problem, self.factor, rhs, rtol, atol)
        limit = iteration_limit(maxiter, ITERATIONS)
        with single_blas_thread(), np.errstate(all="ignore"), ResidualProgress(progress, self.name, rtol) as bar:
            start = self.start(goal.b) if self.start is not None and x0 is None else goal.starting_vector(x0)
            first = goal.assess(start)
            good_enough = x0 is not None and goal.met(first)
            run = _Refinement(goal, first, limit, callback, bar, self.to_rounding and not good_enough)
            try:
                status = run.until_solved()
            except KeyboardInterrupt:
                status = Status.INTERRUPTED
            timings = {"prepare": self.seconds, "solve": time.perf_counter() - began}
            return goal.finish(run.best, status, run.history, timings, self.stats, self.name)


@dataclass(eq=False)
class _Refinement:
    """Runs of conjugate gradients, each from the best iterate so far."""

    goal: LeastSquaresTask
    best: Iterate
    limit: int
    callback: Callback | None
    bar: ResidualProgress
    to_rounding: bool
    history: list[float] = field(init=False)

    def __post_init__(self):
        self.history = [self.best.residual]
        # Rounding in the products with R^-1 allows a single run no more than this.
        self._gain = min(max(GAIN, EPSILON * self.goal.factor.condition), 1e-2)
        # A factor of A itself, not of a sketch, is so good that its own correction will do.
        self._plain = self.goal.factor.of_matrix

    def until_solved(self) -> Status | None:
        """Refine; return why no more can be done, or None where that is good enough."""
        while True:
            if self._asked_to_stop(self.best.x):
                return Status.INTERRUPTED
            if not self._worth_more() if self.to_rounding else self.goal.met(self.best):
                return None
            if len(self.history) > self.limit:
                return Status.MAX_ITERATIONS
            before = self._measure(self.best)
            x, interrupted = self._correct() if self._plain else self._run()
            reached = self.goal.assess(x)
            self.history[-1] = reached.residual
            after = self._measure(reached)
            if after < before:
                self.best = reached
            if interrupted:
                return Status.INTERRUPTED
            if not math.isfinite(reached.residual):
                return Status.NON_FINITE
            if self._plain and not after <= PLAIN * before:
                self._plain = False
            elif not after <= 0.5 * before:
                return Status.STAGNATED  # which is as good as it gets; whether it is good enough is seen at the end

    def _measure(self, quality: Iterate) -> float:
        """Return what is to become small; to rounding, both errors are: the first cannot where r itself vanishes."""
        return quality.residual * float(quality.ratios.max()) if self.to_rounding else quality.residual

    def _reached(self, quality: Iterate, share: float) -> bool:
        if self.to_rounding:
            return float(quality.ratios.max()) <= share * ROUNDING
        return quality.residual <= share * self.goal.rtol

    def _worth_more(self) -> bool:
        """Whether rounding is not yet all that is left.

        Where A is ill-conditioned, rounding x changes the gradient more than rounding A does, so that its ratio to
        the residual says little and the backward error is estimated instead.
        """
        best = self.best
        if self._reached(best, 1.0):
            return False
        ill_conditioned = self.goal.factor.condition > ILL_CONDITIONED
        return not (ill_conditioned and self.goal.backward_error(best, int(best.ratios.argmax())) <= 0.25 * EPSILON)

    def _correct(self) -> tuple[np.ndarray, bool]:
        """Return the iterate corrected by the solution of the normal equations for its gradient."""
        self.history.append(math.nan)  # until it is known
        return self.best.x + self.goal.factor.apply(self.best.shifted), False

    def _run(self) -> tuple[np.ndarray, bool]:
        """Return the iterate that one run ends with, and whether the user stopped it."""
        goal, start = self.goal, self.best
        norms = np.atleast_1d(np.linalg.norm(start.shifted, axis=0))
        scale = np.where(norms > 0, norms, 1.0)
        for form, squares, shifted in conjugate_gradients(goal.problem, goal.factor, start):
            gradient = goal.factor.undo_transpose(shifted)
            judged = goal.judge(start.x, squares, gradient, shifted)
            self.history.append(judged.residual)
            reduction = float(np.max(np.linalg.norm(shifted, axis=0) / scale))
            done = reduction <= self._gain or self._reached(judged, 0.5) or not math.isfinite(judged.residual)
            if done or len(self.history) > self.limit:
                return form(), False
            self.bar.update(len(self.history) - 1, judged.residual)
            if self.callback is not None and self._asked_to_stop(form()):
                return form(), True
        raise AssertionError("conjugate gradients go on for ever")

    def _asked_to_stop(self, x: np.ndarray) -> bool:
        if self.callback is None:
            return False
        return bool(self.callback(len(self.history) - 1, self.goal.answer(x), self.history[-1]))


def conjugate_gradients(
    problem: LeastSquares, factor: Factor, start: Iterate
) -> Generator[tuple[Callable[[], np.ndarray], np.ndarray, np.ndarray]]:
    """Yield after each iteration a function that forms the iterate, the sum of squares, and P^T times the gradient.

    The steps are summed up in the variables of the well-conditioned system and mapped back once, which is what
    backward stability asks for.
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
    """Return the quotient, and zero where there is nothing left to divide."""
    return np.where(np.asarray(below) > 0, np.asarray(above) / np.where(np.asarray(below) > 0, below, 1.0), 0.0)
