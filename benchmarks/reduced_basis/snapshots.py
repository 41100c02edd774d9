"""Snapshots of parametric problems: time of a set on two processes, and of one large full-order solve."""

from __future__ import annotations

import time
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from statistics import median
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.harness import Suite
from ritz.comparing.environment import environment, pinned_threads
from ritz.problem_types.parametric.parametric_pde import ParametricPDE
from ritz.registry import problems

LIMIT = 120.0  # seconds, target for a set
STEADY, TRAJECTORIES = 300, 60
SMALL: dict[str, dict[str, Any]] = {
    "allen-cahn": {"shape": (12, 12), "steps": 6},
    "burgers": {"shape": (30,), "steps": 6},
    "laser-track": {"shape": (12, 12), "steps": 6},
    "perforated-plate": {"refinements": 0},
}
# Arguments for more than 100,000 unknowns, for the problems whose matrices suit multigrid.
LARGE: dict[str, dict[str, Any]] = {
    "two-materials": {},
    "thermal-block": {},
    "rotating-wind": {},
    "moving-reaction": {},
    "laser-track": {"steps": 2},
    "allen-cahn": {"steps": 5},
}


def run(quick: bool) -> list[dict[str, Any]]:
    """Measure each registered problem, with one thread per process."""
    with pinned_threads(1):
        names = [name for name in problems.names() if ".parametric." in problems[name].__module__]
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
            rows = [_set(name, executor, quick) for name in names]
        rows += [_large(name, quick) for name in (["thermal-block"] if quick else LARGE)]
        known = environment(threads=1, seed=0)
        return [{"suite": "snapshots", **row, "environment": known} for row in rows]


def _set(name: str, executor: Executor, quick: bool) -> dict[str, Any]:
    small = SMALL.get(name, {"shape": (12, 12)}) if quick else {}
    problem: ParametricPDE = problems[name](**small)
    count = 4 if quick else STEADY if problem.times is None else TRAJECTORIES
    points = problem.sample(count)
    problem.snapshots(points[:2], executor=executor)  # starts the processes, which is not timed
    start = time.perf_counter()
    problem.snapshots(points, executor=executor)
    seconds = time.perf_counter() - start
    singles, residuals = zip(*(_timed(problem, mu) for mu in points[:5]), strict=True)
    return {
        "family": name,
        "unknowns": problem.size,
        "snapshots": count,
        "seconds": seconds,
        "solve": median(singles),
        "residual": max(residuals),
    }


def _large(name: str, quick: bool) -> dict[str, Any]:
    """Return interleaved times of the problem's own solver and of sparse factors."""
    problem: ParametricPDE = problems[name](shape=(150, 150) if quick else (320, 320), **LARGE[name])
    assert problem.affine is not None
    factored = replace(problem, affine=replace(problem.affine, solver=None))
    seconds: dict[str, list[float]] = {"solve": [], "factors": []}
    residuals: list[float] = []
    for number, mu in enumerate(problem.sample(2 if quick else 4)):
        for kind, each in (("solve", problem), ("factors", factored)):
            took, residual = _timed(each, mu)
            residuals.append(residual)
            if number:  # the first round is a warm-up
                seconds[kind].append(took)
    middle = {kind: median(times) for kind, times in seconds.items()}
    return {
        "family": f"{name}, large",
        "unknowns": problem.size,
        **middle,
        "ratio": middle["factors"] / middle["solve"],
        "residual": max(residuals),
    }


def _timed(problem: ParametricPDE, mu: Any) -> tuple[float, float]:
    start = time.perf_counter()
    u = problem.solution(mu)
    return time.perf_counter() - start, problem.relative_residual(u, mu)


def summary(rows: list[dict[str, Any]]) -> Table:
    """Return the seconds of each set, and the milliseconds of one solve with the problem's solver and with factors."""
    table = Table("problem", "unknowns", "snapshots", "seconds", "one solve, ms", "with factors, ms", "residual")
    for row in rows:
        table.add_row(
            *(row["family"], f"{row['unknowns']:,}", str(row.get("snapshots", ""))),
            *(f"{row['seconds']:.1f}" if "seconds" in row else "", f"{1e3 * row['solve']:.1f}"),
            *(f"{1e3 * row['factors']:.0f}" if "factors" in row else "", f"{row['residual']:.0e}"),
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    """Plot the time of each set as a bar, with the limit."""
    sets = [row for row in rows if "seconds" in row]
    figure = Figure(figsize=(7.0, 1.0 + 0.3 * len(sets)), layout="constrained")
    panel = figure.subplots()
    panel.barh([f"{row['family']}, {row['snapshots']}" for row in sets], [row["seconds"] for row in sets], color="C0")
    panel.axvline(LIMIT, color="0.4", linestyle="--", linewidth=1)
    panel.set(xlabel="seconds on two processes", title="sets of snapshots")
    panel.invert_yaxis()
    return figure


SUITE = Suite("snapshots", "Do snapshots of every parametric problem take less than two minutes?", run, summary, plot)
