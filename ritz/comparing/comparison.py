"""Comparisons of solvers on one problem under equal conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

from ritz.arguments import check_integer
from ritz.comparing.environment import environment, pinned_threads
from ritz.comparing.measurement import (
    Competitor,
    Conditions,
    Measurement,
    ResidualCheck,
    one_line,
    run_rounds,
    solver_label,
)
from ritz.comparing.results import ComparisonResults
from ritz.errors import InvalidProblem, MissingExtra
from ritz.files import check_folder, to_json, write_atomically
from ritz.problem_types.linear_system import LinearSystem, SystemSequence
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
class Comparison(ComparisonResults):
    """Results of `compare`; print them, plot them, or save them.

    Parameters
    ----------
    measurements : tuple of Measurement
        One per solver, in the order given.
    problem : mapping
        Name, kind, number of unknowns and dtype.
    controls : mapping
        ``rtol``, ``atol``, ``maxiter`` and ``repeat``.
    baseline : str
        Label of the solver that ratios refer to.
    environment : mapping
        See `ritz.comparing.environment.environment`.
    solution : Solution or None
        Solution of the first solver that converged, for plots.
    """

    def table(self) -> Table:
        """Return a rich table with one row per solver; below it the reasons of failures."""
        from ritz.comparing.tables import comparison_table

        return comparison_table(self)

    def plot(self) -> Figure:
        """Return a matplotlib figure of the convergence histories and of the times to prepare and to solve."""
        from ritz.comparing.report import plot_comparison

        return plot_comparison(self)

    def to_json(self, path: str | Path | None = None, **extra: Any) -> str:
        """Return the comparison as JSON, and write it to `path` if one is given; NaN becomes null.

        Further keywords, such as ``command=...``, are saved as further entries.
        """
        text = to_json({**self.contents(), **extra})
        if path is not None:
            write_atomically(path, text)
        return text

    def to_html(self, path: str | Path) -> Path:
        """Write a self-contained HTML page with the table, the plots, the solution and the environment."""
        from ritz.comparing.report import comparison_page

        path = check_folder(path)
        return write_atomically(path, comparison_page(self))

    def to_dataframe(self) -> Any:
        """Return a ``pandas.DataFrame`` with one row per solver: seconds, bytes, residuals and outcomes.

        Raises
        ------
        MissingExtra
            Without pandas: ``pip install 'ritz[files]'``.
        """
        from ritz.comparing.exports import data_frame

        return data_frame(self)

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the rows of `to_dataframe` as comma-separated values, and write them to `path` if one is given."""
        from ritz.comparing.exports import csv_text

        return self._written(csv_text(self), path)

    def to_latex(self, path: str | Path | None = None) -> str:
        """Return the table as LaTeX in the style of booktabs, and write it to `path` if one is given."""
        from ritz.comparing.exports import latex_table

        return self._written(latex_table(self), path)

    def _written(self, text: str, path: str | Path | None) -> str:
        if path is not None:
            write_atomically(path, text)
        return text

    def _repr_html_(self) -> str:
        from ritz.comparing.exports import comparison_html

        return comparison_html(self)

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

    Every solver gets the same problem and tolerance. The solvers take turns in each round, so changes in the speed of
    the machine affect all of them. The first round warms up compilers and caches and is not counted, except for a
    solver that takes longer than 30 s: for that solver it counts as the first. Peak memory is measured in a further
    round that is not counted. Solves of milliseconds are repeated within a round, and their median counts. Residuals
    are recomputed from the solution, the operator and the right-hand side.

    Parameters
    ----------
    problem : problem object, or a matrix or operator
    *arguments : array, then sequence of SolverEntry
        The right-hand side if `problem` is a matrix or operator, then the solvers.
    solvers : sequence of SolverEntry, optional
        Registered names, solver objects, or pairs ``(label, solver)``; ``("auto", "scipy-cg")`` by default.
    rtol, atol, maxiter
        As for `ritz.solve`.
    repeat : int
        Number of rounds that count.
    threads : int or None
        Number of threads for BLAS, OpenMP, numba and torch; None leaves their settings alone.
    seed : int, optional
        Seed of solvers that make random choices.
    baseline : str, optional
        Label of the solver that ratios refer to: by default ``"scipy-cg"`` if it takes part, else the first.
    progress : bool
        Show which solver is running.

    Returns
    -------
    Comparison
        A solver that cannot take the problem, lacks a package, fails or does not converge keeps its row, with the
        reason.

    Raises
    ------
    InvalidProblem
        For an invalid problem, tolerance, label, `repeat` or `threads`.
    UnknownName, UnknownOption
        With close matches.

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
    repeat = check_integer("repeat", repeat)
    with pinned_threads(threads):
        check = ResidualCheck(problem, rtol, atol)
    competitors = _competitors([chosen] if isinstance(chosen, str) else list(chosen), seed)
    base = _baseline_label(baseline, [competitor.label for competitor in competitors])
    controls = {"rtol": rtol, "atol": atol, "maxiter": maxiter}
    run_rounds(competitors, Conditions(problem, controls, check, repeat, threads), progress)
    rows = [competitor.measurement(problem) for competitor in competitors]
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
        solution=next((c.solution for c, row in zip(competitors, rows, strict=True) if row.converged), None),
    )


def _competitors(entries: Sequence[SolverEntry], seed: int | None) -> list[Competitor]:
    if not entries:
        raise InvalidProblem("solvers is empty: give at least one name or solver object")
    competitors: list[Competitor] = []
    for entry in entries:
        label, solver = entry if isinstance(entry, tuple) else (None, entry)
        try:
            made = seeded_solver(solver, seed, {})
            competitors.append(Competitor(label or (solver if isinstance(solver, str) else solver_label(made)), made))
        except MissingExtra as error:
            competitors.append(Competitor(label or str(solver), None, one_line(error)))
    labels = [competitor.label for competitor in competitors]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InvalidProblem(f"the label {twice[0]!r} stands for two solvers: give them as (label, solver)")
    return competitors


def _baseline_label(baseline: str | None, labels: list[str]) -> str:
    if baseline is None:
        return BASELINE if BASELINE in labels else labels[0]
    if baseline not in labels:
        raise InvalidProblem(f"baseline {baseline!r} is not among the solvers compared: {', '.join(labels)}")
    return baseline


def describe_problem(problem: Any) -> dict[str, Any]:
    """Return the name, kind and size of a problem as JSON values."""
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
