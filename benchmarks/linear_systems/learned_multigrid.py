"""Learned multigrid against its untrained counterpart, multigrid and classical algebraic multigrid."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Case, Suite, measure
from ritz import problems
from ritz.registry import recipes

LEARNED, HAND, UNTRAINED, CLASSICAL = "learned-multigrid", "hand-set", "multigrid", "pyamg-rs"
OBSTACLES, LARGE, SMALL = "obstacles 64^3", "obstacles 128^3", "inclusions 2e5, 64^2"
PLANE, SPACE = "inclusions 2e5, 512^2", "inclusions 1e5, 64^3"
RTOL = 1e-6
HELD_OUT = 2000  # first seed used neither for training nor for choosing its length
SEEDS = {OBSTACLES: 3, LARGE: 1, SMALL: 8, PLANE: 4, SPACE: 3}


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure on problems unseen in training."""
    from ritz.solvers.multigrid import LearnedMultigrid

    def system(name: str, seed: int) -> Any:
        side = 24 if quick else int(name.rpartition(" ")[2].partition("^")[0])
        shape = (side,) * (3 if name.endswith("^3") else 2)
        if name.startswith("obstacles"):
            return problems.poisson(shape, obstacles=6, seed=seed)
        return problems.diffusion(shape, contrast=1e5 if name == SPACE else 2e5, seed=seed)

    rows: list[dict[str, Any]] = []
    for name, count in SEEDS.items():
        kind, dimension = "masks" if name.startswith("obstacles") else "jumps", name[-1]
        recipe: Any = recipes.make(f"multigrid-{kind}-{dimension}d", {})
        entries = (LEARNED, (HAND, LearnedMultigrid(recipe.untrained())), UNTRAINED, CLASSICAL)
        for seed in range(HELD_OUT, HELD_OUT + (1 if quick else count)):
            case = Case(name, lambda name=name, seed=seed: system(name, seed))
            repeat = 1 if quick else 2 if name == LARGE else 5
            rows += measure("learned-multigrid", [case], entries, repeat=repeat, rtol=RTOL)
    return rows


def seconds(rows: list[dict[str, Any]], name: str, solver: str, phase: str = "total") -> float:
    """Return the sum of median times over the problems of a family, or NaN if one was not solved."""
    mine = [row for row in rows if row["family"] == name and row["solver"] == solver]
    return sum(row[phase]["median"] if row["converged"] else np.nan for row in mine)


def iterations(rows: list[dict[str, Any]], name: str, solver: str) -> list[int]:
    """Return the iterations on the problems of a family."""
    return [row["iterations"] for row in rows if row["family"] == name and row["solver"] == solver]


def targets(rows: list[dict[str, Any]]) -> list[tuple[str, str, float, float, bool]]:
    """Return problem, measure, target, value reached, and whether more is better."""

    def gain(name: str, rival: str) -> float:
        return seconds(rows, name, rival) / seconds(rows, name, LEARNED)

    growth = mean(iterations(rows, PLANE, LEARNED)) / mean(iterations(rows, SMALL, LEARNED))
    classical, untrained = f"prepare + solve, against {CLASSICAL}", f"prepare + solve, against {UNTRAINED}"
    return [
        (OBSTACLES, "iterations, largest", 9.0, max(iterations(rows, OBSTACLES, LEARNED)), False),
        (OBSTACLES, classical, 25.0, gain(OBSTACLES, CLASSICAL), True),
        (OBSTACLES, untrained, 1.15, gain(OBSTACLES, UNTRAINED), True),
        (LARGE, classical, 25.0, gain(LARGE, CLASSICAL), True),
        (PLANE, "iterations, mean", 15.0, mean(iterations(rows, PLANE, LEARNED)), False),
        (PLANE, classical, 4.5, gain(PLANE, CLASSICAL), True),
        (SPACE, classical, 3.0, gain(SPACE, CLASSICAL), True),
        (SPACE, untrained, 2.0, gain(SPACE, UNTRAINED), True),
        ("inclusions, 64^2 to 512^2", "growth of iterations", 1.7, growth, False),
    ]


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return times and iterations, followed by the targets."""
    table = Table("problem", "solver or measure", "iterations", "prepare ms", "solve ms", "target", "reached", "")
    for name in SEEDS:
        for solver in (LEARNED, HAND, UNTRAINED, CLASSICAL):
            taken = iterations(rows, name, solver)
            times = [
                median(row[phase]["median"] for row in rows if row["family"] == name and row["solver"] == solver)
                for phase in ("prepare", "solve")
            ]
            table.add_row(name, solver, f"{min(taken)} to {max(taken)}", *(f"{1e3 * t:.1f}" for t in times), "", "", "")
    for problem, measured, target, reached, more in targets(rows):
        met = reached >= target if more else reached <= target
        sign = "≥" if more else "≤"
        verdict = "met" if met else "missed"
        table.add_row(problem, measured, "", "", "", f"{sign} {target:.3g}", f"{reached:.3g}", verdict)
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the times to prepare and to solve, with one group of bars per family."""
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    axes = figure.subplots()
    names = list(SEEDS)
    for number, solver in enumerate((LEARNED, HAND, UNTRAINED, CLASSICAL)):
        place = np.arange(len(names)) + 0.2 * (number - 1.5)
        start, end = (np.array([seconds(rows, name, solver, p) for name in names]) for p in ("prepare", "total"))
        counts = np.array([SEEDS[name] for name in names])
        axes.bar(place, end / counts, 0.18, label=solver, color=f"C{number}")
        axes.bar(place, start / counts, 0.18, color="black", alpha=0.25)
    axes.set(yscale="log", ylabel="seconds (dark: prepare)")
    axes.set_xticks(range(len(names)), names)
    axes.legend(fontsize=8)
    return figure


SUITE = Suite(
    "learned-multigrid", "What does learning add to multigrid, and is it worth its set-up?", run, summary, plot
)
