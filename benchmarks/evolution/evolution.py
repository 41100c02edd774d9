"""Time stepping against SciPy and py-pde at equal error, on the same discretisation in space."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import ritz
from benchmarks.harness import Suite, plot_time
from ritz import problems
from ritz.comparing.environment import environment, pinned_threads
from ritz.problem_types import Evolution

TARGET = 1e-3  # relative error in the Euclidean norm, at the worst of the times asked for
TOLERANCES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
REFERENCE = 1e-7
LIMIT = 120.0  # largest expected time of a run, in seconds
FIXED = {"py-pde, compiled": 1e-3}  # its steps are bounded by stability, and each run compiles for a minute
GROWTH = {"py-pde": 2.0, "py-pde, compiled": 2.0}  # explicit steps shrink with the cells
SIZES = {"heat, obstacles": (64, 128, 256, 512), "Gray-Scott": (64, 128, 256)}
END = {"heat, obstacles": 1.0, "Gray-Scott": 200.0}

Run = Callable[[Evolution, float], tuple[np.ndarray, float, float, dict[str, Any]]]
"""``run(evolution, rtol) -> (states, seconds of preparation, seconds of the run, statistics)``"""


def make(family: str, n: int) -> Evolution:
    times = np.linspace(0.0, END[family], 5)
    if family == "Gray-Scott":
        return problems.gray_scott((n, n), times=times)
    return problems.moving_heat_source((n, n), obstacles=6, times=times)


def registered(name: str, **options: Any) -> Run:
    """Return a run by a registered solver; preparation is a part of it."""

    def run(evolution: Evolution, rtol: float) -> tuple[np.ndarray, float, float, dict[str, Any]]:
        start = time.process_time()
        trajectory = ritz.solve(evolution, name, rtol=rtol, throw=False, **options)
        seconds = time.process_time() - start
        kept = ("method", "rejected", "prepared", "evaluations", "factorisations")
        stats = {key: value for key, value in trajectory.stats.items() if key in kept}
        return trajectory.states, 0.0, seconds, {"steps": trajectory.iterations, **stats}

    return run


def compiled(evolution: Evolution, rtol: float) -> tuple[np.ndarray, float, float, dict[str, Any]]:
    """Return a run of py-pde with rates that it compiles itself; the compilation counts as preparation."""
    import pde

    n, times = evolution.grid.shape[0], np.asarray(evolution.times)
    grid = pde.CartesianGrid([[0, 1], [0, 1]], [n, n], periodic=True)
    rates = {"u": "2e-5*laplace(u) - u*v**2 + 0.04*(1-u)", "v": "1e-5*laplace(v) + u*v**2 - 0.1*v"}
    begun = time.process_time()
    solver = pde.RungeKuttaSolver(pde.PDE(rates), adaptive=True, tolerance=rtol, backend="numba")
    state = pde.FieldCollection([pde.ScalarField(grid, row.reshape(n, n)) for row in evolution.initial])
    stepper = solver.make_stepper(state, dt=0.01)
    stepper(state.copy(), 0.0, 0.02)
    start = time.process_time()
    states = [evolution.initial]
    for before, after in pairwise(times):
        t = before
        while t < after - 1e-9:
            t = stepper(state, t, after)
        states.append(np.array(state.data).reshape(2, -1))
    return np.stack(states), start - begun, time.process_time() - start, {}


def competitors(family: str, quick: bool) -> Iterator[tuple[str, Run]]:
    yield "time-stepping", registered("time-stepping")
    yield "bdf2", registered("time-stepping", method="bdf2")
    yield "scipy BDF", registered("scipy-solve-ivp")
    if importlib.util.find_spec("pde") is not None:
        yield "py-pde", registered("py-pde")
        if family == "Gray-Scott" and not quick:
            yield "py-pde, compiled", compiled


def error(states: np.ndarray, reference: np.ndarray) -> float:
    """Return the largest relative error over the times."""
    if len(states) < len(reference):
        return np.inf
    pairs = zip(states[1:], reference[1:], strict=True)
    return max(float(np.linalg.norm(u - exact) / np.linalg.norm(exact)) for u, exact in pairs)


def run(quick: bool) -> list[dict[str, Any]]:
    """Choose each solver's tolerance on the smallest grid, and time it on all of them."""
    rows: list[dict[str, Any]] = []
    with pinned_threads(1):
        for family, sizes in SIZES.items():
            sizes = (24, 32) if quick else sizes
            tolerances: dict[str, float] = {}
            before: dict[str, tuple[int, float]] = {}
            for n in sizes:
                evolution = make(family, n)
                reference = ritz.solve(evolution, rtol=REFERENCE).states
                for name, go in competitors(family, quick):
                    known = before.get(name)
                    growth = GROWTH.get(name, 1.5)
                    if known is not None and known[1] * (n * n / known[0]) ** growth > (5.0 if quick else LIMIT):
                        continue
                    if name not in tolerances:
                        tolerances[name] = FIXED.get(name) or _calibrate(go, evolution, reference)
                    row = _measure(go, evolution, reference, tolerances[name], 1 if quick else 3)
                    before[name] = (n * n, row["total"]["median"])
                    Console(stderr=True).print(f"evolution: {family}, {n}², {name}: {row['total']['median']:.2f} s")
                    labels = {"suite": "evolution", "family": family, "solver": name, "unknowns": n * n}
                    rows.append({**labels, **row, "environment": environment(threads=1)})
    return rows


def _calibrate(go: Run, evolution: Evolution, reference: np.ndarray) -> float:
    for rtol in TOLERANCES:
        if error(go(evolution, rtol)[0], reference) <= TARGET:
            return rtol
    return TOLERANCES[-1]


def _measure(go: Run, evolution: Evolution, reference: np.ndarray, rtol: float, rounds: int) -> dict[str, Any]:
    runs = [go(evolution, rtol)]
    while len(runs) < rounds and runs[0][1] + runs[0][2] < 10.0:
        runs.append(go(evolution, rtol))
    seconds = [run[2] for run in runs]
    reached = error(runs[0][0], reference)
    return {
        "rtol": rtol,
        "error": reached,
        "converged": reached <= 3 * TARGET,
        "compilation": median(run[1] for run in runs),
        "total": {"median": median(seconds), "min": min(seconds), "max": max(seconds)},
        "stats": runs[0][3],
    }


def summary(rows: list[dict[str, Any]]) -> Table:
    table = Table()
    for head in ("problem", "unknowns", "solver", "rtol", "error", "seconds", "over time-stepping"):
        table.add_column(head)
    for row in rows:
        own = next(
            r
            for r in rows
            if (r["family"], r["unknowns"], r["solver"]) == (row["family"], row["unknowns"], "time-stepping")
        )
        more = f" (and {row['compilation']:.0f} to compile)" if row["compilation"] > 1.0 else ""
        table.add_row(
            row["family"],
            f"{row['unknowns']:,}",
            row["solver"],
            f"{row['rtol']:g}",
            f"{row['error']:.1e}",
            f"{row['total']['median']:.2f}{more}",
            f"{row['total']['median'] / own['total']['median']:.1f}",
        )
    return table


def plot(rows: list[dict[str, Any]]) -> Figure:
    figure = plot_time(rows, list(dict.fromkeys(row["family"] for row in rows)))
    for panel in figure.axes:
        panel.set_ylabel("ns per unknown")
    return figure


SUITE = Suite(
    "evolution", "How long does it take to follow an equation in time to an error of 0.1 %?", run, summary, plot
)
