"""The ``auto`` solver, which chooses another solver."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ritz.arguments import Callback
from ritz.backend import Array, column_norm, to_numpy
from ritz.errors import InvalidProblem
from ritz.operators import Operator, Tag
from ritz.pickling import Picklable
from ritz.problem_types.linear_system import LinearSystem
from ritz.problem_types.pde.pde import PDE
from ritz.registry import register
from ritz.solution import Solution, Status
from ritz.solver import Prepared

from .budget import PATIENCE, RISKY, TRIAL, Budget
from .candidates import FOR_SINGULAR, Candidate, candidates, for_singular, next_sure
from .defaults import defaults
from .resolving import PreparedResolving, quiet
from .system_features import SystemFeatures

__all__ = ["Auto", "PreparedAuto", "choose"]

ATTEMPTS = 3  # candidates that may fail before only those are tried that are sure of their time
SLOW = "too slow"


def choose(problem: Any) -> list[Candidate]:
    """Return the candidates that ``auto`` tries on a problem, in order of preference.

    Raises
    ------
    InvalidProblem
        If no registered solver takes problems of this kind.

    Examples
    --------
    >>> import numpy as np
    >>> first = choose(LinearSystem(np.array([[2.0, 1.0], [0.0, 1.0]]), np.ones(2)))[0]
    >>> first.label, first.reason
    ('lu', 'so small that any look at it would take longer')
    """
    if isinstance(problem, LinearSystem):
        return candidates(SystemFeatures(problem))
    return [_fixed(name, reason) for name, reason in defaults(problem)]


def _fixed(name: str, reason: str) -> Candidate:
    return Candidate(
        name,
        reason=reason,
        applies=lambda f: True,
        prepare=lambda f: 0.0,
        iteration=lambda f: 0.0,
    )


@register("auto")
@dataclass(frozen=True)
class Auto:
    """The cheapest solver in `ritz.solvers.auto.candidates`, or the next if that does not converge.

    Costs are estimated from size, dimension, symmetry, jumps, moments of the couplings, the counted size of the factors
    and the number of right-hand sides. Each candidate runs under a budget, `ritz.solvers.auto.budget.Budget`, and a
    factorisation that fits into memory is the last resort. Takes any kind of problem that a registered solver takes.
    ``stats["chosen"]`` of the solution says which solver was chosen and why, ``stats["failed"]`` which ones were tried
    before. If the grid of the first solver does not resolve the solution of a PDE, others are tried; see
    `PreparedResolving`.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> solution = ritz.solve(np.diag([1.0, 2.0]), np.array([1.0, 1.0]))
    >>> solution.x.tolist(), solution.stats["chosen"]
    ([1.0, 0.5], 'lu: so small that any look at it would take longer')
    """

    solves: ClassVar[type] = object
    requires: ClassVar[frozenset[Tag]] = frozenset()

    def prepare(self, problem: Any) -> Prepared:
        """Choose a solver and prepare it."""
        start = time.perf_counter()
        features = SystemFeatures(problem) if isinstance(problem, LinearSystem) else None
        rows = choose(problem) if features is None else candidates(features)
        prepared = PreparedAuto(problem, rows, features, time.perf_counter() - start)
        return PreparedResolving(problem, prepared) if isinstance(problem, PDE) else prepared


class PreparedAuto(Picklable):
    """The candidates for one operator, of which the cheapest is prepared; one that fails is not tried again.

    Parameters
    ----------
    problem : problem object
    rows : list of Candidate
        Cheapest first.
    features : SystemFeatures or None
        Features of a linear system.
    seconds : float
        Time spent on choosing.
    """

    def __init__(self, problem: Any, rows: list[Candidate], features: SystemFeatures | None, seconds: float):
        self._problem, self._features = problem, features
        self._passed = False
        self._choice = self._prepare(rows, (), seconds)

    @property
    def preconditioner(self) -> Operator | None:
        """Preconditioner of the chosen iteration, or None if it has none."""
        return getattr(self._choice.prepared, "preconditioner", None)

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
        """Solve for `rhs` with the cheapest candidate that converges; see `ritz.solver.Prepared.solve`.

        In the first solve, no candidate may cost much more than one whose cost is known, such as a factorisation, would
        take in its place: see `ritz.solvers.auto.budget.Budget`. The next candidate continues from the iterate reached.
        If none converges, the solution with the smallest residual is returned. If `maxiter` is reached, no other
        candidate is tried.
        """
        controls: dict[str, Any] = {"x0": x0, "rtol": rtol, "atol": atol, "maxiter": maxiter, "progress": progress}
        best: Solution | None = None
        spent = 0.0
        while True:
            choice = self._choice
            trial = None if self._passed else self._budget(choice, rhs, rtol, atol, callback)
            solution = choice.report(choice.prepared.solve(rhs, callback=trial or callback, **controls), spent)
            spent = solution.timings["solve"]
            if best is None or solution.residual < best.residual:
                best = solution
            limited = maxiter is not None and solution.status is Status.MAX_ITERATIONS
            slow = trial is not None and trial.slow
            self._passed = not slow
            least = solution.status is Status.LEAST_SQUARES
            if least or (choice.for_singular and solution.status is Status.SINGULAR):
                return solution  # there is none that meets the tolerance
            ambiguous = solution.converged and self._is_ambiguous(choice, solution)
            if solution.converged and not ambiguous:
                return solution
            if limited or (solution.status is Status.INTERRUPTED and not slow):
                return solution
            fallen = not ambiguous and self._fall_back(choice, solution.status, SLOW if slow else solution.status.name)
            if not fallen and (slow or not self._try_singular(choice, solution.status)):
                if slow:  # without an alternative, slow is better than stopped
                    self._passed = True
                    continue
                return replace(best, stats={**solution.stats, "chosen": best.stats["chosen"]})
            if trial is not None and solution.residual < 1.0:
                controls["x0"] = solution.x

    def _budget(
        self, choice: _Choice, rhs: Array | None, rtol: float, atol: float, callback: Callback | None
    ) -> Budget | None:
        """Return the budget of a candidate, or None if it is sure of its time or has no alternative."""
        features, row = self._features, choice.rows[0]
        rest = choice.rows[1:]
        if features is None or choice.for_singular or row.solver == "gmres" or row.sure(features):
            return None
        if not rest and not row.certain:
            return None
        given = features.system.rhs if rhs is None else rhs
        columns = given.shape[1] if given.ndim == 2 else 1
        goal = rtol
        if atol > 0.0:
            size = float(to_numpy(column_norm(given)).max(initial=0.0)) if columns > 1 else float(column_norm(given))
            goal = max(rtol, atol / size) if size > 0.0 else 1.0
        each = row.iteration(features)

        def alternative(seconds: float) -> float:
            return next_sure(rest or self._others(choice.rows), features, seconds)

        start = 2 * int(row.iterations(features)) if row.certain else TRIAL
        hoped = not features.symmetric and features.gap == 0.0
        patience = RISKY if hoped or features.stiff else PATIENCE
        return Budget(callback, each, alternative, goal, on_trial=row.on_trial, start=start, patience=patience)

    def _fall_back(self, choice: _Choice, status: Status, why: str) -> bool:
        """Prepare the next candidate that may do better after a failure with `status`; return whether there is one."""
        if self._choice is not choice:  # another thread has done so
            return True
        rest = self._others(choice.rows)
        if choice.for_singular or status is Status.SINGULAR:
            return False
        if status is Status.INDEFINITE:
            rest = [row for row in rest if not row.needs_definite]
        features = self._features
        if features is not None and rest:
            rest.sort(key=lambda row: row.seconds(features))
            sure = [row for row in rest if row.sure(features)]
            if (sure and len(choice.failed) + 1 >= ATTEMPTS) or (sure and why == SLOW):
                rest = sure
            elif len(choice.failed) + 1 >= ATTEMPTS:
                rest = []
        if not rest:
            return False
        failed = (*choice.failed, f"{choice.rows[0].label}: {why}")
        self._choice = self._prepare(rest, failed, choice.seconds)
        return True

    def _is_ambiguous(self, choice: _Choice, solution: Solution) -> bool:
        """Return whether a direct solver found some solution of a system that seems to have many."""
        if choice.for_singular or solution.iterations == 0 or self._features is None:
            return False
        return getattr(choice.prepared, "singular_to_rounding", False)

    def _try_singular(self, choice: _Choice, status: Status) -> bool:
        """Prepare the next candidate for singular operators, if there is one; return whether there is."""
        if self._choice is not choice:  # another thread has done so
            return True
        if self._features is None:
            return False
        rest = choice.rows[1:]
        if not choice.for_singular:
            rest = for_singular(self._features, suspected=status is not Status.SINGULAR)
        if not rest:
            return False
        failed = (*choice.failed, f"{choice.rows[0].label}: {status.name}")
        try:
            self._choice = self._prepare(rest, failed, choice.seconds)
        except InvalidProblem:  # no transpose
            return False
        return True

    def _others(self, rows: list[Candidate]) -> list[Candidate]:
        """Return the candidates after the first."""
        [first, *others] = rows
        if not others and first.certain:
            assert self._features is not None
            others = [row for row in candidates(self._features, closely=True) if row is not first]
        return others

    def _prepare(self, rows: list[Candidate], failed: tuple[str, ...], seconds: float) -> _Choice:
        start = time.perf_counter()
        while True:
            try:
                prepared = quiet(rows[0].make().prepare(self._problem))
            except (InvalidProblem, MemoryError) as error:  # such as a diagonal that is not positive
                rest = self._others(rows)
                if not rest:
                    raise
                failed, rows = (*failed, f"{rows[0].label}: {error}"), rest
                continue
            return _Choice(rows, prepared, failed, seconds + time.perf_counter() - start)


@dataclass(frozen=True)
class _Choice:
    """A prepared candidate: the first of `rows`, after those that have `failed`; it is shared by threads."""

    rows: list[Candidate]
    prepared: Prepared
    failed: tuple[str, ...]
    seconds: float

    @property
    def for_singular(self) -> bool:
        """Whether the candidate is one for singular operators."""
        return any(self.rows[0] is row for row in FOR_SINGULAR)

    def report(self, solution: Solution, spent: float) -> Solution:
        """Return the solution with what was chosen and why, and with the times of all attempts."""
        row = self.rows[0]
        reason = solution.stats.get("chosen", row.reason)  # set by a solver that itself chooses
        stats = {**solution.stats, "chosen": f"{row.label}: {reason}"}
        if self.failed:
            stats["failed"] = self.failed
        timings = {**solution.timings, "prepare": self.seconds, "solve": solution.timings["solve"] + spent}
        return replace(solution, timings=timings, stats=stats)
