"""Measurement of solvers that run in turn under equal conditions."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import islice
from statistics import median
from typing import Any

import numpy as np

from ritz.arguments import check_tolerances
from ritz.backend import Array
from ritz.comparing.environment import pinned_threads
from ritz.comparing.memory import peak_memory
from ritz.errors import UnknownName, UnknownOption
from ritz.iteration import LinearSystemTask, balanced
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.sequences.trajectory import Trajectory
from ritz.solution import Solution, Status
from ritz.solver import Solver, registered_name
from ritz.solving import first_system, solve_prepared

__all__ = [
    "Competitor",
    "Conditions",
    "Measurement",
    "ResidualCheck",
    "error_of",
    "one_line",
    "run_rounds",
    "solver_label",
]

LONG = 30.0  # seconds after which the warm-up counts as the first round
SHORT = 0.02  # seconds below which a solver is repeated within a round, and the median counts
SLACK = 1.01  # factor by which rounding may lift a recomputed residual above the tolerance


@dataclass(frozen=True, eq=False)
class Measurement:
    """Times, residual, memory and outcome of one solver in a comparison.

    Parameters
    ----------
    solver : str
        Label of the solver.
    status : Status or None
        Status the solver returned; None if it raised an error instead.
    met : bool
        Whether the residual recomputed by the comparison meets the tolerance.
    prepare, solve : tuple of float
        Wall seconds of each counted round, without ``timings["recording"]``: time that only serves the history, such
        as residual norms that another package's callback does not report.
    iterations : int
        Number of iterations; of a sequence, their sum over all systems.
    residual : float
        Relative true residual recomputed by the comparison, the largest over rounds, columns and systems. If each
        solver discretises the problem in its own way, the residual it reported.
    error : float
        ``||x - exact|| / ||exact||`` if the problem knows its solution, NaN otherwise. For a discretised PDE this is
        mostly discretisation error.
    memory : int or None
        Peak additional host memory of `prepare` and `solve`, in bytes.
    history : ndarray
        Relative residuals reported by the solver; of a sequence, those of the first system.
    ratio : float
        Median total time relative to the baseline; NaN unless both converged.
    note : str
        Reason of a failure, or empty.
    stats : mapping
        Further statistics of the solver.
    """

    solver: str
    status: Status | None = None
    met: bool = False
    prepare: tuple[float, ...] = ()
    solve: tuple[float, ...] = ()
    iterations: int = 0
    residual: float = math.nan
    error: float = math.nan
    memory: int | None = None
    history: np.ndarray = field(default_factory=lambda: np.empty(0))
    ratio: float = math.nan
    note: str = ""
    stats: Mapping[str, Any] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether the solver reports convergence and the recomputed residual confirms it."""
        return self.status in (Status.CONVERGED, Status.ACCEPTED) and self.met

    @property
    def outcome(self) -> str:
        """The status in one or two words."""
        if self.status is None:
            return "failed"
        if self.status is Status.CONVERGED and not self.met:
            return "untrue"
        if self.status is Status.MAX_ITERATIONS:
            return "at limit"
        return self.status.name.lower().replace("_", " ")

    @property
    def remark(self) -> str:
        """Remark for the table: the reason of a failure, or the solver that `auto` chose."""
        return self.note or (f"chose {self.stats['chosen']}" if "chosen" in self.stats else "")

    @property
    def total(self) -> tuple[float, ...]:
        """Wall seconds of each counted round, `prepare` and `solve` together."""
        return tuple(a + b for a, b in zip(self.prepare, self.solve, strict=True))


class ResidualCheck:
    """Check of solutions by residuals that are recomputed from the problem.

    Parameters
    ----------
    problem : problem
    rtol, atol : float

    Raises
    ------
    InvalidProblem
        For tolerances out of range or an inconsistent right-hand side.
    """

    def __init__(self, problem: Any, rtol: float, atol: float):
        self._problem, self._rtol, self._atol = problem, rtol, atol
        first = first_system(problem)
        check_tolerances(rtol, atol, first.dtype if isinstance(first, LinearSystem) else np.dtype(np.float64))
        linear = isinstance(first, LinearSystem)
        self._first = LinearSystemTask(balanced(first), None, None, rtol, atol) if linear else None

    def __call__(self, solution: Solution) -> tuple[float, bool]:
        """Return the relative true residual, and whether it meets the tolerance."""
        if self._first is None:
            return solution.residual, solution.converged
        if not isinstance(self._problem, SystemSequence):
            return self._residual(self._first, solution)
        if not isinstance(solution, Trajectory):
            return math.nan, False
        system, steps = self._first.system, iter(solution.steps)
        checks: list[tuple[float, bool]] = []

        def answer(rhs: Array) -> Array:
            step = next(steps)
            checks.append(self._residual(LinearSystemTask(system, rhs, None, self._rtol, self._atol), step))
            return step.x

        for _ in islice(self._problem.march(answer), len(solution.steps)):
            pass
        complete = len(checks) == self._problem.steps
        return float(np.max([residual for residual, _ in checks])), complete and all(met for _, met in checks)

    @staticmethod
    def _residual(task: LinearSystemTask, solution: Solution) -> tuple[float, bool]:
        if tuple(solution.x.shape) != tuple(task.rhs.shape):
            return math.nan, False
        norms = task.residual_norms(task.from_caller(solution.x))
        return task.relative(norms), bool((norms <= SLACK * task.targets).all())


@dataclass(eq=False)
class Competitor:
    """A solver that takes part in a comparison, and what has been measured of it so far."""

    label: str
    solver: Solver | None
    error: str = ""
    rounds: list[tuple[float, float]] = field(default_factory=list)
    residual: float = 0.0
    met: bool = True
    memory: int | None = None
    solution: Solution | None = None

    def measurement(self, problem: Any) -> Measurement:
        """Return the measurements so far, on `problem`, as one record."""
        solution = self.solution
        if self.error or solution is None:
            return Measurement(self.label, note=self.error)
        note = "" if solution.converged else solution.status.value
        if solution.converged and not self.met:
            note = (
                f"It claims a relative residual of {solution.residual:.1e}; recomputed from its answer it is"
                f" {self.residual:.1e}."
            )
        steps = _systems(solution)
        return Measurement(
            solver=self.label,
            status=solution.status,
            met=self.met,
            prepare=tuple(prepare for prepare, _ in self.rounds),
            solve=tuple(solve for _, solve in self.rounds),
            iterations=sum(step.iterations for step in steps),
            residual=self.residual,
            error=error_of(problem, solution),
            memory=self.memory,
            history=steps[0].history,
            note=note,
            stats=solution.stats,
        )


@dataclass(frozen=True, eq=False)
class Conditions:
    """Problem, controls, check, rounds and threads, which are the same for every solver of a comparison."""

    problem: Any
    controls: Mapping[str, Any]
    check: ResidualCheck
    repeat: int
    threads: int | None


def run_rounds(competitors: Sequence[Competitor], conditions: Conditions, progress: bool) -> None:
    """Run a warm-up round, a round that measures memory, and the rounds that count.

    A warm-up longer than `LONG` seconds counts as the solver's first round and as its memory round. A solver that
    takes less than `SHORT` seconds is repeated until they have passed, because a single run of a millisecond measures
    the state of the caches rather than the solver.

    Raises
    ------
    UnknownName, UnknownOption
        For a misspelt option of a solver. Any other error is recorded for its solver, and the others go on.
    """
    with _progress_bar(progress, (conditions.repeat + 2) * len(competitors)) as advance, _loaded_modules_left_alone():
        for number in range(conditions.repeat + 2):
            gc.collect()
            for competitor in competitors:
                advance(f"{_round_name(number, conditions.repeat)}: {competitor.label}")
                enough = len(competitor.rounds) >= (1 if number == 1 else conditions.repeat)
                if competitor.error or enough:
                    continue
                try:
                    _run(competitor, conditions, counted=number > 1)
                except (UnknownName, UnknownOption):
                    raise
                except Exception as error:  # one solver that fails must not end the comparison of the others
                    competitor.error = one_line(error)


@contextmanager
def _loaded_modules_left_alone() -> Generator[None, None, None]:
    """Hide existing objects from the garbage collector: torch alone holds millions, and none of them is garbage."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _run(competitor: Competitor, conditions: Conditions, counted: bool) -> None:
    solver, first = competitor.solver, first_system(conditions.problem)
    assert solver is not None
    competitor.solution = None

    def once() -> tuple[Solution, float, float]:
        start = time.perf_counter()
        prepared = solver.prepare(first)
        middle = time.perf_counter()
        solution = solve_prepared(conditions.problem, prepared, None, dict(conditions.controls))
        end = time.perf_counter()
        recording = sum(step.timings.get("recording", 0.0) for step in _systems(solution))
        return solution, middle - start, end - middle - recording

    with pinned_threads(conditions.threads):
        if counted:
            runs = [once()]
            while sum(prepare + solve for _, prepare, solve in runs) < SHORT:
                runs.append(once())
            competitor.solution = runs[-1][0]
            seconds = [median(run[1] for run in runs), median(run[2] for run in runs)]
        else:
            (competitor.solution, *seconds), competitor.memory = peak_memory(once)
        if competitor.solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        residual, met = conditions.check(competitor.solution)
    if counted or sum(seconds) > LONG:
        competitor.rounds.append((seconds[0], seconds[1]))
    competitor.residual = float(np.maximum(competitor.residual, residual))  # NaN stays
    competitor.met &= met


def _systems(solution: Solution) -> tuple[Solution, ...]:
    return solution.steps if isinstance(solution, Trajectory) else (solution,)


def error_of(problem: Any, solution: Solution) -> float:
    """Return the error of a solution relative to the exact solution of its problem, NaN if that is unknown.

    The problem may hold its exact solution as an array, as a function of the number of steps (a sequence), or as a
    function of the coordinates.
    """
    exact: Any = getattr(problem, "exact", None)
    if isinstance(problem, SystemSequence):
        exact = exact(problem.steps) if exact is not None and len(_systems(solution)) == problem.steps else None
    elif callable(exact):
        exact = exact(*solution.grid.coordinates()) if solution.grid is not None else None
    if exact is None or tuple(np.shape(exact))[:1] != tuple(solution.x.shape)[:1]:
        return math.nan
    return solution.error(exact)


def solver_label(solver: Solver) -> str:
    """Return the name of a solver, followed by its non-default options in parentheses."""
    options: list[str] = []
    for option in fields(solver):  # pyright: ignore[reportArgumentType]
        value = getattr(solver, option.name)
        default = option.default_factory() if callable(option.default_factory) else option.default
        if value is not default and not (isinstance(value, type(default)) and value == default):
            options.append(value if isinstance(value, str) else f"{option.name}={value}")
    name = registered_name(solver)
    return f"{name}({', '.join(options)})" if options else name


def one_line(error: Exception) -> str:
    """Return the type and the message of an error on one line."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"


def _round_name(number: int, repeat: int) -> str:
    return ("warm-up", "memory")[number] if number < 2 else f"round {number - 1} of {repeat}"


@contextmanager
def _progress_bar(enabled: bool, total: int) -> Generator[Callable[[str], None]]:
    """Yield a function that announces the next run; the bar is redrawn only then, so it does not disturb timings."""
    if not enabled:
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as bar:
        task = bar.add_task("", total=total)
        done = -1

        def advance(text: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, completed=done, description=text, refresh=True)

        yield advance
