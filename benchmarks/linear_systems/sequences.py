"""Starting vectors in sequences of systems: zero, the previous solution, and extrapolation."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from benchmarks.harness import Suite
from ritz import problems
from ritz.comparing.environment import environment, pinned_threads
from ritz.problem_types.linear_system import SystemSequence
from ritz.sequences.extrapolation import Extrapolation
from ritz.solver import Prepared, make_solver

from .cases import squares

SOLVERS = ("cg", "mic-cg", "amg-cg")
STARTS = ("zero", "previous", "extrapolated")
FAMILIES: dict[str, Callable[..., SystemSequence]] = {
    "pressure projection": problems.pressure_projection,
    "heat": problems.heat,
    "heat, long steps": lambda shape, steps: problems.heat(shape, steps=steps, dt=1e-2),
    "heat, Crank-Nicolson": lambda shape, steps: problems.heat(shape, steps=steps, scheme="crank-nicolson"),
}


def run(quick: bool) -> list[dict[str, Any]]:
    """Time the solves and initial guesses of every sequence, with interleaved kinds of starting vectors."""
    rows: list[dict[str, Any]] = []
    for shape in squares(24) if quick else squares(64, 256):
        for name, make in FAMILIES.items():
            sequence = make(shape, steps=5 if quick else 20)
            Console(stderr=True).print(f"sequences: {name}, {sequence.first().size} unknowns")
            for solver in SOLVERS:
                prepared = make_solver(solver, {}).prepare(sequence.first())
                with pinned_threads(1):
                    for rtol in (1e-4, 1e-8):
                        rows += _compare(sequence, prepared, {"family": name, "solver": solver, "rtol": rtol}, quick)
    return rows


def _compare(sequence: SystemSequence, prepared: Prepared, labels: dict[str, Any], quick: bool) -> list[dict[str, Any]]:
    taken: dict[str, list[tuple[float, float, float]]] = {start: [] for start in STARTS}
    for _ in range(2 if quick else 4):
        for start in STARTS:
            taken[start].append(_march(sequence, prepared, start, labels["rtol"]))
    seconds = {start: [step for step, _, _ in runs[1:]] for start, runs in taken.items()}  # the first run compiles
    return [
        {
            "suite": "sequences",
            **labels,
            "start": start,
            "unknowns": sequence.first().size,
            "iterations": runs[0][1],
            "residual": max(residual for _, _, residual in runs),
            "converged": all(residual <= labels["rtol"] for _, _, residual in runs),
            "step": {"median": median(seconds[start]), "min": min(seconds[start]), "max": max(seconds[start])},
            "ratio": median(seconds[start]) / median(seconds["previous"]),
            "environment": environment(threads=1),
        }
        for start, runs in taken.items()
    ]


def _march(sequence: SystemSequence, prepared: Prepared, start: str, rtol: float) -> tuple[float, float, float]:
    """Return the mean seconds and iterations per step, and the largest residual."""
    extrapolation = Extrapolation(sequence.first().rhs)
    seconds, iterations, residuals = list[float](), list[int](), list[float]()
    previous: Any = None

    def answer(rhs: Any) -> Any:
        nonlocal previous
        begin = time.thread_time()
        guess = None if start == "zero" else previous
        if start == "extrapolated" and previous is not None:
            guess, _ = extrapolation.guess(rhs)
        solution = prepared.solve(rhs, x0=guess, rtol=rtol)
        if start == "extrapolated":
            extrapolation.append(solution.x, rhs, solution.residual)
        seconds.append(time.thread_time() - begin)
        iterations.append(solution.iterations)
        residuals.append(solution.residual)
        previous = solution.x
        return previous

    for _ in sequence.march(answer):
        pass
    return float(np.mean(seconds)), float(np.mean(iterations)), max(residuals)


def by_case(rows: list[dict[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """Return the rows of each case by kind of starting vector."""
    cases: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
    for row in rows:
        key = (row["family"], row["unknowns"], row["solver"], row["rtol"])
        cases.setdefault(key, {})[row["start"]] = row
    return list(cases.values())


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return milliseconds (iterations) per step, with one row per case."""
    table = Table("problem", "unknowns", "solver", "rtol", *STARTS, "against previous")
    for case in by_case(rows):
        one = case["zero"]
        table.add_row(
            *(one["family"], f"{one['unknowns']:,}", one["solver"], f"{one['rtol']:g}"),
            *(f"{1e3 * case[start]['step']['median']:.2f} ({case[start]['iterations']:.1f})" for start in STARTS),
            f"{1 / case['extrapolated']['ratio']:.2f}x",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the gain over the previous solution, with one bar per case of the largest size."""
    largest = max(row["unknowns"] for row in rows)
    cases = [case for case in by_case(rows) if case["zero"]["unknowns"] == largest]
    labels = ["{family}, {solver}, {rtol:g}".format(**case["zero"]) for case in cases]
    figure = Figure(figsize=(7.0, 1.0 + 0.22 * len(cases)), layout="constrained")
    panel = figure.subplots()
    panel.barh(labels, [1 / case["extrapolated"]["ratio"] for case in cases], color="C0")
    panel.axvline(1.0, color="0.4", linestyle="--", linewidth=1)
    panel.set(xlabel="time per step, previous solution / extrapolated", title=f"{largest:,} unknowns")
    panel.invert_yaxis()
    panel.tick_params(axis="y", labelsize=7)
    return figure


SUITE = Suite("sequences", "What do extrapolated starting vectors gain over the previous solution?", run, summary, plot)
