"""Running solvers in turn and measuring what each does."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from statistics import median
from typing import Any

import numpy as np

from ritz.comparing.environment import pinned_threads
from ritz.comparing.memory import peak_memory
from ritz.errors import UnknownName, UnknownOption
from ritz.iteration import Task
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.sequences.trajectory import Trajectory
from ritz.solution import Solution, Status
from ritz.solver import Solver, registered_name
from ritz.solving import first_system, solve_prepared
from ritz.stopping import check_tolerances

__all__ = ["Entrant", "Judge", "Measurement", "Terms", "error_of", "run_rounds", "sentence", "solver_label"]

LONG = 30.0  # seconds after which the warm-up counts as the first round
SHORT = 0.02  # seconds up to which a solver is run again and again in a round, of which the median counts
SLACK = 1.01  # rounding by which a recomputed residual may exceed the tolerance


@dataclass(frozen=True, eq=False)
class Measurement:
    """What one solver did in a comparison.

    Parameters
    ----------
    solver : str
        Label.
    status : Status or None
        As the solver said; None if it raised an error instead.
    met : bool
        Whether the residual recomputed by the comparison meets the tolerance.
    prepare, solve : tuple of float
        Wall seconds in each counted round, less ``timings["recording"]``: what a solver spends on its history alone,
        such as the residual norms that another package's callback does not give.
    iterations : int
        Of all systems of a sequence together.
    residual : float
        Relative true residual recomputed by the comparison: the largest over rounds, columns and systems. For a
        problem that each solver discretises in its own way, the solver's own.
    error : float
        ``||x - exact|| / ||exact||`` for a problem that holds its solution, NaN otherwise; of a discretised PDE this
        is mostly its discretisation error.
    memory : int or None
        Peak additional host memory in bytes, `prepare` and `solve` together.
    history : ndarray
        Relative residuals as the solver knew them, of the first system of a sequence.
    ratio : float
        Median total time over that of the baseline; NaN unless both have converged.
    note : str
        What went wrong, if anything did.
    stats : mapping
        What the solver reports besides.
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
        """Whether the solver says so, and its answer bears it out."""
        return self.status is Status.CONVERGED and self.met

    @property
    def outcome(self) -> str:
        """How it ended, in one or two words."""
        if self.status is None:
            return "failed"
        if self.status is Status.CONVERGED and not self.met:
            return "untrue"
        if self.status is Status.MAX_ITERATIONS:
            return "at limit"
        return self.status.name.lower().replace("_", " ")

    @property
    def remark(self) -> str:
        """What a reader of the table must know besides: what went wrong, or what `auto` chose."""
        return self.note or (f"chose {self.stats['chosen']}" if "chosen" in self.stats else "")

    @property
    def total(self) -> tuple[float, ...]:
        """Wall seconds of each counted round, preparing and solving together."""
        return tuple(a + b for a, b in zip(self.prepare, self.solve, strict=True))


class Judge:
    """Recompute residuals; bad tolerances and inconsistent right-hand sides are refused here, once for all."""

    def __init__(self, problem: Any, rtol: float, atol: float):
        self._problem, self._rtol, self._atol = problem, rtol, atol
        first = first_system(problem)
        check_tolerances(rtol, atol, first.dtype if isinstance(first, LinearSystem) else np.dtype(np.float64))
        self._first = Task(first, None, None, rtol, atol) if isinstance(first, LinearSystem) else None

    def verdict(self, solution: Solution) -> tuple[float, bool]:
        """Return the relative true residual, and whether it meets the tolerance."""
        if self._first is None:
            return solution.residual, solution.converged
        if not isinstance(self._problem, SystemSequence):
            return self._residual(self._first, solution)
        if not isinstance(solution, Trajectory):
            return math.nan, False
        sequence, state = self._problem, self._problem.state
        verdicts: list[tuple[float, bool]] = []
        for step in solution.steps:
            task = Task(self._first.system, sequence.rhs(state), None, self._rtol, self._atol)
            verdicts.append(self._residual(task, step))
            state = sequence.advance(state, step.x)
        complete = len(verdicts) == sequence.steps
        return float(np.max([residual for residual, _ in verdicts])), complete and all(met for _, met in verdicts)

    @staticmethod
    def _residual(task: Task, solution: Solution) -> tuple[float, bool]:
        if tuple(solution.x.shape) != tuple(task.rhs.shape):
            return math.nan, False
        norms = task.residual_norms(solution.x)
        return task.relative(norms), bool((norms <= SLACK * task.targets).all())


@dataclass(eq=False)
class Entrant:
    """One solver and what has been measured of it so far."""

    label: str
    solver: Solver | None
    error: str = ""
    rounds: list[tuple[float, float]] = field(default_factory=list)
    residual: float = 0.0
    met: bool = True
    memory: int | None = None
    solution: Solution | None = None

    def measurement(self, problem: Any) -> Measurement:
        """Return what has been measured on `problem`."""
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
class Terms:
    """What every solver of a comparison is given alike."""

    problem: Any
    controls: Mapping[str, Any]
    judge: Judge
    repeat: int
    threads: int | None


def run_rounds(entrants: Sequence[Entrant], terms: Terms, progress: bool) -> None:
    """Run one round to warm up, one that measures memory, and the counted ones.

    A warm-up longer than `LONG` seconds counts as the solver's first round and stands for its memory too. In a
    counted round a solver that takes less than `SHORT` seconds runs until they have passed, as single runs of a
    millisecond tell more of the state of the caches than of the solver.

    Raises
    ------
    UnknownName, UnknownOption
        For a misspelt option of a solver; any other error of a solver is kept with it, and the rest go on.
    """
    with _progress_bar(progress, (terms.repeat + 2) * len(entrants)) as advance, _loaded_modules_left_alone():
        for number in range(terms.repeat + 2):
            gc.collect()
            for entrant in entrants:
                advance(f"{_round_name(number, terms.repeat)}: {entrant.label}")
                enough = len(entrant.rounds) >= (1 if number == 1 else terms.repeat)
                if entrant.error or enough:
                    continue
                try:
                    _run(entrant, terms, counted=number > 1)
                except (UnknownName, UnknownOption):
                    raise
                except Exception as error:  # whatever one solver does wrong, the others are still compared
                    entrant.error = sentence(error)


@contextmanager
def _loaded_modules_left_alone() -> Generator[None, None, None]:
    """Spare the collector what is there already: torch and its like hold millions of objects, none of them garbage."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _run(entrant: Entrant, terms: Terms, counted: bool) -> None:
    solver, first = entrant.solver, first_system(terms.problem)
    assert solver is not None
    entrant.solution = None

    def once() -> tuple[Solution, float, float]:
        start = time.perf_counter()
        prepared = solver.prepare(first)
        middle = time.perf_counter()
        solution = solve_prepared(terms.problem, prepared, None, dict(terms.controls))
        end = time.perf_counter()
        recording = sum(step.timings.get("recording", 0.0) for step in _systems(solution))
        return solution, middle - start, end - middle - recording

    with pinned_threads(terms.threads):
        if counted:
            runs = [once()]
            while sum(prepare + solve for _, prepare, solve in runs) < SHORT:
                runs.append(once())
            entrant.solution = runs[-1][0]
            seconds = [median(run[1] for run in runs), median(run[2] for run in runs)]
        else:
            (entrant.solution, *seconds), entrant.memory = peak_memory(once)
        if entrant.solution.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        residual, met = terms.judge.verdict(entrant.solution)
    if counted or sum(seconds) > LONG:
        entrant.rounds.append((seconds[0], seconds[1]))
    entrant.residual = float(np.maximum(entrant.residual, residual))  # NaN stays
    entrant.met &= met


def _systems(solution: Solution) -> tuple[Solution, ...]:
    return solution.steps if isinstance(solution, Trajectory) else (solution,)


def error_of(problem: Any, solution: Solution) -> float:
    """Return the relative error of a solution where the problem holds its own, NaN where it does not.

    A problem may hold it as an array, or as a function: of the number of steps (a sequence) or of the coordinates.
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
    """Return the name of a solver with the options that differ from their defaults, in brackets."""
    options: list[str] = []
    for option in fields(solver):  # pyright: ignore[reportArgumentType]
        value = getattr(solver, option.name)
        default = option.default_factory() if callable(option.default_factory) else option.default
        if value is not default and not (isinstance(value, type(default)) and value == default):
            options.append(value if isinstance(value, str) else f"{option.name}={value}")
    name = registered_name(solver)
    return f"{name}({', '.join(options)})" if options else name


def sentence(error: Exception) -> str:
    """Return an error as one line."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text}"


def _round_name(number: int, repeat: int) -> str:
    return ("warm-up", "memory")[number] if number < 2 else f"round {number - 1} of {repeat}"


@contextmanager
def _progress_bar(enabled: bool, total: int) -> Generator[Callable[[str], None]]:
    """Give a function that names what comes next; the bar is drawn only then, so that it disturbs no timing."""
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
