"""Tools shared by all suites: measurement of cases, growth exponents, JSON lines and plots.

Measurements are those of `ritz.compare`: interleaved rounds after a warm-up, pinned threads, equal true residuals
recomputed from the answers, and peak memory in a separate round.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter
from rich.console import Console
from rich.table import Table

import ritz
from ritz.comparing.comparison import SolverEntry
from ritz.files import to_json, write_atomically
from ritz.solving import first_system

RTOL = 1e-8
TIME_LIMIT = 5.0  # largest expected time of a solver, seconds
GROWTH = 1.5  # exponent for extrapolating times from the previous size
TELLING = 5000  # unknowns from which times show which solver is hopeless


@dataclass(frozen=True)
class Case:
    """A problem to measure on, built only when it is needed.

    A `family` groups cases that differ only in size; growth exponents are fitted over it.
    """

    family: str
    make: Callable[[], Any]


@dataclass(frozen=True)
class Suite:
    """A benchmark: the question it answers, its measurements, and their summary and plot."""

    name: str
    question: str
    run: Callable[[bool], list[dict[str, Any]]]
    summary: Callable[[list[dict[str, Any]]], Table]
    plot: Callable[[list[dict[str, Any]]], Figure]


def measure(
    suite: str,
    cases: Iterable[Case],
    solvers: Sequence[SolverEntry],
    *,
    repeat: int = 5,
    baseline: str | None = None,
    hopeless: float = math.inf,
    time_limit: float = TIME_LIMIT,
    rtol: float = RTOL,
    maxiter: int | None = None,
) -> list[dict[str, Any]]:
    """Return one row per case and solver.

    A solver skips a case if it failed on smaller cases of the family, or if their times suggest that it takes more than
    `time_limit` seconds or `hopeless` times as long as the fastest.
    """
    rows: list[dict[str, Any]] = []
    before: dict[tuple[str, str], tuple[int, float]] = {}  # unknowns and seconds in the previous case of the family
    console = Console(stderr=True)
    for case in cases:
        problem = case.make()
        size = first_system(problem).size

        def expected(entry: SolverEntry, family: str = case.family, size: int = size) -> float:
            unknowns, seconds = before.get((family, _label(entry)), (size, 0.0))
            return seconds * (size / unknowns) ** GROWTH

        limit = time_limit
        known = [seconds for entry in solvers if (seconds := expected(entry))]
        if known and max(unknowns for (family, _), (unknowns, _) in before.items() if family == case.family) > TELLING:
            limit = min(limit, hopeless * min(known))
        competing = [entry for entry in solvers if _label(entry) == baseline or expected(entry) <= limit]
        if not competing:
            console.print(f"{suite}: {case.family}, {size} unknowns: every solver is expected to take too long")
            continue
        comparison = ritz.compare(problem, competing, rtol=rtol, maxiter=maxiter, repeat=repeat, baseline=baseline)
        console.print(f"{suite}: {case.family}, {comparison.problem['unknowns']} unknowns")
        for row in comparison.measurements:
            seconds = {phase: _spread(getattr(row, phase)) for phase in ("prepare", "solve", "total")}
            if row.total:  # a failure may have been immediate, and its time says nothing about the next size
                before[case.family, row.solver] = (size, median(row.total) if row.converged else math.inf)
            rows.append(
                {
                    "suite": suite,
                    "family": case.family,
                    "problem": comparison.problem,
                    "unknowns": comparison.problem["unknowns"],
                    "solver": row.solver,
                    "outcome": row.outcome,
                    "converged": row.converged,
                    **seconds,
                    "iterations": row.iterations,
                    "residual": row.residual,
                    "memory": row.memory,
                    "ratio": row.ratio,
                    "chosen": row.stats.get("chosen"),
                    "note": row.note,
                    "environment": comparison.environment,
                }
            )
    return rows


def timed_in_turn(calls: Mapping[Any, Callable[[], Any]], rounds: int) -> dict[Any, float]:
    """Return the median seconds of each call over interleaved rounds, after a warm-up."""
    seconds: dict[Any, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: median(times) for name, times in seconds.items()}


def growth_exponents(rows: list[dict[str, Any]], phase: str = "total") -> dict[tuple[str, str], float]:
    """Return the exponent p of ``seconds ~ unknowns^p`` by family and solver, fitted to at least three sizes."""
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        if row["converged"]:
            key = (row["family"], row["solver"])
            points.setdefault(key, []).append((row["unknowns"], row[phase]["median"]))
    fits: dict[tuple[str, str], float] = {}
    for key, pairs in points.items():
        if len({size for size, _ in pairs}) >= 3:
            size, seconds = np.log(np.array(pairs)).T
            fits[key] = float(np.polyfit(size, seconds, 1)[0])
    return fits


def save(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as JSON lines."""
    lines = [json.dumps(json.loads(to_json(row)), separators=(",", ":")) for row in rows]
    write_atomically(path, "\n".join(lines) + "\n")


def load(path: Path) -> list[dict[str, Any]]:
    """Read rows written by `save`."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for key in ("ratio", "residual"):
            if key in row and row[key] is None:
                row[key] = math.nan
    return rows


def plot_time(rows: list[dict[str, Any]], families: Sequence[str]) -> Figure:
    """Plot the total time per unknown against the size, with one panel per family and one line per solver."""
    figure = Figure(figsize=(5.2 * len(families), 4.2), layout="constrained")
    panels = figure.subplots(1, len(families), squeeze=False)[0]
    names = list(dict.fromkeys(row["solver"] for row in rows))
    for panel, family in zip(panels, families, strict=True):
        for number, name in enumerate(names):
            mine = [r for r in rows if r["family"] == family and r["solver"] == name and r["converged"]]
            if mine:
                size = [row["unknowns"] for row in mine]
                middle = np.array([row["total"]["median"] / row["unknowns"] for row in mine]) * 1e9
                low = middle - np.array([row["total"]["min"] / row["unknowns"] for row in mine]) * 1e9
                high = np.array([row["total"]["max"] / row["unknowns"] for row in mine]) * 1e9 - middle
                style = {"color": f"C{number % 10}", "marker": "os^Dvx*P<>"[number % 10], "markersize": 5}
                panel.errorbar(size, middle, yerr=[low, high], label=name, linewidth=1.4, capsize=2, **style)
        panel.set(xscale="log", yscale="log", title=family, xlabel="unknowns", ylabel="prepare + solve, ns per unknown")
        panel.grid(alpha=0.3, which="both")
        sizes = sorted({row["unknowns"] for row in rows if row["family"] == family})
        if sizes and sizes[-1] < 100 * sizes[0]:  # ticks at decades would be too few, minor ticks too many
            panel.set_xticks(sizes, [EngFormatter(places=0, sep="")(size) for size in sizes])
            panel.xaxis.set_minor_formatter(NullFormatter())
    panels[0].legend(fontsize=8)
    return figure


def _label(entry: SolverEntry) -> str:
    from ritz.comparing.measurement import solver_label
    from ritz.solver import Solver

    if isinstance(entry, tuple):
        return entry[0]
    return solver_label(entry) if isinstance(entry, Solver) else entry


def _spread(seconds: tuple[float, ...]) -> dict[str, float] | None:
    if not seconds:
        return None
    return {"median": median(seconds), "min": min(seconds), "max": max(seconds)}
