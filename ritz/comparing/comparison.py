"""Solvers on one problem, on equal terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from ritz.comparing.environment import environment, pinned_threads
from ritz.comparing.measurement import Entrant, Judge, Measurement, Terms, run_rounds, sentence, solver_label
from ritz.errors import InvalidProblem, MissingExtra
from ritz.files import check_folder, to_json, write_atomically
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
from ritz.solution import Solution
from ritz.solver import Solver
from ritz.solving import first_system, read_arguments, seeded_solver

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["Comparison", "Measurement", "SolverEntry", "compare", "describe_problem"]

SolverEntry: TypeAlias = str | Solver | tuple[str, str | Solver]
"""A registered name, a solver object, or a label with either."""

DEFAULT_SOLVERS = ("auto", "scipy-cg")
BASELINE = "scipy-cg"


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found; print it, draw it, or save it.

    Parameters
    ----------
    measurements : tuple of Measurement
        One a solver, in the order given.
    problem : mapping
        Name, kind, number of unknowns and dtype.
    controls : mapping
        ``rtol``, ``atol``, ``maxiter`` and ``repeat``.
    baseline : str
        Label of the solver that ratios refer to.
    environment : mapping
        See `ritz.comparing.environment.environment`.
    solution : Solution or None
        That of the first solver that converged, for the picture.
    """

    measurements: tuple[Measurement, ...]
    problem: Mapping[str, Any]
    controls: Mapping[str, Any]
    baseline: str
    environment: Mapping[str, Any]
    solution: Solution | None = field(default=None, repr=False)

    def __getitem__(self, solver: str) -> Measurement:
        for row in self.measurements:
            if row.solver == solver:
                return row
        raise KeyError(solver)

    @property
    def name(self) -> str:
        """What the problem is called."""
        return self.problem["name"]

    @property
    def terms(self) -> str:
        """The size of the problem and what every solver was given alike, in one line."""
        problem, controls, threads = self.problem, self.controls, self.environment["threads"]
        terms = [f"{problem['unknowns']:,} unknowns", problem["dtype"]] if problem["unknowns"] else []
        terms += [f"{problem['steps']} systems"] if problem["steps"] else []
        terms += [f"rtol {controls['rtol']:g}"] + ([f"atol {controls['atol']:g}"] if controls["atol"] else [])
        terms += [f"{threads} thread{'s' if threads > 1 else ''}" if threads else "threads not pinned"]
        return ", ".join([*terms, f"median of {controls['repeat']}"])

    def table(self) -> Table:
        """Return a rich table: one row a solver, failures with their reason below."""
        from ritz.comparing.tables import comparison_table

        return comparison_table(self)

    def plot(self) -> Figure:
        """Return a matplotlib figure: convergence histories, and bars of the time to prepare and to solve."""
        from ritz.comparing.report import plot_comparison

        return plot_comparison(self)

    def to_json(self, path: str | Path | None = None, **besides: Any) -> str:
        """Return the comparison as JSON, and write it to `path` if one is given; NaN becomes null.

        What is given `besides`, such as ``command=...``, is saved with it.
        """
        text = to_json({**self._contents(), **besides})
        if path is not None:
            write_atomically(path, text)
        return text

    def to_html(self, path: str | Path) -> Path:
        """Write one self-contained HTML page: table, plots, picture of the solution, environment."""
        from ritz.comparing.report import comparison_page

        path = check_folder(path)
        return write_atomically(path, comparison_page(self))

    def _contents(self) -> dict[str, Any]:
        rows = []
        for row in self.measurements:
            content = {option.name: getattr(row, option.name) for option in fields(row)}
            content["status"] = row.status.name if row.status else None
            content["converged"] = row.converged
            for phase in ("prepare", "solve", "total"):
                content[phase] = _spread(getattr(row, phase))
            rows.append(content)
        return {
            "problem": self.problem,
            "controls": self.controls,
            "baseline": self.baseline,
            "measurements": rows,
            "environment": self.environment,
        }

    def __str__(self) -> str:
        from ritz.comparing.tables import text_of

        return text_of(self.table())


def compare(
    problem: Any,
    *arguments: Any,
    solvers: Iterable[SolverEntry] | None = None,
    rtol: float = 1e-8,
    atol: float = 0.0,
    maxiter: int | None = None,
    repeat: int = 3,
    threads: int | None = 1,
    seed: int | None = None,
    baseline: str | None = None,
    progress: bool = False,
) -> Comparison:
    """Time solvers on one problem: ``compare(problem, solvers)`` or ``compare(A, b, solvers)``.

    Every solver is given the same problem and tolerance. In each round the solvers run in turn, so that a change in
    the speed of the machine meets all of them. A first round is not counted (compilation, caches), unless it takes
    a solver longer than 30 s: then it counts as that solver's first. Peak memory is measured in another round that
    is not counted. Solves of milliseconds are repeated within a round, and their median counts. The residual is
    recomputed from the answer, the operator and the right-hand side.

    Parameters
    ----------
    problem : problem object, or a matrix or operator
    *arguments : array, then sequence of SolverEntry
        The right-hand side where `problem` is a matrix or operator, then the solvers.
    solvers : sequence of SolverEntry, optional
        Registered names, solver objects, or ``(label, solver)``; ``("auto", "scipy-cg")`` if None.
    rtol, atol, maxiter
        As for `ritz.solve`.
    repeat : int
        Counted rounds.
    threads : int or None
        Threads that BLAS, OpenMP, numba and torch may use; None leaves them as they are.
    seed : int, optional
        For solvers that make random choices.
    baseline : str, optional
        Label of the solver that ratios refer to: ``"scipy-cg"`` if it takes part, else the first.
    progress : bool
        Show which solver runs.

    Returns
    -------
    Comparison
        A solver that cannot take the problem, lacks a package, fails or does not converge stays in it, with that
        said.

    Raises
    ------
    InvalidProblem
        Bad problem, tolerances, labels, `repeat` or `threads`.
    UnknownName, UnknownOption
        Naming close matches.

    Examples
    --------
    >>> import numpy as np, ritz
    >>> comparison = ritz.compare(np.diag([1.0, 2.0, 3.0]), np.ones(3), ["cg", "lu"], repeat=1)
    >>> [(row.solver, row.converged) for row in comparison.measurements]
    [('cg', True), ('lu', True)]
    """
    problem, positional = read_arguments(problem, arguments, default=None)
    if positional is not None and solvers is not None:
        raise TypeError("compare was given solvers twice: by position and by name")
    chosen = positional if positional is not None else solvers if solvers is not None else DEFAULT_SOLVERS
    if repeat < 1:
        raise InvalidProblem(f"repeat is {repeat}; at least one round must be counted")
    with pinned_threads(threads):
        judge = Judge(problem, rtol, atol)
    entrants = _entrants([chosen] if isinstance(chosen, str) else list(chosen), seed)
    base = _baseline_label(baseline, [entrant.label for entrant in entrants])
    controls = {"rtol": rtol, "atol": atol, "maxiter": maxiter}
    run_rounds(entrants, Terms(problem, controls, judge, repeat, threads), progress)
    rows = [entrant.measurement(problem) for entrant in entrants]
    reference = next(row for row in rows if row.solver == base)
    if reference.converged:
        scale = median(reference.total)
        rows = [replace(row, ratio=median(row.total) / scale) if row.converged else row for row in rows]
    return Comparison(
        measurements=tuple(rows),
        problem=describe_problem(problem),
        controls={**controls, "repeat": repeat},
        baseline=base,
        environment=environment(threads=threads, seed=seed),
        solution=next((e.solution for e, row in zip(entrants, rows, strict=True) if row.converged), None),
    )


def _entrants(entries: Sequence[SolverEntry], seed: int | None) -> list[Entrant]:
    if not entries:
        raise InvalidProblem("solvers is empty: give at least one name or solver object")
    entrants: list[Entrant] = []
    for entry in entries:
        label, solver = entry if isinstance(entry, tuple) else (None, entry)
        try:
            made = seeded_solver(solver, seed, {})
            entrants.append(Entrant(label or (solver if isinstance(solver, str) else solver_label(made)), made))
        except MissingExtra as error:
            entrants.append(Entrant(label or str(solver), None, sentence(error)))
    labels = [entrant.label for entrant in entrants]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InvalidProblem(f"the label {twice[0]!r} stands for two solvers: give them as (label, solver)")
    return entrants


def _baseline_label(baseline: str | None, labels: list[str]) -> str:
    if baseline is None:
        return BASELINE if BASELINE in labels else labels[0]
    if baseline not in labels:
        raise InvalidProblem(f"baseline {baseline!r} is not among the solvers compared: {', '.join(labels)}")
    return baseline


def describe_problem(problem: Any) -> dict[str, Any]:
    """Return the name, kind and size of a problem, ready for JSON."""
    system = first_system(problem)
    described = isinstance(system, LinearSystem)
    return {
        "name": getattr(problem, "name", "") or type(problem).__name__,
        "kind": type(problem).__name__,
        "unknowns": system.size if described else None,
        "dtype": system.dtype.name if described else None,
        "shape": list(problem.grid.shape) if getattr(problem, "grid", None) is not None else None,
        "steps": problem.steps if isinstance(problem, SystemSequence) else None,
    }


def _spread(seconds: tuple[float, ...]) -> dict[str, Any] | None:
    if not seconds:
        return None
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds), "rounds": list(seconds)}
